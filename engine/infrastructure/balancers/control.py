"""The Unix socket over which the proxy is told what to do: one JSON object a line each way, for our user only."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from engine.infrastructure.balancers.orders import Answer, Failed, Order

_NAME: Final = "proxy.sock"
_LINE: Final = 1024 * 1024
_ORDERS: Final = msgspec.json.Decoder(Order)
_ANSWERS: Final = msgspec.json.Decoder(Answer)


class Control:
    """Listens in `directory` and passes orders to `obey`.

    The caller holds the directory's lock, so a socket found there is a dead proxy's.
    """

    def __init__(self, directory: Path, obey: Callable[[Order], Awaitable[Answer]]) -> None:
        self._directory = directory
        self._obey = obey
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen. Raises OSError when the directory does not allow it."""
        listener = await asyncio.to_thread(_bound, self._directory)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=_LINE)

    def close(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await _obeyed(line, self._obey)) + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # gone, or a line without end
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


async def connect(directory: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection of its own. Raises OSError when nobody listens."""
    with _short_path(directory) as path:
        return await asyncio.open_unix_connection(path, limit=_LINE)


def line_of(order: Order) -> bytes:
    """An order as it goes over the socket."""
    return msgspec.json.encode(order) + b"\n"


def answer_of(line: bytes) -> Answer:
    """What the proxy said. Raises MsgspecError when this release does not know it."""
    answer: Answer = _ANSWERS.decode(line)
    return answer


async def tell(directory: Path, order: Order) -> Answer:
    """Give one order and read its answer. Raises OSError or EOFError when nobody answers."""
    reader, writer = await connect(directory)
    try:
        writer.write(line_of(order))
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
    if not line:
        raise EOFError
    return answer_of(line)


async def _obeyed(line: bytes, obey: Callable[[Order], Awaitable[Answer]]) -> Answer:
    try:
        order = _ORDERS.decode(line)
    except msgspec.MsgspecError as error:
        return Failed("permanent", f"The proxy does not know this order: {error}.", "Is it of the same release?")
    return await obey(order)


def _bound(directory: Path) -> socket.socket:
    with _short_path(directory) as path:
        Path(path).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        Path(path).chmod(0o600)
    listener.listen()
    listener.setblocking(False)
    return listener


@contextmanager
def _short_path(directory: Path) -> Iterator[str]:
    """The socket's path by way of a descriptor: the kernel allows 108 bytes (unix(7)), directories may be deep."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{_NAME}"
    finally:
        os.close(descriptor)
