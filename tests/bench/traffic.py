"""The ends of the proxy benchmark, each a process of its own: `serve PORT`, `load PORT SECONDS`.

Both do as little as HTTP allows, so that what is between them is what is measured.
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

CONNECTIONS: Final = 16
BODY: Final = b"hello"
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n" + BODY
REQUEST: Final = (
    b"GET /hello?x=1 HTTP/1.1\r\nHost: shop\r\nUser-Agent: load\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
)
END: Final = b"\r\n\r\n"


class Server(asyncio.Protocol):
    """Answers each request with five bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(END)
        self._transport.write(ANSWER * len(whole))


class Client(asyncio.Protocol):
    """Asks again as soon as it is answered."""

    good = 0
    bad = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self._seen.endswith(END + BODY):
            Client.good += self._seen.startswith(b"HTTP/1.1 200 ")
            Client.bad += not self._seen.startswith(b"HTTP/1.1 200 ")
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        Client.bad += 1

    def _ask(self) -> None:
        self._seen = b""
        self._transport.write(REQUEST)


async def serve(port: int) -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    print("listening", flush=True)
    await server.serve_forever()


async def load(port: int, seconds: float) -> None:
    """Print how many requests succeeded and how many did not."""
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(Client, "127.0.0.1", port)
    await asyncio.sleep(seconds)
    print(Client.good, Client.bad, flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port]:
            uvloop.run(serve(int(port)))
        case ["load", port, seconds]:
            uvloop.run(load(int(port), float(seconds)))
        case _:
            sys.exit(__doc__)
