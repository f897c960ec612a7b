"""The same rules over the same series in a real Prometheus and in us, compared at every evaluation.

Prometheus evaluates for some seconds and is asked again and again for its alerts. Then we evaluate at the very same
times against a second Prometheus with the same series, into which we write. What both know afterwards is compared.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from alerting.metrics.port import Vector
from alerting.metrics.prometheus import PrometheusSource
from alerting.metrics.remote_write import RemoteWriter
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import parse_rules
from alerting.rules.rule import RuleGroup
from alerting.rules.state import Alert, State
from alerting.rules.status import RuleStatus
from tests.contracts.prometheus.promtool import version
from tests.differential.rule_worlds import rule_file, series
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.prometheus import missing_tools
from tests.fakes.writable_prometheus import RuledPrometheus, WritablePrometheus

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = 20260105
SECONDS = 12
SECOND = timedelta(seconds=1)
RECORDED = ("before", "zone:load", "zone:load:twice", "host:load", "number", "odd", "alerts:count", "since")

Rows = list[tuple[object, ...]]


@dataclass(slots=True)
class Seen:
    """What was known of a group after each evaluation: alerts by rule, which rules failed, and which file it was."""

    alerts: dict[datetime, dict[str, Rows]] = field(default_factory=dict)
    failed: dict[datetime, dict[str, str]] = field(default_factory=dict)
    edited: dict[datetime, bool] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    """Both histories, by group, and both servers."""

    theirs: dict[str, Seen]
    ours: dict[str, Seen]
    servers: tuple[PrometheusSource, PrometheusSource]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    lacking = missing_tools()
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacking)
    if version() < (3,):
        pytest.skip("Prometheus 2 knows neither the offset of a group nor what a raised `for` does to what fires")
    texts = [rule_file(SEED, changed=changed) for changed in (False, True)]
    loaded = [parse_rules("rules.yml", text, recording=True) for text in texts]
    assert not any(one.problems for one in loaded)
    async with (
        RuledPrometheus(interval="1s") as their_server,
        WritablePrometheus() as our_server,
        aiohttp.ClientSession() as session,
    ):
        data = series(SEED, time.time() + 0.5, SECONDS + 3)
        for server in (their_server, our_server):
            await RemoteWriter(session, server.write_url).write(data)
        theirs: dict[str, Seen] = {}
        for text in texts:
            their_server.take(text)
            await watch(session, their_server.url, theirs)
        source = PrometheusSource(session, our_server.url)
        ours = await evaluated(
            [one.groups for one in loaded], source, RemoteWriter(session, our_server.write_url), theirs
        )
        yield World(theirs, ours, (PrometheusSource(session, their_server.url), source))


async def watch(session: aiohttp.ClientSession, url: str, found: dict[str, Seen]) -> None:
    """Ask Prometheus for its rules until it has evaluated them long enough."""
    end = time.monotonic() + SECONDS / 2
    while time.monotonic() < end:
        await look(session, url, found)
        await asyncio.sleep(0.05)
    # The rules may be replaced after this: no group shall begin between the last look and that.
    await asyncio.sleep(until_calm(found, time.time()))
    await look(session, url, found)


async def look(session: aiohttp.ClientSession, url: str, found: dict[str, Seen]) -> None:
    async with session.get(f"{url}/api/v1/rules") as response:
        answer = await response.json()
    for group in answer["data"]["groups"]:
        note(group, found.setdefault(group["name"], Seen()))


def until_calm(found: Mapping[str, Seen], now: float) -> float:
    """Seconds until the longest part of a second in which no group begins, and a little more for the last to end."""
    begins = sorted(max(seen.alerts).microsecond / 1e6 for seen in found.values())
    pauses = [(after - begin) % 1 for begin, after in zip(begins, [*begins[1:], begins[0]], strict=True)]
    return (begins[pauses.index(max(pauses))] + max(pauses) / 3 - now) % 1


def note(group: Mapping[str, Any], seen: Seen) -> None:
    """Keep what Prometheus says of a group, unless it was in the middle of an evaluation."""
    rules, last = group["rules"], read_time(group["lastEvaluation"])
    within = [timedelta(0) <= read_time(one["lastEvaluation"]) - last < SECOND / 2 for one in rules]
    clock = next(one for one in rules if one["name"] == "Clock")["alerts"]
    if not all(within) or not clock:
        return
    first = read_time(clock[0]["activeAt"])
    at = first + round((last - first) / SECOND) * SECOND
    seen.alerts[at] = {one["name"]: sorted(map(their_row, one.get("alerts", ())), key=repr) for one in rules}
    seen.failed[at] = {one["name"]: one["lastError"] for one in rules if one["health"] == "err"}
    seen.edited[at] = bool(clock[0]["annotations"])


def read_time(text: str) -> datetime:
    """To the millisecond, as PromQL reads it."""
    at = datetime.fromisoformat(text[:19] + "+00:00")
    milliseconds = text[20:23].rstrip("Z").ljust(3, "0") if text[19] == "." else "0"
    return at + timedelta(milliseconds=int(milliseconds))


def their_row(alert: Mapping[str, Any]) -> tuple[object, ...]:
    kept = alert.get("keepFiringSince")
    return (
        alert["state"],
        sorted(alert["labels"].items()),
        words_of(alert["annotations"]),
        repr(float(alert["value"])),
        read_time(alert["activeAt"]),
        read_time(kept) if kept else None,
    )


def our_row(alert: Alert) -> tuple[object, ...]:
    return (
        alert.state.value,
        sorted(alert.labels.items()),
        words_of(alert.annotations),
        repr(alert.value),
        alert.active_at,
        alert.keep_firing_since,
    )


def words_of(annotations: Mapping[str, str]) -> list[tuple[str, str]]:
    """Annotations, errors without the rule's name and the column, which count what stands before the template."""
    return sorted((name, re.sub(r"__alert_\w*(:1:\d+)?", "", text)) for name, text in annotations.items())


async def evaluated(
    files: Sequence[Sequence[RuleGroup]], source: PrometheusSource, writer: RemoteWriter, theirs: Mapping[str, Seen]
) -> dict[str, Seen]:
    """Evaluate each group at the times at which Prometheus did, as the file was then."""
    found, now, records = {name: Seen() for name in theirs}, VirtualClock(), MemoryDatabase().records
    before, after = ({group.name: group for group in groups} for groups in files)
    evaluators = {name: Evaluator([before[name]], source, records, now=now, writer=writer) for name in theirs}
    for at, name in sorted((at, name) for name, seen in theirs.items() for at in seen.alerts):
        if theirs[name].edited[at]:
            await evaluators[name].replace([after[name]])
        await evaluators[name].tick(at)
        statuses = evaluators[name].snapshot()
        found[name].alerts[at] = {one.rule.name: rows_of(one) for one in statuses}
        found[name].failed[at] = {
            one.rule.name: str(one.health.last_error) for one in statuses if one.health.last_error
        }
    return found


def rows_of(status: RuleStatus) -> Rows:
    return sorted((our_row(alert) for alert in status.alerts if alert.state is not State.INACTIVE), key=repr)


async def test_every_evaluation_was_seen(world: World) -> None:
    for seen in world.theirs.values():
        times = sorted(seen.alerts)
        assert len(times) >= SECONDS - 3
        assert all((at - times[0]) % SECOND == timedelta(0) for at in times)
        assert {True, False} == set(seen.edited.values())


async def test_alerts_are_the_same_at_every_evaluation(world: World) -> None:
    compared = 0
    for name, theirs in world.theirs.items():
        for at, rules in theirs.alerts.items():
            for rule, rows in rules.items():
                assert world.ours[name].alerts[at][rule] == rows, (name, rule, at)
                compared += len(rows)
    assert compared > 1000


async def test_the_same_rules_fail_and_say_why(world: World) -> None:
    failures = 0
    for name, theirs in world.theirs.items():
        for at, failed in theirs.failed.items():
            assert world.ours[name].failed[at].keys() == failed.keys(), (name, at)
            for rule, why in failed.items():
                assert without_order(world.ours[name].failed[at][rule]) == without_order(why), (name, rule, at)
                failures += 1
    assert failures > 20


def without_order(error: str) -> str:
    """Prometheus names any two of the series that clash."""
    return error.partition("[")[0].partition("{")[0]


@pytest.mark.parametrize("metric", [*RECORDED, "same", "ALERTS", "ALERTS_FOR_STATE"])
async def test_what_was_written_reads_the_same(world: World, metric: str) -> None:
    found = 0
    for at in sorted(world.theirs["chain"].alerts)[:-1]:
        # Between two evaluations, so that both wrote and neither has begun anew.
        when = at + SECOND / 2
        theirs, ours = [await series_of(source, metric, when) for source in world.servers]
        assert ours == theirs, (metric, when)
        found += len(theirs)
    assert found > 0 or metric == "same"


async def series_of(source: PrometheusSource, metric: str, at: datetime) -> Rows:
    answer = await source.instant(f'{{__name__="{metric}"}}', at)
    assert isinstance(answer, Vector)
    return sorted(((sorted(one.labels.items()), repr(one.value)) for one in answer.samples), key=repr)
