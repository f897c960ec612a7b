"""Our reverse proxy beside HAProxy: requests for each second of CPU, in turns, in front of the same instance."""

import asyncio
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.ports import Instance, InstanceHealth, InstanceId
from engine.strategy_specs import StrategySpec
from engine.targets import LocalTarget
from tests.bench.figure import Figure
from tests.bench.process import cpu_seconds
from tests.bench.shop import WITHIN, need, until
from tests.fakes.prometheus import free_port
from tests.fakes.scene import HOST, ROOT

ROUNDS: Final = 5
SECONDS: Final = 2.0
WARM_UP: Final = 0.5  # seconds
LOOK: Final = 0.05  # seconds
HAPROXY: Final = """
global
  nbthread 1
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  option forwardfor
  http-reuse always
frontend shop
  bind {host}:{port}
  unique-id-format %{{+X}}o%ci%cp%fi%fp%Ts%rt%pid
  unique-id-header X-Request-Id
  default_backend shop
backend shop
  server one {host}:{instance}
"""
HOW: Final = (
    f"{ROUNDS} rounds of {SECONDS:.0f} s each, in turns: 16 connections kept alive ask one instance for five bytes; "
    "both proxies use one thread, keep connections to the instance, and add a request id and the client's address"
)


async def measure() -> Sequence[Figure]:
    """Requests for each CPU second of both, and how many times more HAProxy's are."""
    program = need("haproxy", "haproxy")
    async with AsyncExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        instance = free_port()
        await stack.enter_async_context(_instance(instance))
        ours = await stack.enter_async_context(_ours(room, instance))
        theirs = await stack.enter_async_context(_haproxy(program, room, instance))
        await _round(ours, theirs, WARM_UP)
        rounds = [await _round(ours, theirs, SECONDS) for _ in range(ROUNDS)]
    own, other = zip(*rounds, strict=True)
    unit = "requests per CPU second"
    ratios = tuple(b / a for a, b in rounds)
    return [
        Figure("Proxy", unit, own, HOW),
        Figure("HAProxy in the same run", unit, other, HOW),
        Figure("HAProxy's over ours", "times", ratios, "the ratio of the two in each round"),
    ]


async def _round(ours: tuple[int, int], theirs: tuple[int, int], seconds: float) -> tuple[float, float]:
    return await _rate(*ours, seconds), await _rate(*theirs, seconds)


async def _rate(pid: int, port: int, seconds: float) -> float:
    """Requests for each CPU second of the process that listens at the port."""
    before = cpu_seconds(pid)
    async with _child(*_traffic("load", str(port), str(seconds))) as load:
        out, _ = await load.communicate()
    good, bad = (int(word) for word in out.split())
    assert bad == 0, f"{bad} requests failed at port {port}"
    return good / (cpu_seconds(pid) - before)


@asynccontextmanager
async def _ours(room: Path, instance: int) -> AsyncIterator[tuple[int, int]]:
    """Pid and port of our proxy in front of the instance."""
    port = free_port()
    place, one = _placement(port), _member(instance)
    shifter = ProxyShifter(room / "proxy")

    async def ready() -> bool:
        return bool((await shifter.read(place)).ready)

    try:
        await shifter.configure(place, [one], {one.version: 100})
        await until(ready, look=LOOK)
        yield int((room / "proxy" / "proxy.pid").read_text()), port
    finally:
        await shifter.stop()


def _placement(port: int) -> Placement:
    target = LocalTarget(artifact="none", command=("none",), port=port)
    strategy = StrategySpec("quick", "rolling")
    return Placement(ServiceName("shop"), EnvironmentName("production"), target, HealthCheck(path="/"), strategy)


def _member(port: int) -> Instance:
    return Instance(
        InstanceId("one"),
        ServiceName("shop"),
        EnvironmentName("production"),
        Version("v1"),
        f"{HOST}:{port}",
        pid=0,
        started_at=datetime.now(UTC),
        health=InstanceHealth.STARTING,
    )


@asynccontextmanager
async def _haproxy(program: str, room: Path, instance: int) -> AsyncIterator[tuple[int, int]]:
    """Pid and port of an HAProxy in front of the instance."""
    port, config = free_port(), room / "haproxy.cfg"
    config.write_text(HAPROXY.format(host=HOST, port=port, instance=instance), encoding="utf-8")
    async with _child(program, "-db", "-f", str(config)) as process:
        await until(partial(_listens, port), look=LOOK)
        yield process.pid, port


@asynccontextmanager
async def _instance(port: int) -> AsyncIterator[None]:
    async with _child(*_traffic("serve", str(port))) as process:
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN):
            assert await process.stdout.readline(), "the instance did not start"
        yield


@asynccontextmanager
async def _child(*command: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL, cwd=ROOT)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def _traffic(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.traffic", *words]


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
