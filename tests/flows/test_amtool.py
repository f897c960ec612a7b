"""amtool and Prometheus, unmodified, against us; what amtool says must be what it says of a real Alertmanager."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from alerting.routing.load import parse_routing
from tests.contracts.prometheus import promtool
from tests.fakes.alert_door import Door
from tests.fakes.alertmanager import Alertmanager, version
from tests.fakes.prometheus import PrometheusServer, missing_tools

pytestmark = pytest.mark.timeout(90)
CONFIG = """
global: {resolve_timeout: 30m}
route:
  receiver: default
  group_by: [alertname]
  group_wait: 1h
  routes:
  - receiver: team-a
    matchers: [team="a"]
    continue: true
    mute_time_intervals: [never]
  - receiver: team-ab
    matchers: ['team=~"a|b"', severity!="none"]
    group_by: ["..."]
receivers: [{name: default}, {name: team-a}, {name: team-ab}]
inhibit_rules:
- source_matchers: [severity="page"]
  target_matchers: [severity="ticket"]
  equal: [service]
time_intervals:
- name: never
  time_intervals: [{years: ["1999"]}]
"""
ENDS = "2099-01-01T00:00:00Z"
ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?UTC|Z)?")
MOVES = frozenset({"id", "startsAt", "endsAt", "updatedAt", "fingerprint", "silencedBy", "inhibitedBy"})


def lacking() -> str | None:
    missing = [tool for tool in ("alertmanager", "amtool") if shutil.which(tool) is None]
    if missing:
        return f"{' and '.join(missing)} not on PATH: install the package prometheus-alertmanager"
    return "its API lacks mutedBy before 0.28" if version() < (0, 28) else None


@pytest.fixture(autouse=True)
def tools_there() -> None:
    """Skip where they are missing; in CI that is a failure."""
    missing = lacking()
    if missing and os.environ.get("CI") and shutil.which("amtool") is None:
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


@dataclass(frozen=True)
class Said:
    """What a program said, and whether it was well with itself."""

    code: int
    out: str
    err: str


async def amtool(url: str, *words: str, stdin: str = "") -> Said:
    """Run amtool against the server, with no settings of this machine's user."""
    process = await asyncio.create_subprocess_exec(
        "amtool", f"--alertmanager.url={url}", "--no-version-check", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", "USER": "ada", "TZ": "UTC"},
    )  # fmt: skip
    async with asyncio.timeout(20):
        out, err = await process.communicate(stdin.encode())
    return Said(process.returncode or 0, out.decode(), err.decode())


@dataclass
class Both:
    """Two servers that are told the same."""

    urls: tuple[str, str]

    async def say(self, *words: str, stdin: str = "") -> tuple[Said, Said]:
        """What amtool says of Alertmanager, and of us."""
        theirs, ours = await asyncio.gather(*(amtool(url, *words, stdin=stdin) for url in self.urls))
        return theirs, ours

    async def same(self, *words: str, stdin: str = "") -> str:
        """Run it on both; what it said of us, which has to be what it said of Alertmanager."""
        theirs, ours = await self.say(*words, stdin=stdin)
        assert (ours.code, plain(ours.out)) == (theirs.code, plain(theirs.out)), (words, ours, theirs)
        return ours.out

    async def fails(self, *words: str) -> None:
        """Run it on both, which has to fail."""
        theirs, ours = await self.say(*words)
        assert (ours.code, theirs.code) == (1, 1), (words, ours, theirs)


def plain(text: str) -> Any:
    """The output without what differs between any two servers."""
    try:
        value = json.loads(text)
    except ValueError:
        return [" ".join(line.split()) for line in sorted(TIME.sub("TIME", ID.sub("ID", text)).splitlines())]
    return _plain(value)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _plain(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            return {key: _plain(one, key) for key, one in value.items()}
        case list() if name in MOVES:
            return len(value)
        case list():
            return sorted((_plain(one) for one in value), key=_text)
    return type(value).__name__ if name in MOVES else value


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    door = Door(parse_routing("alertmanager.yml", CONFIG))
    async with Alertmanager(CONFIG) as theirs, door.serving() as ours:
        yield Both((theirs.url, f"{ours}/alertmanager"))


async def add(both: Both, *alerts: tuple[str, ...]) -> None:
    for labels in alerts:
        await both.same("alert", "add", *labels, f"--end={ENDS}", "--annotation=summary=It is down.")


async def test_alerts_are_added_and_found(both: Both) -> None:
    await add(
        both,
        ("Down", "team=a", "service=shop", "severity=page", "instance=1"),
        ("Down", "team=b", "service=shop", "severity=ticket", "instance=2"),
        ("Slow", "team=c", "service=till", 'note=a b"c', "instance=3"),
    )
    await both.same("alert", "add", "Now", "--generator-url=http://prometheus.example/graph")
    await both.same("silence", "add", "instance=3", "--comment=Known.", "--duration=2h")
    for words in (
        (),
        ("alertname=Down",),
        ("Down",),
        ("team=~a|b", "severity!=page"),
        ("team!~a|b",),
        ("--silenced",),
        ("--active",),
        ("--inhibited",),
        ("--receiver=team-a",),
        ("--receiver=team.*",),
        ("--receiver=default", "alertname!=Now"),
        ('note=a b"c',),
    ):
        for form in ("simple", "extended", "json"):
            await both.same("--output", form, "alert", "query", *words)
    await both.same("alert", "query", "team=~(")
    await both.fails("alert", "query", "--receiver=(")
    await both.fails("alert", "add", "x=")


async def test_silences_are_added_found_changed_and_ended(both: Both) -> None:
    await both.same(
        "silence", "add", "alertname=Down", "team=~a|b", "--comment=Known.", "--author=ada", "--duration=2h"
    )
    await both.same("silence", "add", "team!=a", "x=y", "--comment=Other.", "--author=ben", "--duration=1h")
    await both.same("silence", "add", "a=b", "--comment=Later.", "--start=2098-01-01T00:00:00Z", f"--end={ENDS}")
    for words in ((), ("alertname=Down",), ("--created-by=ben",), ("--within=90m",), ("a=b",), ("nobody=x",)):
        for form in ("simple", "extended", "json"):
            await both.same("--output", form, "silence", "query", *words)
    await both.same("silence", "query", "--expired")
    ids = [(await amtool(url, "silence", "query", "-q", "alertname=Down")).out.split() for url in both.urls]
    assert [len(found) for found in ids] == [1, 1]
    for url, (one,) in zip(both.urls, ids, strict=True):
        assert (await amtool(url, "silence", "update", "--duration=3h", "--comment=Still.", one)).code == 0
    await both.same("--output", "json", "silence", "query")
    for url, (one,) in zip(both.urls, ids, strict=True):
        assert await amtool(url, "silence", "expire", one) == Said(0, "", "")
    await both.same("--output", "json", "silence", "query")
    await both.same("--output", "json", "silence", "query", "--expired")
    await both.fails("silence", "expire", "d3d17181-0000-0000-0000-000000000000")
    await both.fails("silence", "expire", "xyz")
    await both.fails("silence", "update", "--duration=1h", "d3d17181-0000-0000-0000-000000000000")
    await both.fails("silence", "add", "a=~.*", "--comment=All.")


async def test_silences_are_carried_over(both: Both) -> None:
    await both.same("silence", "add", "alertname=Down", "--comment=Known.", "--duration=2h")
    await both.same("silence", "add", "team=~a|b", "--comment=Moving.", "--duration=2h")
    theirs, _ = await both.say("--output", "json", "silence", "query")
    carried = await both.same("silence", "import", "--force", stdin=theirs.out)
    assert len(ID.findall(carried)) == 2
    assert len(json.loads(await both.same("--output", "json", "silence", "query"))) == 4


async def test_the_cluster_and_the_configuration_are_shown(both: Both) -> None:
    await both.same("cluster", "show")
    theirs, ours = await both.say("config", "show")
    assert yaml.safe_load(ours.out)["receivers"] == yaml.safe_load(theirs.out)["receivers"]
    await both.same("config", "routes", "show")
    for labels in (("team=a",), ("team=b",), ("team=b", "severity=none"), ("x=y",), ()):
        await both.same("config", "routes", "test", *labels)
    await both.same("config", "routes", "test", "--verify.receivers=team-a,team-ab", "team=a", "severity=page")
    await both.fails("config", "routes", "test", "--verify.receivers=default", "team=a")


RULES = """
groups:
- name: g
  interval: 500ms
  rules:
  - {alert: Once, expr: "up == 1", labels: {team: a}, annotations: {at: "{{ $value }}"}}
"""


class _Pushing(PrometheusServer):
    """Tells its alerts about a target to an Alertmanager."""

    def __init__(self, address: str, target: str) -> None:
        super().__init__(targets=[target], rules=RULES, interval="200ms", external_labels={"region": "eu"})
        self._address = address

    def _configure(self, room: Path) -> None:
        super()._configure(room)
        path = room / "prometheus.yml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        target = {"path_prefix": "/alertmanager", "static_configs": [{"targets": [self._address]}]}
        config["alerting"] = {"alertmanagers": [target]}
        path.write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.mark.skipif(missing_tools() is not None or promtool.version() < (3,), reason="no Prometheus of 3 or later")
async def test_prometheus_pushes_an_alert_that_fires_and_ends() -> None:
    door = Door(parse_routing("alertmanager.yml", CONFIG))
    told, target = asyncio.Event(), await _target()
    address = f"127.0.0.1:{target.addresses[0][1]}"
    door.store.listen(lambda _: told.set())
    async with door.serving() as url, _Pushing(url.removeprefix("http://"), address), asyncio.timeout(60):
        await told.wait()
        (alert,) = door.store.all()
        about = {"instance": address, "job": "test", "region": "eu"}
        assert dict(alert.labels) == {"alertname": "Once", "team": "a", **about}
        assert not alert.resolved(door.now())
        assert (await amtool(f"{url}/alertmanager", "alert", "query", "-o", "json")).out.count("Once") >= 1
        await target.cleanup()
        while not door.store.all()[0].resolved(door.now()):
            told.clear()
            await told.wait()
        (alert,) = door.store.all()
        assert (alert.source, alert.expires, alert.generator_url[:7]) == ("api", False, "http://")


async def _target() -> web.AppRunner:
    """What the Prometheus scrapes: the alert fires as long as it answers."""
    app = web.Application()
    app.router.add_get("/metrics", _no_metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def _no_metrics(_: web.Request) -> web.Response:
    return web.Response(text="", content_type="text/plain")


HOOK = """
route: {{receiver: us, group_wait: 0s, group_interval: 1s}}
receivers: [{{name: us, webhook_configs: [{{url: "{url}/webhooks/alertmanager"}}]}}]
"""


async def test_an_alertmanager_elsewhere_tells_us_by_webhook() -> None:
    door = Door(parse_routing("alertmanager.yml", CONFIG))
    told = asyncio.Event()
    door.store.listen(lambda _: told.set())
    async with door.serving() as url, Alertmanager(HOOK.format(url=url)) as elsewhere, asyncio.timeout(30):
        words = ("alert", "add", "Down", "team=a", "--annotation=summary=It is down.")
        await amtool(elsewhere.url, *words, f"--end={ENDS}")
        await told.wait()
        (alert,) = door.store.all()
        assert dict(alert.labels) == {"alertname": "Down", "team": "a"}
        assert (alert.source, alert.ends_at, alert.annotations["summary"]) == ("webhook", None, "It is down.")
        told.clear()
        await amtool(elsewhere.url, *words, f"--end={door.now().isoformat()}")
        await told.wait()
        (alert,) = door.store.all()
        assert alert.resolved(door.now())
