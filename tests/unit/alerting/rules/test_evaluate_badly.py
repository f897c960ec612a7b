"""Sources that answer badly and clocks that jump: nothing is resolved by mistake, and evaluation goes on."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from alerting.errors import AlertingError, BadQuery, PermanentFailure, QueryTimeout, TemporaryFailure
from alerting.metrics.port import Scalar, Vector
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import parse_rules
from alerting.rules.rule import RuleGroup
from alerting.rules.state import Change, State, Transition
from storage.codec import JSON, Written
from storage.errors import StorageUnavailable
from storage.records import Records
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.prometheus import FakeMetrics, vector

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
RULES = """
groups:
  - {name: a, interval: 1s, rules: [{alert: A, expr: a}, {alert: Kept, expr: k, keep_firing_for: 10m}]}
  - {name: b, interval: 1s, rules: [{alert: B, expr: b, for: 3s}]}
"""
TRUE = vector(({"host": "x"}, 1.0))


def groups(text: str = RULES) -> tuple[RuleGroup, ...]:
    loaded = parse_rules("r.yml", text)
    assert not loaded.problems
    return loaded.groups


class CountedRecords:
    """Records that count their transactions, and fail when they are told to."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.writes: list[int] = []
        self.away = False

    async def get(self, collection: str, key: str) -> JSON | None:
        return await self._records.get(collection, key)

    async def put(self, collection: str, key: str, value: JSON, *, at: datetime) -> None:
        await self.put_many(collection, {key: value}, at=at)

    async def put_many(
        self, collection: str, values: Mapping[str, JSON | Written], *, at: datetime, delete: Collection[str] = ()
    ) -> None:
        if self.away:
            raise StorageUnavailable("the disk is gone", "look for it")
        self.writes.append(len(values) + len(delete))
        await self._records.put_many(collection, values, at=at, delete=delete)

    async def delete(self, collection: str, key: str) -> None:
        await self._records.delete(collection, key)

    async def all(self, collection: str) -> dict[str, JSON]:
        return await self._records.all(collection)

    async def changes(self, collection: str, *, after: int) -> tuple[int, dict[str, JSON]]:
        return await self._records.changes(collection, after=after)


class Bench:
    """Three rules that are true until they are told otherwise."""

    def __init__(self, in_charge: Callable[[], bool] = lambda: True) -> None:
        self.clock, self.metrics = VirtualClock(START), FakeMetrics({"a": TRUE, "k": TRUE, "b": TRUE})
        self.records = CountedRecords(MemoryDatabase().records)
        self.evaluator = Evaluator(groups(), self.metrics, self.records, now=self.clock, in_charge=in_charge)

    async def tick(self, times: int = 1) -> list[tuple[str, Change]]:
        told: list[Transition] = []
        for _ in range(times):
            told += await self.evaluator.tick(self.clock.at)
            self.clock.at += SECOND
        return [(one.rule.name, one.change) for one in told]

    def firing(self) -> list[str]:
        return sorted(one.rule.name for one in self.evaluator.firing())


@pytest.mark.parametrize(
    "failure",
    [
        TemporaryFailure("http://p cannot be reached"),
        TemporaryFailure("http://p sent a part of the answer: isPartial"),
        TemporaryFailure("http://p sent an answer that is not Prometheus' format"),
        QueryTimeout("no answer within 30s"),
        PermanentFailure("401", "give credentials"),
        BadQuery("the answer is larger than 33554432 bytes", "narrow the query"),
    ],
)
async def test_no_bad_answer_resolves_anything(failure: AlertingError) -> None:
    bench = Bench()
    await bench.tick(4)
    assert bench.firing() == ["A", "B", "Kept"]
    bench.metrics.failure = failure
    assert await bench.tick(600) == []
    assert bench.firing() == ["A", "B", "Kept"]
    assert all(
        one.health.last_error == str(failure) or "not asked" in str(one.health.last_error)
        for one in bench.evaluator.snapshot()
    )
    bench.metrics.failure = None
    assert await bench.tick() == []


async def test_a_batch_that_answers_for_some_leaves_the_others_alone() -> None:
    bench = Bench()
    await bench.tick(4)
    bench.metrics.answers = {"a": BadQuery("no"), "b": Vector(())}
    assert await bench.tick() == [("B", Change.RESOLVED)]
    assert bench.firing() == ["A", "Kept"]  # one cannot be evaluated, the other is kept


async def test_a_clock_that_jumps_forward_is_one_turn_and_no_burst() -> None:
    bench = Bench()
    await bench.tick(4)
    bench.metrics.queries.clear()
    bench.clock.at += HOUR
    assert await bench.tick() == []
    assert len(bench.metrics.queries) == 1
    assert {one.health.missed for one in bench.evaluator.snapshot()} == {3600}
    assert await bench.tick(3) == []
    assert {one.health.missed for one in bench.evaluator.snapshot()} == {3600}


async def test_a_clock_that_jumps_back_neither_stops_nor_resolves() -> None:
    bench = Bench()
    await bench.tick(4)
    bench.metrics.queries.clear()
    bench.clock.at -= HOUR
    assert await bench.tick(10) == []
    assert len(bench.metrics.queries) == 10
    assert bench.firing() == ["A", "B", "Kept"]
    bench.clock.at += HOUR
    assert await bench.tick(10) == []


async def test_alerts_that_cannot_be_saved_are_not_told_until_they_can() -> None:
    bench = Bench()
    bench.records.away = True
    assert await bench.tick(2) == []
    assert bench.firing() == []
    assert "could not be saved" in str(bench.evaluator.snapshot()[0].health.last_error)
    bench.records.away = False
    assert await bench.tick() == [("A", Change.FIRING), ("Kept", Change.FIRING), ("B", Change.PENDING)]


async def test_a_tick_is_one_transaction_and_writes_what_changed() -> None:
    bench = Bench()
    await bench.tick()
    assert bench.records.writes == [3]
    bench.metrics.answers = {name: vector(({"host": "x"}, 2.0)) for name in ("a", "k", "b")}
    await bench.tick(2)  # values alone are not written
    assert bench.records.writes == [3]
    await bench.tick()
    assert bench.records.writes == [3, 1]
    bench.metrics.answers = {}
    await bench.tick(5)
    assert bench.records.writes == [3, 1, 3]


async def test_what_fires_is_told_with_the_time_it_began() -> None:
    bench = Bench()
    await bench.tick(4)
    assert {one.rule.name: one.at for one in bench.evaluator.firing()} == {
        "A": START, "Kept": START, "B": START + 3 * SECOND,
    }  # fmt: skip
    assert {one.alert.state for one in bench.evaluator.firing()} == {State.FIRING}


async def test_a_rule_that_moves_drops_its_alerts_and_one_that_goes_resolves_them() -> None:
    bench = Bench()
    await bench.tick(4)
    moved = groups("groups: [{name: elsewhere, interval: 1s, rules: [{alert: A, expr: a}]}]")
    told = await bench.evaluator.replace(moved)
    assert sorted((one.rule.name, one.change) for one in told) == [
        ("A", Change.DROPPED), ("B", Change.RESOLVED), ("Kept", Change.RESOLVED),
    ]  # fmt: skip
    assert await bench.tick() == [("A", Change.FIRING)]


async def test_a_group_that_did_not_change_keeps_the_evaluation_that_goes_on() -> None:
    bench = Bench()
    await bench.evaluator.replace(groups())
    bench.metrics.answers = {"a": Scalar(1.0)}
    assert await bench.tick() == [("A", Change.FIRING)]


async def held_tick(bench: Bench) -> tuple[asyncio.Task[list[tuple[str, Change]]], asyncio.Event]:
    """An evaluation whose answer is on its way, and what lets it come."""
    bench.metrics.asked.clear()
    bench.metrics.hold = going_on = asyncio.Event()
    task = asyncio.create_task(bench.tick(), name="a held tick")
    await bench.metrics.asked.wait()
    return task, going_on


async def test_whoever_lost_the_charge_meanwhile_saves_and_tells_nothing() -> None:
    charge = [True]
    bench = Bench(in_charge=lambda: charge[0])
    task, going_on = await held_tick(bench)
    charge[0] = False
    going_on.set()
    assert await task == []
    assert bench.records.writes == []


async def test_an_evaluation_from_before_a_restoration_counts_for_nothing() -> None:
    bench = Bench()
    await bench.tick(4)
    task, going_on = await held_tick(bench)
    bench.metrics.answers = {}
    await bench.evaluator.restore()
    going_on.set()
    assert await task == []
    assert bench.firing() == ["A", "B", "Kept"]


async def test_rules_may_be_replaced_at_any_moment_of_an_evaluation() -> None:
    for moment in range(6):
        bench = Bench()
        task = asyncio.create_task(bench.tick(), name="a tick")
        for _ in range(moment):
            await asyncio.sleep(0)
        await bench.evaluator.replace(groups("groups: [{name: c, interval: 1s, rules: [{alert: C, expr: a}]}]"))
        told = [*await task, *await bench.tick()]
        assert told.count(("C", Change.FIRING)) == 1
        assert bench.firing() == ["C"]
