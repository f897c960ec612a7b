"""Requests that fail while the proxy carries canaries and blue-greens under load, told as by the strategies.

Instances are servers of this process, so that a hundred deployments take seconds; the proxy is the real process.
"""

import asyncio
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.ports import Instance, InstanceHealth, InstanceId
from engine.strategy_specs import Pin, StrategySpec
from engine.targets import Balancing, LocalTarget
from tests.bench.figure import Figure
from tests.bench.shop import until
from tests.fakes.scene import HOST

CANARIES: Final = 50
BLUE_GREENS: Final = 50
STEPS: Final = (10, 50, 100)
COPIES: Final = 2
CALLERS: Final = 8
BETWEEN: Final = 30  # requests answered at each weight
LOOK: Final = 0.005  # seconds
PIN: Final = Pin("header", "X-Try", "new")
METHODS: Final = (
    b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody",
)


async def measure() -> Sequence[Figure]:
    """All requests that were not answered whole with 200, over 50 canaries and 50 blue-greens."""
    with tempfile.TemporaryDirectory(prefix="bench-") as room:
        load = await rehearse(Path(room), canaries=CANARIES, blue_greens=BLUE_GREENS)
    how = (
        f"{load.good} requests of GET and POST on {CALLERS} kept connections through the proxy, which is told each "
        f"weight over its socket and read back; each deployment brings {COPIES} new instances, shifts, lets the old "
        "ones drain, and then cuts their connections"
    )
    name = f"Failed requests over {CANARIES} canaries and {BLUE_GREENS} blue-greens, the proxy alone"
    return [Figure(name, "requests", (len(load.bad),), how, aim=0)]


async def rehearse(
    room: Path, *, canaries: int, blue_greens: int, balancing: Balancing = "round-robin", patience: float = 120.0
) -> "Load":
    """Do that many of both under load. Raises AssertionError when a version is shown to whom it should not be."""
    async with AsyncExitStack() as stack:
        theatre = await stack.enter_async_context(open_theatre(room, balancing))
        await stack.enter_async_context(asyncio.timeout(patience))
        load = Load(_target(theatre.place).port)
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                group.create_task(load.call(METHODS[number % 2]), name=f"caller {number}")
            try:
                for number in range(max(canaries, blue_greens)):
                    if number < canaries:
                        await theatre.canary(load)
                    if number < blue_greens:
                        await theatre.blue_green(load)
            finally:
                load.stopping = True
        reading = await theatre.shifter.read(theatre.place)
        assert reading.lost == 0, f"the proxy counts {reading.lost} lost requests"
        return load


@dataclass(slots=True)
class Load:
    """Callers that ask without a pause; what is not a whole 200 is bad."""

    port: int
    good: int = 0
    bad: list[str] = field(default_factory=list)
    stopping: bool = False
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, request: bytes) -> None:
        """One caller, on one connection as long as it is kept."""
        while not self.stopping:
            reader, writer = await asyncio.open_connection(HOST, self.port)
            try:
                while not self.stopping:
                    writer.write(request)
                    status, _ = await _answer(reader)
                    self.good += status == 200
                    if status != 200:
                        self.bad.append(f"status {status}")
                    self._more.set()
            except (OSError, EOFError) as error:
                self.bad.append(repr(error))
            finally:
                writer.close()

    async def more(self, count: int) -> None:
        """Wait for that many further answers."""
        wanted = self.good + count
        while self.good < wanted:
            self._more.clear()
            await self._more.wait()


class Theatre:
    """Brings versions of one service out, one after the other, as the recipes of the strategies do."""

    def __init__(self, place: Placement, shifter: ProxyShifter) -> None:
        self.place = place
        self.shifter = shifter
        self._number = 0
        self._running: dict[InstanceId, Copy] = {}

    async def open(self) -> None:
        """The first version, with all of the traffic."""
        first = await self.start()
        await self.shift({first: 100})

    async def canary(self, load: Load) -> None:
        """A new version by steps; a request with the pin sees it from the first."""
        old = self._version()
        new = await self.start()
        await self.shift({old: 100})
        assert await self.seen(_target(self.place).port, b"X-Try: new\r\n") == new
        for weight in STEPS:
            await self.shift({old: 100 - weight, new: weight} if weight < 100 else {new: 100})
            await load.more(BETWEEN)
        await self._let_go(old, new)

    async def blue_green(self, load: Load) -> None:
        """A new version beside the old one, looked at on the preview port, then switched to."""
        old = self._version()
        new = await self.start()
        await self.shift({old: 100})
        target = _target(self.place)
        assert (await self.seen(target.preview_port), await self.seen(target.port)) == (new, old)
        await self.shift({new: 100})
        assert await self.seen(target.port) == new
        await load.more(BETWEEN)
        await self._let_go(old, new)

    async def close(self) -> None:
        """Cut what runs."""
        for copy in self._running.values():
            copy.cut()

    def _version(self) -> Version:
        return Version(f"v{self._number}")

    async def start(self) -> Version:
        """A new version, with instances of which the proxy was not told yet."""
        self._number += 1
        version = self._version()
        for ordinal in range(COPIES):
            copy = Copy(version.encode())
            self._running[InstanceId(f"shop-test-{version}-{ordinal}")] = copy
            await copy.open()
        return version

    async def shift(self, weights: dict[Version, int]) -> None:
        """Tell the weights, until all are ready and just these weights are read back."""
        instances = [self._instance(name, copy) for name, copy in self._running.items()]
        await self.shifter.configure(self.place, instances, weights)

        async def shifted() -> bool:
            reading = await self.shifter.read(self.place)
            return reading.weights == weights and len(reading.ready) == len(instances)

        await until(shifted, look=LOOK)

    async def _let_go(self, old: Version, new: Version) -> None:
        gone = {name: copy for name, copy in self._running.items() if copy.version == old.encode()}
        for name in gone:
            del self._running[name]
        await self.shift({new: 100})
        await until(lambda: self.shifter.drained(self.place, tuple(gone)), look=LOOK)
        for copy in gone.values():
            copy.cut()

    async def seen(self, port: int, fields: bytes = b"") -> str:
        """The version that answers at the port."""
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\n" + fields + b"Connection: close\r\n\r\n")
        _, body = await _answer(reader)
        writer.close()
        return body.decode()

    def _instance(self, name: InstanceId, copy: "Copy") -> Instance:
        place, version = self.place, Version(copy.version.decode())
        address, health = f"{HOST}:{copy.port}", InstanceHealth.STARTING
        return Instance(name, place.service, place.environment, version, address, 0, datetime.now(UTC), health)


class Copy:
    """An instance that answers with its version, after a moment now and then so that some are always under way."""

    def __init__(self, version: bytes) -> None:
        self.version = version
        self.port = 0
        self._answered = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """End as a process does: nothing is accepted, and what is open is reset."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, EOFError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"Content-Length: 4" in head:
                    await reader.readexactly(4)
                self._answered += 1
                await asyncio.sleep(0.01 if self._answered % 20 == 0 else 0)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self.version), self.version))
        self._writers.discard(writer)
        writer.close()


@asynccontextmanager
async def open_theatre(room: Path, balancing: Balancing = "round-robin") -> AsyncIterator[Theatre]:
    """A proxy in front of a first version, which has all of the traffic."""
    target = LocalTarget("none", ("none",), quiet_port(), preview_port=quiet_port(), balancing=balancing)
    health = HealthCheck(path="/", interval=timedelta(milliseconds=200))
    strategy = StrategySpec("any", "canary", pin=PIN)
    place = Placement(ServiceName("shop"), EnvironmentName("test"), target, health, strategy)
    shifter = ProxyShifter(room / "proxy")
    theatre = Theatre(place, shifter)
    try:
        await theatre.open()
        yield theatre
    finally:
        await shifter.stop()
        await theatre.close()


def quiet_port() -> int:
    """A free port that no outgoing connection of a busy machine is given meanwhile: below Linux' range for those."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def _target(place: Placement) -> LocalTarget:
    return place.on(LocalTarget)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return int(head.split(b" ", 2)[1]), await reader.readexactly(int(length))
