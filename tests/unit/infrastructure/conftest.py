"""A site of the proxy in the test's own loop, with instances that say exactly what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from engine.catalog import EnvironmentName, HealthCheck, ServiceName, Version
from engine.infrastructure.balancers.limits import Limits
from engine.infrastructure.balancers.orders import Member, Route
from engine.infrastructure.balancers.site import Site
from engine.infrastructure.balancers.tasks import Tasks
from engine.ports import InstanceId

Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Stage:
    """Instances by `instance`, requests by `ask`. Everything ends with the test."""

    def __init__(self, site: Site, port: int) -> None:
        self.site = site
        self.port = port
        self.seen: list[bytes] = []
        self.members: list[Member] = []
        self.servers: dict[str, asyncio.Server] = {}

    async def instance(self, name: str, handler: Handler, *, version: str = "v1") -> Member:
        """An instance that answers each request head by `handler`; the health path is answered for it."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    head = await reader.readuntil(b"\r\n\r\n")
                    if head.startswith(b"GET /healthz "):
                        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        break
                    self.seen.append(head)
                    await handler(head, reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.servers[name] = server
        member = Member(InstanceId(name), Version(version), f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        self.members.append(member)
        return member

    def route(self, weights: dict[str, int] | None = None, members: list[Member] | None = None) -> None:
        """Serve these members, taken for ready."""
        chosen = self.members if members is None else members
        told = {Version(name): weight for name, weight in (weights or {"v1": 100}).items()}
        route = Route(
            self.site.route.service,
            self.site.route.environment,
            self.port,
            self.site.route.health,
            tuple(chosen),
            told,
        )
        self.site.adopt(route, [one.id for one in chosen])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, data: bytes, *, seconds: float = 5.0) -> bytes:
        """Send bytes, then read until the proxy closes."""
        reader, writer = await self.connect()
        try:
            async with asyncio.timeout(seconds):
                writer.write(data)
                return await reader.read(-1)
        finally:
            writer.close()


def saying(response: bytes) -> Handler:
    """An instance that answers every request with these bytes, its body unread."""

    async def handler(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(response)

    return handler


@pytest.fixture
def limits() -> Limits:
    return Limits(head=0.3, idle=1.0, body=0.3, response=0.4, connect=0.5, linger=0.3, sweep=0.05)


@pytest.fixture
async def stage(limits: Limits) -> AsyncIterator[Stage]:
    tasks = Tasks()
    health = HealthCheck(interval=timedelta(milliseconds=50), timeout=timedelta(seconds=1))
    route = Route(ServiceName("shop"), EnvironmentName("production"), 0, health)
    site = Site(route, limits=limits, tasks=tasks, changed=lambda: None)
    port = await site.listen(0)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(limits.sweep)
            site.sweep()

    tasks.create_task(sweep(), name="sweep")
    stage = Stage(site, port)
    yield stage
    site.leave()
    site.abort()
    await tasks.cancel()
    for server in stage.servers.values():
        server.close()
    await asyncio.sleep(0)
