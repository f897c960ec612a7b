"""Active health checks: ask an instance again and again whether it is well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from engine.catalog import HealthCheck
from engine.infrastructure.balancers.standing import Finding
from engine.patience import patience

if TYPE_CHECKING:
    from engine.infrastructure.balancers.backend import Backend

_SOON: Final = 0.2  # seconds between looks at an instance that is starting
_HEAD_LIMIT: Final = 16 * 1024


async def watch(backend: Backend, health: Callable[[], HealthCheck]) -> None:
    """Check `backend` until cancelled. `health` is asked each time, since settings may change."""
    while True:
        check = health()
        backend.look_again.clear()
        backend.find(await look(backend.host, backend.port, check))
        interval = check.interval.total_seconds()
        wait = min(interval, _SOON) if backend.standing.eager else interval
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await backend.look_again.wait()


async def look(host: str, port: int, check: HealthCheck) -> Finding:
    """One GET of the health path: WELL is a 2xx within the check's timeout."""
    try:
        async with patience(check.timeout):
            status = await _status(host, port, check.path)
    except ConnectionRefusedError:
        return Finding.REFUSED
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return Finding.UNWELL
    return Finding.WELL if 200 <= status < 300 else Finding.UNWELL


async def _status(host: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(host, port, limit=_HEAD_LIMIT)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: pilothouse-health\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        version, status = (await reader.readuntil(b"\r\n")).split(maxsplit=2)[:2]
        if not version.startswith(b"HTTP/1."):
            raise ValueError(version)
        return int(status)
    finally:
        writer.close()
