"""What evaluating rules costs: ours beside vmalert and beside Prometheus evaluating them itself, in one run."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp

from alerting.metrics.remote_write import RemoteWriter
from tests.bench.figure import Figure
from tests.bench.process import cpu_seconds
from tests.bench.rule_load import fill, rule_file
from tests.bench.shop import need
from tests.fakes.alertmanager import Alertmanager
from tests.fakes.prometheus import free_port
from tests.fakes.scene import ROOT
from tests.fakes.watchtower import Watchtower
from tests.fakes.writable_prometheus import RuledPrometheus

INTERVAL: Final = 15.0
ROUNDS: Final = 2
SETTLE: Final = 20.0  # an interval and what starting takes
IDLE: Final = 5.0
RULES: Final = 2000
FEW: Final = 1000
MANY: Final = 10_000
STANDING: Final = 450.0  # until 200 incidents stand in one channel with their threads, at a post a second
PAST: Final = 360.0  # seconds of series before and after the start; Prometheus takes ten minutes ahead
FUTURE: Final = 560.0
ROUTING: Final = """
route: {{receiver: chat, group_by: [alertname], group_wait: 0s}}
receivers: [{{name: chat, chat_configs: [{{channel: incidents}}]}}]
"""
NOBODY: Final = "{route: {receiver: nobody, group_by: [alertname]}, receivers: [{name: nobody}]}"
HOW: Final = (
    f"CPU of the client and of Prometheus above its idle share over {ROUNDS} rounds of {INTERVAL:.0f} s, for each "
    "evaluation of a rule; 24,000 series of 200 targets, every tenth rule fires for 20 instances whose values change; "
    "Pilothouse is its evaluator as a process of its own with a SQLite database; the whole product is `serve` while "
    "200 incidents of 20 alerts stand in chat and are rewritten; vmalert has no place to write to and tells nobody, "
    "save in the figure with an Alertmanager, which it tells of every alert and whose CPU is counted too"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU for one evaluation of one rule."""

    client: float
    server: float

    @property
    def both(self) -> float:
        """Together."""
        return self.client + self.server


@dataclass(slots=True)
class Bench:
    """A Prometheus full of series, and how much it uses when nobody asks."""

    server: RuledPrometheus
    room: Path
    idle: float = 0.0
    full_until: float = 0.0

    async def fill(self) -> None:
        """Go on with the series for as long as Prometheus takes them ahead."""
        begin, now = self.full_until or time.time() - PAST, time.time()
        async with aiohttp.ClientSession() as session:
            await fill(RemoteWriter(session, self.server.write_url), begin, now + FUTURE)
        self.full_until = now + FUTURE

    async def cost(self, rules: int, *pids: int, settle: float = SETTLE) -> Cost:
        """What one round after the other costs these processes and the server, once all has settled."""
        await asyncio.sleep(settle)
        before = self._used(pids)
        begin = time.monotonic()
        await asyncio.sleep(ROUNDS * INTERVAL)
        took = time.monotonic() - begin
        client, server = (after - then for after, then in zip(self._used(pids), before, strict=True))
        evaluations = rules * took / INTERVAL
        return Cost(1000 * client / evaluations, 1000 * max(server - self.idle * took, 0.0) / evaluations)

    def _used(self, pids: Sequence[int]) -> tuple[float, float]:
        return sum(map(cpu_seconds, pids)), cpu_seconds(self.server.pid)

    def write_rules(self, rules: int) -> Path:
        """The rule file with that many rules."""
        path = self.room / f"{rules}.yml"
        path.write_text(rule_file(rules, f"{INTERVAL:.0f}s"), encoding="utf-8")
        return path


async def measure() -> Sequence[Figure]:
    """Ours, vmalert and Prometheus one after the other, on the same server."""
    need("prometheus", "prometheus")
    need("vmalert", "vmalert of VictoriaMetrics")
    need("alertmanager", "prometheus-alertmanager")
    async with _bench() as bench:
        path = bench.write_rules(RULES)
        async with _process(*_ours(path, bench)) as client:
            ours = await bench.cost(RULES, client.pid)
        async with _process(*_vmalert(path, bench, "-notifier.blackhole")) as client:
            theirs = await bench.cost(RULES, client.pid)
        bench.server.take(path.read_text(encoding="utf-8"))
        own = await bench.cost(RULES)
        bench.server.take("groups: []")
        telling = await _vmalert_telling(path, bench)
        whole = await _whole_product(rule_file(RULES, f"{INTERVAL:.0f}s"), bench)
    return [
        *_figures("Rule evaluation, Pilothouse", ours),
        *_figures("Rule evaluation, vmalert", theirs),
        *_figures("Rule evaluation, vmalert with Alertmanager", telling),
        *_figures("Rule evaluation, the whole product", whole),
        Figure("Rule evaluation, Prometheus itself", "ms of CPU", (own.both,), HOW),
        Figure("Rule evaluation, Pilothouse beside vmalert", "times", (ours.both / theirs.both,), HOW, aim=0.1),
        Figure("Rule evaluation, the whole product beside vmalert", "times", (whole.both / theirs.both,), HOW, aim=0.1),
        Figure(
            "Rule evaluation, the whole product beside vmalert with Alertmanager",
            "times",
            (whole.both / telling.both,),
            HOW,
        ),
        Figure("Rule evaluation, the whole product beside Prometheus", "times", (whole.both / own.both,), HOW, aim=1),
        Figure("Rule evaluation, Pilothouse beside Prometheus", "times", (ours.both / own.both,), HOW, aim=1),
    ]


async def measure_many() -> Sequence[Figure]:
    """1,000 and 10,000 rules."""
    need("prometheus", "prometheus")
    async with _bench() as bench:
        few, _ = await _ours_alone(bench, FEW)
        many, missed = await _ours_alone(bench, MANY)
    how = f"as above, with {FEW} and then with {MANY} rules"
    return [
        Figure(f"Rule evaluation, {FEW} rules", "ms of CPU", (few.both,), how),
        Figure(f"Rule evaluation, {MANY} rules", "ms of CPU", (many.both,), how, aim=few.both),
        Figure(f"Slots missed, {MANY} rules", "slots", (missed,), how, aim=0),
    ]


def _figures(what: str, cost: Cost) -> list[Figure]:
    return [
        Figure(f"{what}: client", "ms of CPU", (cost.client,), HOW),
        Figure(f"{what}: with Prometheus", "ms of CPU", (cost.both,), HOW),
    ]


async def _ours_alone(bench: Bench, rules: int) -> tuple[Cost, int]:
    async with _process(*_ours(bench.write_rules(rules), bench)) as client:
        cost = await bench.cost(rules, client.pid)
        client.terminate()
        assert client.stdout is not None
        told = json.loads(await client.stdout.read())
    assert told["evaluated"] == rules, told
    assert told["failed"] == 0, told
    return cost, told["missed"]


def _ours(rules: Path, bench: Bench) -> Sequence[str]:
    database = str(bench.room / f"{rules.stem}.db")
    return (sys.executable, "-m", "tests.bench.rule_process", str(rules), bench.server.url, database)


async def _whole_product(rules: str, bench: Bench) -> Cost:
    """`pilothouse serve`: alerts, incidents and chat too. Every rule that fires is an incident of its 20 alerts."""
    room = bench.room / "whole"
    room.mkdir()
    await bench.fill()
    async with Watchtower(room, rules, routing=ROUTING, prometheus_url=bench.server.url) as tower:
        return await bench.cost(RULES, await tower.start("whole"), settle=STANDING)


async def _vmalert_telling(rules: Path, bench: Bench) -> Cost:
    async with (
        Alertmanager(NOBODY) as manager,
        _process(*_vmalert(rules, bench, f"-notifier.url={manager.url}")) as one,
    ):
        return await bench.cost(RULES, one.pid, manager.pid)


def _vmalert(rules: Path, bench: Bench, notifier: str) -> Sequence[str]:
    return (
        "vmalert",
        f"-rule={rules}",
        f"-datasource.url={bench.server.url}",
        notifier,
        f"-evaluationInterval={INTERVAL:.0f}s",
        f"-httpListenAddr=127.0.0.1:{free_port()}",
    )


@asynccontextmanager
async def _bench() -> AsyncIterator[Bench]:
    with TemporaryDirectory(prefix="rules-") as room:
        async with RuledPrometheus() as server:
            bench = Bench(server, Path(room))
            await bench.fill()
            await asyncio.sleep(IDLE)
            before = cpu_seconds(server.pid)
            await asyncio.sleep(IDLE)
            bench.idle = (cpu_seconds(server.pid) - before) / IDLE
            yield bench


@asynccontextmanager
async def _process(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
