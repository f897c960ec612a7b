"""Prometheus' own answers about its rules and ours about the same rules: the same keys and the same values."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from alerting.metrics.prometheus import PrometheusSource
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import parse_rules
from bot.inputs.prometheus_api.routes import Parts, add_prometheus_routes
from tests.contracts.prometheus.promtool import version
from tests.fakes.alert_door import Door
from tests.fakes.prometheus import PrometheusServer, missing_tools

RULES = r"""
groups:
- name: states
  interval: 1s
  labels: {team: sales}
  rules:
  - {alert: Fires, expr: vector(7.25) > 0, labels: {severity: page, team: shop}, annotations: {is: "{{ $value }}"}}
  - {alert: Waits, expr: vector(1e-9) > 0, for: 1h, keep_firing_for: 90s}
  - {alert: Rests, expr: vector(0) > 0}
  - {alert: Numbers, expr: 'label_replace(vector(+Inf), "n", "1", "", "") or vector(NaN)'}
  - {alert: Below, expr: 'vector(-Inf) < -2'}
  - {alert: Fails, expr: '(vector(1) or label_replace(vector(1), "a", "1", "", "")) * on() vector(1)'}
- name: words
  interval: 1s
  limit: 3
  rules:
  - {alert: A, expr: 'sum by(job)(rate(x{a="by (b)(", c!~"d|e"}[5m]))   >0.50'}
  - {alert: B, expr: 'up==0 and on(job) absent(y) or -up{job=""} unless ignoring(a) z'}
  - {alert: C, expr: 'max_over_time(up[1h:5m] offset 90s) == bool 1 # why'}
  - {alert: D, expr: 'sum(up) without(job) / count(up) * 100 > 1e3'}
  - {alert: E, expr: 'histogram_quantile(0.9, sum by (le, job) (rate(b_bucket[1m]))) > 2 ^ 3'}
  - {alert: F, expr: "{__name__=~\"up|down\",job='x'} > 1 or topk(3, up) > 0x10"}
  - {alert: G, expr: 'a * on (job) group_left(version) b > 1 and time() - up @ end() > 100'}
"""
QUERIES = (
    "",
    "type=alert&exclude_alerts=true",
    "type=record",
    "rule_name[]=Fires&rule_name[]=A",
    "rule_group[]=words",
    "file[]=none",
    'match[]={severity="page"}',
    'match[]={team="sales"}&match[]={severity=~"p.*"}',
    "group_limit=1",
    "group_limit=x",
    "group_limit=-1",
    "group_next_token=x",
    "group_limit=1&group_next_token=x",
    "type=odd",
    "exclude_alerts=maybe",
    "match[]={",
)
pytestmark = pytest.mark.skipif(
    missing_tools() is not None or version() < (3, 16), reason="no Prometheus of 3.16 or later with its promtool"
)
MOVES = frozenset({"evaluationTime", "lastEvaluation", "activeAt", "groupNextToken", "file", "lastError", "error"})


class _KnownRules(PrometheusServer):
    """Evaluates the rules; knows where their file is."""

    async def file(self, http: aiohttp.ClientSession) -> str:
        async with http.get(f"{self.url}/api/v1/rules") as answer:
            return str((await answer.json())["data"]["groups"][0]["file"])

    async def evaluated(self, http: aiohttp.ClientSession) -> None:
        """Wait until every rule was evaluated."""
        async with asyncio.timeout(20):
            while True:
                async with http.get(f"{self.url}/api/v1/rules") as answer:
                    groups = (await answer.json())["data"]["groups"]
                if groups and all(rule["health"] != "unknown" for group in groups for rule in group["rules"]):
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def _both() -> AsyncIterator[tuple[aiohttp.ClientSession, str, str]]:
    """The addresses of Prometheus' API and of ours, both having evaluated the same rules."""
    async with _KnownRules(rules=RULES) as server, aiohttp.ClientSession() as http:
        await server.evaluated(http)
        groups = parse_rules(await server.file(http), RULES).groups
        at = datetime.now(UTC).replace(microsecond=0)
        evaluator = Evaluator(groups, PrometheusSource(http, server.url), Door().database.records, now=lambda: at)
        await evaluator.tick(at)
        app = web.Application()
        add_prometheus_routes(app, Parts(Door().access, evaluator.snapshot, timedelta(minutes=1), "0"))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield http, f"{server.url}/api/v1", f"http://127.0.0.1:{runner.addresses[0][1]}/prometheus/api/v1"
        finally:
            await runner.cleanup()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _plain(value: Any, name: str = "") -> Any:
    """The answer with what differs from moment to moment, or is worded freely, reduced to its kind."""
    match value:
        case str() | float() if name in MOVES:
            return type(value).__name__ if isinstance(value, str) else "number"
        case dict():
            return {key: _plain(one, key) for key, one in value.items()}
        case list() if name == "alerts":
            return sorted((_plain(one) for one in value), key=_text)
        case list():
            return [_plain(one) for one in value]
    return "number" if name in MOVES else value


@pytest.mark.timeout(60)
async def test_rules_and_alerts_are_told_as_prometheus_tells_them() -> None:
    async with _both() as (http, theirs, ours):
        for path in (*(f"/rules?{query}" for query in QUERIES), "/alerts", "/status/buildinfo"):
            async with http.get(theirs + path) as one, http.get(ours + path) as other:
                expected, got = await one.json(), await other.json()
                assert other.status == one.status, (path, got)
                if path.startswith("/status"):
                    expected, got = sorted(expected["data"]), sorted(got["data"])
                assert _plain(got) == _plain(expected), path
        assert await _pages(http, ours) == await _pages(http, theirs)


async def _pages(http: aiohttp.ClientSession, base: str) -> list[tuple[str, str]]:
    """Group by group, with the token that leads to the next."""
    seen: list[tuple[str, str]] = []
    token = ""
    while not seen or token:
        async with http.get(f"{base}/rules?group_limit=1" + f"&group_next_token={token}" * bool(token)) as answer:
            data = (await answer.json())["data"]
        token = data.get("groupNextToken", "")
        seen.append((data["groups"][0]["name"], token))
    return seen
