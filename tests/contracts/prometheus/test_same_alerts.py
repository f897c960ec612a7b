"""Our evaluation and Prometheus' own, on the same data: the same alerts with the same words."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from alerting.metrics.prometheus import PrometheusSource
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import parse_rules
from alerting.rules.schedule import offset
from alerting.rules.state import Alert, Installation, State
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.prometheus import PrometheusServer

MINUTE = timedelta(minutes=1)
RULES = """
groups:
  - name: g
    interval: 1m
    rules:
      - {alert: AtOnce, expr: load > 8}
      - {alert: Held, expr: load > 5, for: 2m, labels: {severity: page}}
      - {alert: Kept, expr: load > 7, keep_firing_for: 3m}
      - {alert: HeldAndKept, expr: load > 4, for: 3m, keep_firing_for: 2m}
      - {alert: Gone, expr: 'absent(load{host="a"})', for: 1m}
      - {alert: Summed, expr: sum by (zone) (load) > 12, for: 1m}
      - {alert: Number, expr: 'scalar(sum(load)) > bool 20'}
      - {alert: Changes, expr: 'changes(load[3m]) > 1 # often'}
      - {alert: Same, expr: load > 5, for: 4m}
      - {alert: Together, expr: 'load{host="a"} > 5 and on() load{host="b"} > 3 or load{host="c"} > 8'}
      - {alert: NoNumber, expr: load / 0 == load / 0 or load * NaN}
      - alert: Words
        expr: load > 6
        labels:
          host: ''
          place: '{{ $labels.zone | toUpper }}/{{ $labels.host }}'
          size: '{{ if gt $value 8.0 }}large{{ else if gt $value 7.0 }}middling{{ else }}small{{ end }}'
        annotations:
          plain: it is loud
          value: '{{ $value }} {{ printf "%.2f|%5.1f|%e|%v" $value $value $value $value }}'
          human: '{{ humanize $value }} {{ $value | humanizePercentage }} {{ humanizeDuration $value }}'
          where: '{{ $externalLabels.region }} {{ $externalURL }} {{ .Labels.host }}{{- " !" }}'
          regexp: '{{ reReplaceAll "z(.)" "$1$1" $labels.zone }} {{ match "^z" $labels.zone }} {{ title "a b-c" }}'
          broken: '{{ if $labels.none }}{{ end }}{{ $labels.none }}'
"""
KEY = ("rules.yml", "g")
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC) + offset(KEY, MINUTE)
MINUTES = 45


def random_series(seed: int) -> dict[str, list[float | None]]:
    """Three hosts' load by minute: it wanders between 0 and 10 and sometimes is not reported."""
    chance = random.Random(seed)
    series: dict[str, list[float | None]] = {}
    for host, zone in (("a", "z1"), ("b", "z1"), ("c", "z2")):
        level, values = 5.0, list[float | None]()
        for _ in range(MINUTES):
            level = min(10.0, max(0.0, level + chance.uniform(-3, 3)))
            values.append(None if chance.random() < 0.3 else round(level, 3))
        # A longer silence than a query looks back.
        values[20:28] = [None] * 8
        series[f'load{{host="{host}",zone="{zone}"}}'] = values
    return series


def openmetrics(series: dict[str, list[float | None]]) -> str:
    lines = ["# TYPE load gauge"]
    for name, values in series.items():
        for minute, value in enumerate(values):
            if value is not None:
                lines.append(f"{name} {value} {(START + minute * MINUTE).timestamp():.0f}")
    return "\n".join([*lines, "# EOF\n"])


def expectation(minute: int, name: str, alerts: list[Alert]) -> dict[str, Any]:
    """What promtool shall find firing."""
    told = [
        {
            "exp_labels": {k: v for k, v in alert.labels.items() if k != "alertname"},
            "exp_annotations": dict(alert.annotations),
        }
        for alert in alerts
    ]
    return {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": told}


async def evaluated(series: dict[str, list[float | None]]) -> list[dict[str, Any]]:
    """What fires by our evaluation, minute by minute."""
    loaded = parse_rules(KEY[0], RULES)
    assert not loaded.problems
    found: list[dict[str, Any]] = []
    async with PrometheusServer(openmetrics=openmetrics(series)) as server, aiohttp.ClientSession() as session:
        evaluator = Evaluator(
            loaded.groups,
            PrometheusSource(session, server.url),
            MemoryDatabase().records,
            now=lambda: START,
            installation=Installation({"region": "eu"}, "http://ops"),
        )
        for minute in range(MINUTES):
            await evaluator.tick(START + minute * MINUTE)
            for status in evaluator.snapshot():
                assert status.health.last_error is None
                firing = [alert for alert in status.alerts if alert.state is State.FIRING]
                found.append(expectation(minute, status.rule.name, firing))
    return found


async def test_fires_what_promtool_fires(tmp_path: Path) -> None:
    series = random_series(seed=7)
    expected = await evaluated(series)
    assert sum(len(one["exp_alerts"]) for one in expected) > 300
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    inputs = [
        {"series": name, "values": " ".join("_" if v is None else str(v) for v in values)}
        for name, values in series.items()
    ]
    test = {
        "interval": "1m",
        "external_labels": {"region": "eu"},
        "external_url": "http://ops",
        "input_series": inputs,
        "alert_rule_test": expected,
    }
    settings = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    promtool = await asyncio.create_subprocess_exec(
        "promtool", "test", "rules", tmp_path / "test.yml",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await promtool.communicate()
    assert promtool.returncode == 0, said.decode()[:3000]


LIVE = """
groups:
  - name: live
    interval: 1s
    rules:
      - alert: Held
        expr: load > 5
        for: 2s
        labels: {severity: page, on: '{{ $labels.job }}'}
        annotations: {summary: 'load is {{ $value | humanize }} {{ $labels.none }}'}
      - {alert: AtOnce, expr: load > 5, annotations: {summary: now}}
      - {alert: Kept, expr: load > 5, keep_firing_for: 1h}
      - {alert: Broken, expr: load > 5, annotations: {summary: '{{ toUpper $labels.job }}'}, labels: {instance: ''}}
"""

Rows = list[tuple[str, dict[str, str], dict[str, str]]]


class Gauge:
    """Something to scrape: one gauge whose value can be set."""

    def __init__(self) -> None:
        self.value = 1.0

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Its address while it is served."""

        async def metrics(_: web.Request) -> web.Response:
            return web.Response(text=f"# TYPE load gauge\nload {self.value}\n")

        app = web.Application()
        app.router.add_get("/metrics", metrics)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class Pair:
    """Prometheus evaluating a rule file, and us evaluating the same on its data."""

    def __init__(self, server: PrometheusServer, session: aiohttp.ClientSession, evaluator: Evaluator) -> None:
        self._server, self._session, self._evaluator = server, session, evaluator

    async def theirs(self) -> Rows:
        async with self._session.get(f"{self._server.url}/api/v1/alerts") as response:
            alerts = (await response.json())["data"]["alerts"]
        return ordered([(one["state"], one["labels"], one["annotations"]) for one in alerts])

    async def ours(self) -> Rows:
        await self._evaluator.tick(datetime.now(UTC).replace(microsecond=0))
        alerts = [alert for status in self._evaluator.snapshot() for alert in status.alerts]
        return ordered(
            [
                (alert.state.value, dict(alert.labels), dict(alert.annotations))
                for alert in alerts
                if alert.state is not State.INACTIVE
            ]
        )

    async def until(self, states: list[str]) -> None:
        """Wait until both have alerts in these states; then they must be the same."""
        deadline = asyncio.get_running_loop().time() + 20
        while True:
            ours, theirs = await self.ours(), await self.theirs()
            if [row[0] for row in theirs] == states and ours == theirs:
                return
            assert asyncio.get_running_loop().time() < deadline, (ours, theirs)
            await asyncio.sleep(0.05)


def ordered(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: row[1]["alertname"])


async def test_shows_what_prometheus_shows_while_it_runs() -> None:
    gauge = Gauge()
    async with (
        gauge.served() as target,
        aiohttp.ClientSession() as session,
        PrometheusServer(targets=[target], rules=LIVE) as server,
    ):
        source, records = PrometheusSource(session, server.url), MemoryDatabase().records
        groups = parse_rules("live.yml", LIVE).groups
        evaluator = Evaluator(groups, source, records, now=lambda: datetime.now(UTC))
        pair = Pair(server, session, evaluator)
        await pair.until([])
        gauge.value = 7.5
        await pair.until(["firing", "firing", "pending", "firing"])
        await pair.until(["firing", "firing", "firing", "firing"])
        gauge.value = 2.0
        await pair.until(["firing"])
