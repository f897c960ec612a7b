"""What rules write back: recorded series, ALERTS, and the end of both."""

from datetime import UTC, datetime, timedelta

from alerting.errors import BadQuery, TemporaryFailure
from alerting.metrics.port import Scalar, Vector
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import parse_rules
from alerting.rules.rule import RuleGroup
from alerting.rules.state import Change, Transition
from storage.records import Records
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.prometheus import FakeMetrics, vector
from tests.fakes.written import WrittenSeries

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

RULES = """
groups:
  - name: g
    interval: 1s
    rules:
      - {record: late, expr: total}
      - {record: total, expr: load}
      - {record: twice, expr: total}
      - {alert: High, expr: twice, labels: {severity: page}}
      - {alert: Any, expr: 'ALERTS{alertname="High"}'}
"""


def groups(text: str = RULES) -> tuple[RuleGroup, ...]:
    loaded = parse_rules("rules.yml", text, recording=True)
    assert not loaded.problems
    return loaded.groups


class Bench:
    """An evaluator whose metrics are what was written, and one gauge."""

    def __init__(self, text: str = RULES, records: Records | None = None, offset: timedelta = timedelta(0)) -> None:
        self.clock, self.written = VirtualClock(START), WrittenSeries()
        self.load = vector(({"__name__": "load", "job": "a"}, 1.0))
        self.metrics = FakeMetrics(self.answer)
        self.records = records or MemoryDatabase().records
        self.offset = offset
        self.evaluator = Evaluator(
            groups(text), self.metrics, self.records, now=self.clock, query_offset=offset, writer=self.written
        )

    def answer(self, expr: str, at: datetime | None) -> Vector | Scalar:
        assert at is not None
        if expr == "load":
            return self.load
        if expr == "broken":
            raise BadQuery("no", "correct it")
        name, _, of_alert = expr.partition("{")
        found = self.written.vector(name, at).samples
        return Vector(tuple(one for one in found if not of_alert or one.labels["alertname"] == "High"))

    async def tick(self) -> list[tuple[str, Change]]:
        told: list[Transition] = await self.evaluator.tick(self.clock())
        self.clock.advance(SECOND)
        return [(one.rule.name, one.change) for one in told]

    def names(self) -> list[str]:
        """The series that are there after the last tick."""
        return self.written.names(self.clock() - SECOND - self.offset)

    def errors(self) -> dict[str, str | None]:
        return {one.rule.name: one.health.last_error for one in self.evaluator.snapshot()}


async def test_each_rule_sees_what_earlier_ones_wrote_and_the_last_of_later_ones() -> None:
    bench = Bench()
    assert await bench.tick() == [("High", Change.FIRING), ("Any", Change.FIRING)]
    once = ["ALERTS", "ALERTS", "ALERTS_FOR_STATE", "ALERTS_FOR_STATE", "total", "twice"]
    assert bench.names() == once
    await bench.tick()
    assert bench.names() == sorted([*once, "late"])


async def test_series_that_are_made_no_longer_end_at_once() -> None:
    bench = Bench()
    await bench.tick()
    bench.load = Vector(())
    told = await bench.tick()
    assert ("High", Change.RESOLVED) in told
    # The rule before its source sees the last value once more.
    assert bench.names() == ["late"]
    await bench.tick()
    assert bench.names() == []


async def test_writes_at_the_time_that_was_asked_about() -> None:
    bench = Bench("groups: [{name: g, interval: 1s, rules: [{record: total, expr: load}]}]", offset=5 * SECOND)
    await bench.tick()
    (points,) = bench.written.points.values()
    assert list(points) == [(START - 5 * SECOND).timestamp()]


async def test_a_rule_that_fails_ends_none_of_its_series() -> None:
    bench = Bench()
    await bench.tick()
    bench.metrics.failure = TemporaryFailure("away")
    await bench.tick()
    assert "total" in bench.names()
    assert "ALERTS" in bench.names()


async def test_what_cannot_be_written_is_an_error_of_its_rules() -> None:
    bench = Bench()
    bench.written.failure = TemporaryFailure("no way there")
    await bench.tick()
    assert bench.errors()["total"] == "the result could not be written: no way there"
    assert bench.errors()["High"] is None  # it made nothing
    bench.written.failure = None
    await bench.tick()
    assert set(bench.errors().values()) == {None}


async def test_one_refused_series_costs_other_rules_nothing() -> None:
    bench = Bench()
    bench.written.refused = {"twice"}
    await bench.tick()
    assert bench.names() == ["total"]
    errors = bench.errors()
    assert "out of order" in str(errors.pop("twice"))
    assert set(errors.values()) == {None}


async def test_a_rule_that_is_taken_out_has_its_series_ended() -> None:
    bench = Bench()
    await bench.tick()
    text = RULES.replace("- {record: twice, expr: total}", "").replace("name: g", "name: g2")
    await bench.evaluator.replace(groups(text))
    bench.load = Vector(())
    for _ in range(3):  # rules that read one another end one after the other
        await bench.tick()
    assert bench.names() == []


async def test_a_series_that_another_rule_takes_over_goes_on() -> None:
    bench = Bench("groups: [{name: g, interval: 1s, rules: [{record: total, expr: load}]}]")
    await bench.tick()
    moved = "groups: [{name: other, interval: 1s, rules: [{record: total, expr: load}]}]"
    await bench.evaluator.replace(groups(moved))
    await bench.tick()
    assert bench.names() == ["total"]


async def test_after_a_restart_the_series_of_alerts_still_end() -> None:
    text = "groups: [{name: g, interval: 1s, rules: [{alert: High, expr: load}]}]"
    first = Bench(text)
    await first.tick()
    second = Bench(text, records=first.records)
    second.written, second.load = first.written, Vector(())
    second.clock.advance(SECOND)
    evaluator = Evaluator(groups(text), second.metrics, second.records, now=second.clock, writer=first.written)
    await evaluator.restore()
    assert first.written.names(second.clock()) == ["ALERTS", "ALERTS_FOR_STATE"]
    await evaluator.tick(second.clock())
    assert first.written.names(second.clock()) == []


async def test_nothing_is_written_for_nothing() -> None:
    bench = Bench()
    bench.load = Vector(())
    await bench.tick()
    assert bench.written.writes == 0
