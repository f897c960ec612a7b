"""Two hundred deployments at once on one node: whether each gets its turn on time, and what each costs."""

import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from tests.bench.figure import Figure
from tests.bench.process import cpu_seconds, memory
from tests.bench.proxy_shifts import quiet_port
from tests.bench.shop import need
from tests.fakes.chronicle import Fact
from tests.fakes.house import House
from tests.fakes.scene import HOST, ROOT, Scene

MANY: Final = 200
DWELL: Final = timedelta(seconds=5)
WITHIN: Final = 180.0
AT_ONCE: Final = 20
HOW: Final = (
    f"{MANY} services of one instance (busybox httpd) deploy v2 at once by the API, each a canary of 50 % for "
    f"{DWELL.total_seconds():.0f} s and then 100 %, on SQLite"
)


async def measure() -> Sequence[Figure]:
    """How late the end of a dwell is noticed; CPU, memory and rows of a deployment; and how long all take."""
    need("busybox", "busybox-static")
    with tempfile.TemporaryDirectory(prefix="crowd-") as room:
        async with House(Path(room), Scene()) as house:
            _crowd(house)
            await house.start()
            api = await _Api.of(house)
            await _all(house, api, "v1")
            before, rows, busy = memory(house.pid).proportional, house.chronicle.last(), cpu_seconds(house.pid)
            took = await _all(house, api, "v2")
            peak, facts = memory(house.pid).proportional, house.chronicle.facts(after=rows)
            busy = cpu_seconds(house.pid) - busy
    return _figures(facts, peak - before, took, busy)


def _figures(facts: Sequence[Fact], megabytes: float, took: float, busy: float) -> Sequence[Figure]:
    lags = sorted(_lags(facts))
    p99 = lags[int(len(lags) * 0.99)]
    late = "from the end of the dwell, counted from the router's first word of the weight, to the step's recorded end"
    return [
        Figure(f"{MANY} deployments at once, lag p99", "s", (p99,), f"{HOW}; {late}", aim=1),
        Figure(f"{MANY} deployments at once, all done", "s", (took,), HOW),
        Figure("CPU of a deployment", "ms", (1000 * busy / MANY,), f"{HOW}; the product without its proxy"),
        Figure("Memory of a deployment", "MB", (megabytes / MANY,), f"{HOW}; growth of the product's share of memory"),
        Figure("Database rows of a deployment", "rows", (len(facts) / MANY,), f"{HOW}; rows of the event log"),
    ]


def _lags(facts: Sequence[Fact]) -> Iterator[float]:
    """Seconds that the first step of each deployment was left late."""
    reached: dict[str, Fact] = {}
    for one in facts:
        if one.type == "WeightShifted":
            reached.setdefault(one.stream, one)
        elif one.type == "StepPassed" and one.data["step"] == 0:
            yield max((one.at - reached[one.stream].at - DWELL).total_seconds(), 0.0)


def _crowd(house: House) -> None:
    """Many services instead of the shop."""
    for version in ("v1", "v2"):
        folder = house.room / "releases" / version
        folder.mkdir(parents=True)
        (folder / "healthz").write_text("well")
    file = yaml.safe_load(house.settings.read_text(encoding="utf-8"))
    steps = [{"weight": 50, "dwell": f"{DWELL.total_seconds():.0f}s"}, {"weight": 100, "dwell": "0s"}]
    file["strategies"] = {"careful": {"kind": "canary", "steps": steps, "gates": []}}
    file["environments"] = {"staging": file["environments"]["staging"]}
    ports = set[int]()
    while len(ports) < MANY:
        ports.add(quiet_port())
    file["services"] = {f"s{n}": _service(house, port) for n, port in enumerate(sorted(ports))}
    house.settings.write_text(yaml.safe_dump(file), encoding="utf-8")


def _service(house: House, port: int) -> Mapping[str, Any]:
    command = ["busybox", "httpd", "-f", "-p", f"{HOST}:{{port}}", "-h", "{artifact}"]
    return {
        "local": {"artifact": str(house.room / "releases" / "{version}"), "command": command},
        "health": {"interval": "10s"},
        "environments": {"staging": {"port": port, "instances": 1, "strategy": "careful"}},
    }


class _Api:
    """Asks for deployments as Ada's program does."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._gate = asyncio.Semaphore(AT_ONCE)

    @classmethod
    async def of(cls, house: House) -> "_Api":
        words = ("token", "create", "--person", "ada", "--name", "bench", "--config", str(house.settings))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.inputs.cli", *words),
            cwd=ROOT,
            env=house.environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        return cls(house.board, said.decode().strip())

    async def deploy(self, session: aiohttp.ClientSession, service: str, version: str) -> None:
        body = {"service": service, "version": version, "environment": "staging"}
        async with (
            self._gate,
            session.post(f"{self._url}/api/v1/deployments", json=body, headers=self._headers) as answer,
        ):
            assert answer.status < 300, json.dumps(await answer.json())


async def _all(house: House, api: _Api, version: str) -> float:
    """Deploy the version everywhere; seconds until all are done."""
    loop, ended, before = asyncio.get_running_loop(), defaultdict[str, str](str), house.chronicle.last()
    begin, last = loop.time(), before
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(api.deploy(session, f"s{n}", version) for n in range(MANY)))
    async with asyncio.timeout(WITHIN):
        while len(ended) < MANY:
            for one in house.chronicle.facts("deployment/", after=last):
                last = one.position
                if one.type.startswith("Deployment") and one.type.endswith(("Succeeded", "Failed", "RolledBack")):
                    ended[one.stream] = one.type
            await asyncio.sleep(0.2)
    assert set(ended.values()) == {"DeploymentSucceeded"}, "\n".join(_troubles(house, before))
    return loop.time() - begin


def _troubles(house: House, after: int) -> Iterator[str]:
    """What stood in the way of those that did not succeed."""
    for one in house.chronicle.facts("deployment/", after=after):
        if reason := one.data.get("reason"):
            yield f"{one.stream} {one.type}: {reason}"
