"""Alerts accepted over API v2 beside a real Alertmanager: CPU for each, new and told again, and memory.

Both follow the same configuration, whose groups wait so long that nothing is told; the same client loads them in turn.
"""

import asyncio
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from tests.bench.figure import Figure
from tests.bench.process import cpu_seconds, memory
from tests.bench.shop import need, until
from tests.fakes.alertmanager import free_port
from tests.fakes.house import House
from tests.fakes.scene import HOST, Scene

ROUNDS: Final = 5
BATCH: Final = 256
BATCHES: Final = 40
AGAIN: Final = 5
"""How often the alerts of a round are told again."""
SETTLE: Final = 1.5  # seconds in which what was put off is done
IDLE: Final = 4.0  # seconds
LOOK: Final = 0.05  # seconds
EACH: Final = BATCH * BATCHES
CONFIG: Final = """
route: {receiver: nobody, group_by: [alertname, cluster], group_wait: 1h, group_interval: 1h}
receivers: [{name: nobody}]
"""
JSON: Final = {"Content-Type": "application/json"}
HOW: Final = (
    f"{ROUNDS} rounds in turns on loopback, {BATCHES} requests of {BATCH} alerts over one connection, each with eight "
    f"labels and three annotations; told again {AGAIN} times with a later end; CPU until {SETTLE} s later, "
    "less what the process uses when it is left alone"
)
GROWTH: Final = "resident memory after the last round less that before the first, for each 10,000 alerts that fire then"


@dataclass(slots=True)
class Server:
    """One that is loaded: its process, where its API is, and what was measured, in µs of CPU an alert.

    `idle` is the share of a core it uses when it is left alone, `grown` MB for 10,000 alerts.
    """

    pid: int
    url: str
    idle: float = 0.0
    new: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    grown: float = 0.0


async def measure() -> Sequence[Figure]:
    """CPU for an alert that is new and one told again, memory of those that fire, and how ours compares."""
    program = need("alertmanager", "prometheus-alertmanager")
    async with AsyncExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        ours = await stack.enter_async_context(_ours(room))
        theirs = await stack.enter_async_context(_alertmanager(program, room))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        ours.idle, theirs.idle = await asyncio.gather(_idle(ours), _idle(theirs))
        before = [memory(one.pid).resident for one in (ours, theirs)]
        for number in range(ROUNDS):
            for one in (ours, theirs):
                await _round(http, one, number)
        for one, held in zip((ours, theirs), before, strict=True):
            one.grown = (memory(one.pid).resident - held) * 10_000 / (EACH * ROUNDS)
    return [
        *_compared("New alert", ours.new, theirs.new, 1.0),
        *_compared("Alert told again", ours.again, theirs.again, 0.25),
        *_memory(ours, theirs),
    ]


def _compared(what: str, ours: Sequence[float], theirs: Sequence[float], aim: float) -> list[Figure]:
    ratios = tuple(mine / other for mine, other in zip(ours, theirs, strict=True))
    return [
        Figure(f"{what}, CPU", "µs", tuple(ours), HOW),
        Figure(f"{what}, CPU of Alertmanager in the same run", "µs", tuple(theirs), HOW),
        Figure(f"{what}, ours over Alertmanager's", "times", ratios, "the ratio of the two in each round", aim=aim),
    ]


def _memory(ours: Server, theirs: Server) -> list[Figure]:
    return [
        Figure("Memory of 10,000 alerts", "MB", (ours.grown,), GROWTH),
        Figure("Memory of 10,000 alerts in Alertmanager", "MB", (theirs.grown,), GROWTH),
        Figure("Memory of alerts, ours over Alertmanager's", "times", (ours.grown / theirs.grown,), GROWTH, aim=2.0),
    ]


async def _round(http: aiohttp.ClientSession, server: Server, number: int) -> None:
    server.new.append(await _load(http, server, [_bodies(number, minute=0)]))
    later = [_bodies(number, minute=minute) for minute in range(1, AGAIN + 1)]
    server.again.append(await _load(http, server, later))


async def _load(http: aiohttp.ClientSession, server: Server, tellings: Sequence[Sequence[bytes]]) -> float:
    """Microseconds of CPU for an alert, without what the process uses when it is left alone."""
    loop, before = asyncio.get_running_loop(), cpu_seconds(server.pid)
    begin = loop.time()
    for body in (body for bodies in tellings for body in bodies):
        async with http.post(f"{server.url}/api/v2/alerts", data=body, headers=JSON) as answer:
            assert answer.status == 200, await answer.text()
    await asyncio.sleep(SETTLE)
    used = cpu_seconds(server.pid) - before - server.idle * (loop.time() - begin)
    return 1e6 * used / (len(tellings) * EACH)


async def _idle(server: Server) -> float:
    """The share of a core that is used while nobody asks."""
    before = cpu_seconds(server.pid)
    await asyncio.sleep(IDLE)
    return (cpu_seconds(server.pid) - before) / IDLE


def _bodies(number: int, *, minute: int) -> list[bytes]:
    first = number * EACH
    return [
        msgspec.json.encode([_alert(one, minute) for one in range(start, start + BATCH)])
        for start in range(first, first + EACH, BATCH)
    ]


def _alert(number: int, minute: int) -> dict[str, Any]:
    """As Prometheus tells one of several instances on a node."""
    node = f"node-{number // 6}.example.com"
    return {
        "annotations": {
            "description": "More than 5 % of the requests failed over the last five minutes. Current value: 7.31 %",
            "runbook_url": "https://runbooks.example.com/high-errors",
            "summary": f"Too many requests to shop fail on {node}",
        },
        "endsAt": f"2098-01-01T00:{minute:02d}:00.123Z",
        "startsAt": "2026-01-05T09:00:00.123Z",
        "generatorURL": "http://prometheus.example.com:9090/graph?g0.expr=rate%28errors_total%5B5m%5D%29&g0.tab=1",
        "labels": {
            "alertname": f"HighErrorRate{number % 50}",
            "cluster": "eu-west-1",
            "environment": "production",
            "instance": f"{node}:9100",
            "job": "shop",
            "namespace": f"team-{number % 17}",
            "pod": f"shop-6d5f9c7b8-{number:06d}",
            "severity": "page" if number % 3 else "ticket",
        },
    }


@asynccontextmanager
async def _ours(room: Path) -> AsyncIterator[Server]:
    async with House(room, Scene()) as house:
        (room / "alertmanager.yml").write_text(CONFIG, encoding="utf-8")
        await house.start()
        yield Server(house.pid, f"{house.board}/alertmanager")


@asynccontextmanager
async def _alertmanager(program: str, room: Path) -> AsyncIterator[Server]:
    port = free_port()
    command = [
        program,
        f"--config.file={room / 'alertmanager.yml'}",
        f"--storage.path={room / 'alertmanager'}",
        f"--web.listen-address={HOST}:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    url = f"http://{HOST}:{port}"
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with aiohttp.ClientSession() as http:
            await until(lambda: _is_ready(http, url), look=LOOK)
        yield Server(process.pid, url)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/-/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
