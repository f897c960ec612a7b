"""The proxy's metrics page for Prometheus, on a loopback port of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_HOST: Final = "127.0.0.1"
_PATIENCE: Final = 5.0


async def serve_metrics(page: Callable[[], str], port: int) -> tuple[asyncio.Server, int]:
    """Serve `page` under /metrics, on `port` when that is free, else on another one; answers which."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, page))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, _HOST, port)
    except OSError:
        # The port is only kept for the convenience of scrapers; they ask where it is now.
        server = await asyncio.start_server(answer, _HOST, 0)
    found: int = server.sockets[0].getsockname()[1]
    return server, found


def _response(head: bytes, page: Callable[[], str]) -> bytes:
    words = head.split(maxsplit=2)
    if words[:2] != [b"GET", b"/metrics"]:
        return _framed(b"404 Not Found", b"text/plain; charset=utf-8", b"Only GET /metrics is here.\n")
    return _framed(b"200 OK", b"text/plain; version=0.0.4; charset=utf-8", page().encode())


def _framed(status: bytes, kind: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (
        status,
        kind,
        len(body),
        body,
    )
