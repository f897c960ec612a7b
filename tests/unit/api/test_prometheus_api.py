"""Prometheus' shapes of rules and alerts: what is shown, in pages, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from alerting.metrics.port import Scalar, Vector
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import parse_rules
from bot.inputs.prometheus_api.routes import Parts, add_prometheus_routes
from bot.inputs.prometheus_api.shapes import render_query, render_value
from tests.fakes.alert_door import Door
from tests.fakes.clock import VirtualClock
from tests.fakes.prometheus import FakeMetrics, vector

MINUTE = timedelta(minutes=1)
RULES = """
groups:
- name: shop
  labels: {team: sales}
  rules:
  - {alert: Down, expr: up == 0, for: 1m, labels: {severity: page}, annotations: {summary: "{{ $labels.job }}"}}
  - {alert: Slow, expr: slow > 1, labels: {severity: ticket}}
- name: till
  interval: 30s
  limit: 5
  rules:
  - {alert: Broken, expr: broken > 0}
"""
OTHER = """
groups:
- name: shop
  rules:
  - {alert: Down, expr: vector(1)}
"""
ANSWERS: Mapping[str, Vector | Scalar] = {
    "up == 0": vector(({"__name__": "up", "job": "shop"}, 0.0)),
    "slow > 1": vector(({"job": "shop"}, 1.5)),
}


class Reader:
    """A program that asks for rules."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def ask(self, path: str, *query: tuple[str, str], **headers: str) -> tuple[int, Any]:
        async with self._http.get(
            f"{self._url}/prometheus/api/v1{path}", params=list(query), headers=headers
        ) as answer:
            return answer.status, await answer.json()

    async def data(self, path: str, *query: tuple[str, str]) -> Any:
        status, said = await self.ask(path, *query)
        assert (status, said["status"]) == (200, "success"), said
        return said["data"]

    async def names(self, *query: tuple[str, str]) -> list[tuple[str, list[str]]]:
        """Groups with the names of their rules."""
        groups = (await self.data("/rules", *query))["groups"]
        return [(group["name"], [rule["name"] for rule in group["rules"]]) for group in groups]


@asynccontextmanager
async def serving(*, evaluated: bool = True) -> AsyncIterator[Reader]:
    clock, door = VirtualClock(), Door()
    groups = (*parse_rules("b.yml", RULES).groups, *parse_rules("a.yml", OTHER).groups)
    evaluator = Evaluator(groups, FakeMetrics(ANSWERS), door.database.records, now=clock, default_interval=MINUTE)
    for _ in range(120 if evaluated else 0):
        await evaluator.tick(clock.advance(timedelta(seconds=1)))
    app = web.Application()
    add_prometheus_routes(app, Parts(door.access, evaluator.snapshot, MINUTE, "0"))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Reader(http, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    async with serving() as made:
        yield made


async def test_groups_come_by_file_and_name_with_everything_of_their_rules(reader: Reader) -> None:
    first, shop, till = (await reader.data("/rules"))["groups"]
    assert [(one["file"], one["name"]) for one in (first, shop, till)] == [
        ("a.yml", "shop"), ("b.yml", "shop"), ("b.yml", "till"),
    ]  # fmt: skip
    assert (till["interval"], till["limit"], shop["interval"]) == (30, 5, 60)
    down, slow = shop["rules"]
    assert {name: down[name] for name in ("name", "query", "duration", "keepFiringFor", "labels", "annotations")} == {
        "name": "Down",
        "query": "up == 0",
        "duration": 60,
        "keepFiringFor": 0,
        "labels": {"severity": "page", "team": "sales"},
        "annotations": {"summary": "{{ $labels.job }}"},
    }
    assert [(one["state"], one["health"], one["type"]) for one in (down, slow)] == [("firing", "ok", "alerting")] * 2
    (alert,) = slow["alerts"]
    assert (alert["state"], alert["value"]) == ("firing", "1.5e+00")
    assert alert["labels"] == {"alertname": "Slow", "job": "shop", "severity": "ticket", "team": "sales"}


async def test_rules_not_evaluated_yet_are_unknown() -> None:
    async with serving(evaluated=False) as reader:
        rule = (await reader.data("/rules"))["groups"][0]["rules"][0]
    assert (rule["state"], rule["health"], rule["alerts"]) == ("unknown", "unknown", [])
    assert rule["lastEvaluation"] == "0001-01-01T00:00:00Z"


async def test_alerts_of_all_rules(reader: Reader) -> None:
    alerts = (await reader.data("/alerts"))["alerts"]
    assert sorted(one["labels"]["alertname"] for one in alerts) == ["Down", "Down", "Slow"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([("type", "alert"), ("file[]", "b.yml")], [("shop", ["Down", "Slow"]), ("till", ["Broken"])]),
        ([("type", "Record")], []),
        ([("rule_name[]", "Slow"), ("rule_name[]", "Broken")], [("shop", ["Slow"]), ("till", ["Broken"])]),
        ([("rule_group[]", "till")], [("till", ["Broken"])]),
        ([("rule_group[]", "shop"), ("file[]", "a.yml")], [("shop", ["Down"])]),
        ([("match[]", '{severity="page"}')], [("shop", ["Down"])]),
        ([("match[]", '{severity="page"}'), ("match[]", '{severity=~"tick.*"}')], [("shop", ["Down", "Slow"])]),
        ([("match[]", '{severity="ticket",team!="sales"}')], []),
    ],
    ids=str,
)
async def test_filters(reader: Reader, query: list[tuple[str, str]], expected: list[tuple[str, list[str]]]) -> None:
    assert await reader.names(*query) == expected


async def test_alerts_may_be_left_out(reader: Reader) -> None:
    groups = (await reader.data("/rules", ("exclude_alerts", "TRUE")))["groups"]
    assert [rule["alerts"] for group in groups for rule in group["rules"]] == [None] * 4


async def test_pages_follow_one_another(reader: Reader) -> None:
    seen, token = [], ""
    for _ in range(3):
        query = [("group_limit", "1"), *([("group_next_token", token)] if token else [])]
        data = await reader.data("/rules", *query)
        (group,) = data["groups"]
        seen.append((group["file"], group["name"]))
        token = data.get("groupNextToken", "")
    assert (seen, token) == ([("a.yml", "shop"), ("b.yml", "shop"), ("b.yml", "till")], "")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (("type", "odd"), 'invalid parameter "type": not supported value "odd"'),
        (("exclude_alerts", "maybe"), 'invalid parameter "exclude_alerts"'),
        (("group_limit", "x"), 'invalid parameter "group_limit": group_limit needs to be a valid number'),
        (("group_limit", "0"), 'invalid parameter "group_limit": group_limit needs to be greater than 0'),
        (("group_limit", "99999999999"), 'invalid parameter "group_limit"'),
        (("group_next_token", "x"), "group_limit needs to be present in order to paginate over the groups"),
        (("match[]", "{"), 'invalid parameter "match[]"'),
        (("match[]", "1 + 1"), 'invalid parameter "match[]": \'1 + 1\' is no selector'),
        (("match[]", '{a=~"("}'), 'invalid parameter "match[]"'),
        (("match[]", "("*5000), "too long"),
        (("match[]", "("*4000), 'invalid parameter "match[]"'),
        (("match[]", '{a=""}'), "must contain at least one non-empty matcher"),
    ],
    ids=lambda one: str(one)[:50],
)  # fmt: skip
async def test_a_parameter_that_is_none_is_refused(reader: Reader, query: tuple[str, str], says: str) -> None:
    status, said = await reader.ask("/rules", query)
    assert (status, said["status"], said["errorType"]) == (400, "error", "bad_data")
    assert says in said["error"]


async def test_a_token_of_groups_that_changed_is_refused(reader: Reader) -> None:
    status, said = await reader.ask("/rules", ("group_limit", "1"), ("group_next_token", "abc"))
    assert status == 400
    assert "were rule groups changed?" in said["error"]


async def test_grafana_finds_out_what_it_talks_to(reader: Reader) -> None:
    info = await reader.data("/status/buildinfo")
    assert sorted(info) == ["branch", "buildDate", "buildUser", "goVersion", "revision", "version"]


async def test_strangers_are_asked_for_a_token(reader: Reader) -> None:
    for path in ("/rules", "/alerts", "/status/buildinfo"):
        status, said = await reader.ask(path, Host="evil.example")
        assert (status, said["status"]) == (401, "error")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0e+00"), (-0.0, "-0e+00"), (1.0, "1e+00"), (10.0, "1e+01"), (0.0731, "7.31e-02"), (1e21, "1e+21"),
        (-1234.5, "-1.2345e+03"), (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
        (0.1 + 0.2, "3.0000000000000004e-01"), (100200.0, "1.002e+05"),
        (float("nan"), "NaN"), (float("inf"), "+Inf"), (float("-inf"), "-Inf"),
    ],
)  # fmt: skip
def test_values_as_go_writes_them(value: float, text: str) -> None:
    assert render_value(value) == text


def test_queries_as_prometheus_writes_them() -> None:
    assert render_query('sum by(job)(rate(x{a="by (b)("}[5m]))   >0.50') == (
        'sum by (job) (rate(x{a="by (b)("}[5m])) > 0.5'
    )
