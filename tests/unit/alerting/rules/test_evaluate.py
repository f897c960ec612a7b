import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from alerting.errors import AlertingError, BadQuery, QueryTimeout, TemporaryFailure
from alerting.metrics.port import Scalar, Vector
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import parse_rules
from alerting.rules.rule import RuleGroup
from alerting.rules.schedule import turn
from alerting.rules.state import Change, Installation, State, Transition
from storage.records import Records
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.prometheus import FakeMetrics, vector

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DOWN = vector(({"job": "shop"}, 0.0))

RULES = """
groups:
  - name: fast
    interval: 1s
    rules:
      - {alert: Down, expr: up == 0, for: 2s, annotations: {summary: 'down since {{ $value }}'}}
      - {alert: Slow, expr: latency > 1, labels: {severity: page}}
      - {alert: Answer, expr: 1 + 1}
"""


def groups(text: str = RULES) -> tuple[RuleGroup, ...]:
    loaded = parse_rules("rules.yml", text)
    assert not loaded.problems
    return loaded.groups


class Bench:
    """An evaluator over fakes, ticked second by second."""

    def __init__(
        self, text: str = RULES, records: Records | None = None, query_offset: timedelta = timedelta(0)
    ) -> None:
        self.clock = VirtualClock(START)
        self.metrics = FakeMetrics({})
        self.records = records or MemoryDatabase().records
        self.evaluator = Evaluator(groups(text), self.metrics, self.records, now=self.clock, query_offset=query_offset)

    def answer(self, **answers: Vector | Scalar | AlertingError) -> None:
        self.metrics.answers = {_EXPRESSIONS[name]: answer for name, answer in answers.items()}

    async def tick(self, times: int = 1) -> list[tuple[str, Change]]:
        told: list[Transition] = []
        for _ in range(times):
            told += await self.evaluator.tick(self.clock())
            self.clock.advance(SECOND)
        return [(one.rule.name, one.change) for one in told]

    def alerts(self, name: str) -> list[State]:
        return [a.state for s in self.evaluator.snapshot() if s.rule.name == name for a in s.alerts]


_EXPRESSIONS = {"down": "up == 0", "slow": "latency > 1", "two": "1 + 1"}


async def test_goes_from_pending_to_firing_to_resolved() -> None:
    bench = Bench()
    bench.answer(down=DOWN, two=Scalar(2))
    assert await bench.tick() == [("Down", Change.PENDING), ("Answer", Change.FIRING)]
    assert await bench.tick() == []
    assert await bench.tick() == [("Down", Change.FIRING)]
    bench.answer(two=Scalar(2))
    assert await bench.tick() == [("Down", Change.RESOLVED)]


async def test_asks_all_rules_of_a_second_in_one_query() -> None:
    bench = Bench()
    await bench.tick()
    assert len(bench.metrics.queries) == 1


async def test_takes_up_its_state_after_a_restart() -> None:
    first = Bench()
    first.answer(down=DOWN, slow=DOWN)
    await first.tick()
    second = Bench(records=first.records)
    second.clock.advance(2 * SECOND)
    await second.evaluator.restore()
    assert (second.alerts("Down"), second.alerts("Slow")) == ([State.PENDING], [State.FIRING])
    second.answer(down=DOWN, slow=DOWN)
    assert await second.tick() == [("Down", Change.FIRING)]


async def test_tells_at_restart_what_fires_under_rules_that_are_gone() -> None:
    first = Bench()
    first.answer(slow=DOWN, two=Scalar(2))
    await first.tick()
    second = Bench("groups: []", records=first.records)
    gone = await second.evaluator.restore()
    assert sorted(alert.labels["alertname"] for alert in gone) == ["Answer", "Slow"]
    assert await second.records.all("alert-state") == {}


@pytest.mark.parametrize("failure", [TemporaryFailure("no way there"), QueryTimeout("too slow")])
async def test_a_failed_evaluation_freezes_and_never_resolves(failure: TemporaryFailure) -> None:
    bench = Bench()
    bench.answer(slow=DOWN)
    await bench.tick()
    bench.metrics.failure = failure
    assert await bench.tick(3) == []
    assert bench.alerts("Slow") == [State.FIRING]
    health = bench.evaluator.snapshot()[1].health
    assert (health.state, health.last_error, health.failures) == ("err", failure.reason, 3)
    bench.metrics.failure = None
    bench.answer()
    assert await bench.tick() == [("Slow", Change.RESOLVED)]
    assert bench.evaluator.snapshot()[1].health.state == "ok"


async def test_one_bad_expression_costs_the_others_nothing() -> None:
    bench = Bench()
    bench.answer(down=BadQuery("many-to-many matching not allowed"), slow=DOWN, two=Scalar(2))
    assert await bench.tick() == [("Slow", Change.FIRING), ("Answer", Change.FIRING)]
    down = bench.evaluator.snapshot()[0]
    assert down.health.last_error == "many-to-many matching not allowed"
    bench.metrics.queries.clear()
    await bench.tick()
    assert sorted(len(query.split(" or ")) for query in bench.metrics.queries) == [1, 2]


async def test_state_that_cannot_be_saved_has_not_happened() -> None:
    database = MemoryDatabase()
    bench = Bench(records=database.records)
    bench.answer(slow=DOWN)
    await database.close()
    assert await bench.tick() == []
    assert bench.alerts("Slow") == []
    assert "could not be saved" in (bench.evaluator.snapshot()[1].health.last_error or "")


async def test_writes_only_what_changed() -> None:
    bench = Bench()
    bench.answer(slow=vector(({"job": "shop"}, 2.0)))
    await bench.tick()
    before = await bench.records.all("alert-state")
    bench.answer(slow=vector(({"job": "shop"}, 3.0)))
    assert await bench.tick() == [("Slow", Change.UPDATED)]
    assert await bench.records.all("alert-state") == before


async def test_counts_slots_that_were_missed() -> None:
    bench = Bench()
    await bench.tick()
    bench.clock.advance(5 * SECOND)
    await bench.tick()
    assert bench.evaluator.snapshot()[0].health.missed == 5


async def test_a_group_still_at_work_misses_its_next_turn() -> None:
    bench, going_on = Bench(), asyncio.Event()
    bench.metrics.hold = going_on
    first = asyncio.create_task(bench.evaluator.tick(START), name="a slow tick")
    await bench.metrics.asked.wait()
    assert await bench.evaluator.tick(START + SECOND) == []
    going_on.set()
    await first
    await bench.evaluator.tick(START + 2 * SECOND)
    assert bench.evaluator.snapshot()[0].health.missed == 1


async def test_an_evaluation_overtaken_by_a_reload_changes_nothing() -> None:
    bench, going_on = Bench(), asyncio.Event()
    bench.answer(slow=DOWN)
    bench.metrics.hold = going_on
    tick = asyncio.create_task(bench.evaluator.tick(START), name="an overtaken tick")
    await bench.metrics.asked.wait()
    await bench.evaluator.replace(())
    going_on.set()
    assert await tick == []
    assert await bench.records.all("alert-state") == {}


async def test_a_changed_interval_is_kept_to_at_once() -> None:
    bench = Bench()
    await bench.tick()
    await bench.evaluator.replace(groups(RULES.replace("interval: 1s", "interval: 5s")))
    bench.metrics.queries.clear()
    await bench.tick(20)
    assert len(bench.metrics.queries) == 4


async def test_goes_on_when_the_clock_is_set_back() -> None:
    bench = Bench()
    await bench.tick()
    bench.answer(slow=DOWN)
    told = await bench.evaluator.tick(START - timedelta(hours=1))
    assert [one.change for one in told] == [Change.FIRING]


async def test_does_not_evaluate_one_slot_twice() -> None:
    bench = Bench()
    await bench.evaluator.tick(START)
    await bench.evaluator.tick(START)
    assert len(bench.metrics.queries) == 1


async def test_asks_for_the_time_before_the_query_offset() -> None:
    asked: list[datetime | None] = []

    def answer(_: str, at: datetime | None) -> Vector:
        asked.append(at)
        return DOWN

    bench = Bench(query_offset=timedelta(seconds=30))
    bench.metrics.answers = answer
    told = await bench.evaluator.tick(START)
    assert set(asked) == {START - timedelta(seconds=30)}
    assert {one.at for one in told} == {START}


async def test_a_reload_keeps_what_stays_and_resolves_what_goes() -> None:
    bench = Bench()
    bench.answer(down=DOWN, slow=DOWN)
    await bench.tick()
    text = RULES.replace("latency > 1", "latency > 2").replace("{alert: Down", "{alert: Up")
    told = await bench.evaluator.replace(groups(text))
    assert told == []  # what was pending under a rule that is gone is forgotten without a word
    assert bench.alerts("Slow") == [State.FIRING]
    assert len(await bench.records.all("alert-state")) == 1
    told = await bench.evaluator.replace(())
    assert [(one.rule.name, one.change, one.alert.state) for one in told] == [("Slow", Change.RESOLVED, State.INACTIVE)]
    assert await bench.records.all("alert-state") == {}


async def test_a_limit_drops_and_marks_the_rule() -> None:
    bench = Bench(RULES.replace("interval: 1s", "interval: 1s\n    limit: 1"))
    bench.answer(slow=vector(({"job": "a"}, 2.0)))
    assert await bench.tick() == [("Slow", Change.FIRING)]
    bench.answer(slow=vector(({"job": "a"}, 2.0), ({"job": "b"}, 2.0)))
    assert await bench.tick() == [("Slow", Change.DROPPED)]
    assert bench.alerts("Slow") == []
    assert bench.evaluator.snapshot()[1].health.last_error == "exceeded limit of 1 with 2 alerts"


async def test_an_expression_that_gives_no_vector_is_an_error_of_its_rule() -> None:
    bench = Bench("groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'up[5m]'}]}]")
    assert await bench.tick() == []
    assert bench.metrics.queries == []
    health = bench.evaluator.snapshot()[0].health
    assert health.last_error == "rule result is not a vector or scalar; change the expression"


async def test_rules_on_alerts_are_asked_after_the_rules_they_read() -> None:
    text = """
groups:
  - name: g
    interval: 1s
    rules:
      - {alert: A, expr: up == 0}
      - {alert: B, expr: 'ALERTS{alertname="A"}'}
      - {alert: C, expr: 'ALERTS{alertname="Other"}'}
"""
    bench = Bench(text)
    await bench.tick()
    assert [query.count("label_replace") for query in bench.metrics.queries] == [2, 0]


async def test_templates_know_the_installation() -> None:
    bench = Bench()
    evaluator = Evaluator(
        groups("groups: [{name: g, interval: 1s, rules: [{alert: A, expr: a, labels: {at: '{{ $externalURL }}'}}]}]"),
        FakeMetrics({"a": DOWN}),
        bench.records,
        now=bench.clock,
        installation=Installation(external_url="http://ops"),
    )
    (told,) = await evaluator.tick(START)
    assert told.alert.labels["at"] == "http://ops"


def test_every_group_is_due_once_an_interval() -> None:
    interval = timedelta(seconds=15)
    turns = [turn(START + n * SECOND, ("f", "g"), interval) for n in range(60)]
    numbers = [number for number in turns if number is not None]
    assert len(numbers) == 4
    assert numbers == list(range(numbers[0], numbers[0] + 4))
