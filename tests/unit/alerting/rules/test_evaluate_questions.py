"""Queries that templates ask."""

from datetime import UTC, datetime, timedelta

from alerting.errors import BadQuery
from alerting.metrics.port import Scalar, Vector
from alerting.rules.evaluate import Evaluator
from alerting.rules.load import parse_rules
from alerting.rules.state import Change, Transition
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.prometheus import FakeMetrics, vector

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Bench:
    """One rule with an annotation and a label."""

    def __init__(self, annotation: str, label: str = "", hosts: int = 1) -> None:
        text = (
            "groups: [{name: g, interval: 1s, query_offset: 5s, rules: [{alert: A, expr: bad, "
            f"labels: {{asked: '{label}'}}, annotations: {{summary: '{annotation}'}}}}]}}]"
        )
        loaded = parse_rules("r.yml", text)
        assert not loaded.problems
        self.clock, self.total = VirtualClock(START), 7.0
        self.bad = vector(*(({"host": str(n)}, 1.0) for n in range(hosts)))
        self.asked: list[tuple[str, datetime | None]] = []
        self.metrics = FakeMetrics(self.answer)
        self.evaluator = Evaluator(loaded.groups, self.metrics, MemoryDatabase().records, now=self.clock)

    def answer(self, expr: str, at: datetime | None) -> Vector | Scalar:
        self.asked.append((expr, at))
        match expr:
            case "bad":
                return self.bad
            case "total":
                return vector(({}, self.total))
            case "scalar(total)":
                return Scalar(self.total)
            case _:
                raise BadQuery("no such thing", "correct it")

    async def tick(self) -> list[Transition]:
        told = await self.evaluator.tick(self.clock())
        self.clock.advance(SECOND)
        return told


async def test_a_template_reads_the_metrics_at_the_time_of_the_evaluation() -> None:
    bench = Bench('{{ query "total" | first | value }} {{ query "scalar(total)" | first | value }}')
    (told,) = await bench.tick()
    assert told.alert.annotations == {"summary": "7 7"}
    assert bench.asked == [("bad", START - 5 * SECOND), ("total", START), ("scalar(total)", START)]


async def test_the_same_query_is_asked_once_an_evaluation_and_anew_at_the_next() -> None:
    bench = Bench('{{ query "total" | first | value }}', hosts=30)
    await bench.tick()
    assert [expr for expr, _ in bench.asked] == ["bad", "total"]
    bench.total = 8.0
    told = await bench.tick()
    assert {one.alert.annotations["summary"] for one in told} == {"8"}
    assert {one.change for one in told} == {Change.UPDATED}


async def test_a_label_may_ask_too() -> None:
    bench = Bench("", label='{{ query "total" | first | value }}')
    (told,) = await bench.tick()
    assert told.alert.labels["asked"] == "7"


async def test_a_query_that_fails_is_told_in_the_text() -> None:
    bench = Bench('{{ query "nothing" }}')
    (told,) = await bench.tick()
    assert "no such thing" in told.alert.annotations["summary"]
    assert told.change is Change.FIRING


async def test_there_is_an_end_to_asking() -> None:
    bench = Bench('{{ query (printf "x%s" $labels.host) }}', hosts=300)
    told = await bench.tick()
    assert len(told) == 300
    assert len(bench.asked) == 201
    assert sum("more than 200 queries" in one.alert.annotations["summary"] for one in told) == 100
