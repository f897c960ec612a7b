import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from alerting.errors import AlertingError, BadQuery, PermanentFailure, QueryTimeout, TemporaryFailure
from alerting.metrics.port import Vector
from alerting.rules.ask import Asker
from alerting.rules.expression import parse_expression
from tests.fakes.prometheus import FakeMetrics, vector
from tests.fakes.virtual_time import run

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ONE = vector(({"a": "b"}, 1.0))
MANY = [f"m{n}" for n in range(120)]


class Slow(FakeMetrics):
    """Too slow for any query that holds `slow` and is not alone."""

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector:
        self.queries.append(expr)
        if "slow" in expr and expr != "slow":
            raise QueryTimeout("too slow")
        return Vector(())


async def ask(asker: Asker, texts: Sequence[str]) -> dict[str, object]:
    return dict(await asker.ask([parse_expression(text) for text in texts], AT))


def asker(metrics: FakeMetrics) -> Asker:
    return Asker(metrics, timeout=timedelta(seconds=5))


async def test_asks_in_batches_of_fifty() -> None:
    metrics = FakeMetrics({"m7": ONE})
    answers = await ask(asker(metrics), MANY)
    assert [query.count("label_replace") for query in metrics.queries] == [50, 50, 20]
    assert answers["m7"] == ONE.samples
    assert answers["m8"] == ()


async def test_offenders_are_asked_alone_until_they_are_trusted_again() -> None:
    metrics = FakeMetrics({"m7": BadQuery("no"), "m30": BadQuery("no")})
    one = asker(metrics)
    answers = await ask(one, MANY)
    assert sum(isinstance(answer, AlertingError) for answer in answers.values()) == 2
    metrics.queries.clear()
    await ask(one, MANY)
    assert sorted(query.count("label_replace") for query in metrics.queries) == [0, 0, 18, 50, 50]
    one.forget(MANY)
    metrics.answers = {}
    metrics.queries.clear()
    await ask(one, MANY)
    assert [query.count("label_replace") for query in metrics.queries] == [50, 50, 20]


async def test_a_slow_expression_ends_up_alone_and_the_others_answer() -> None:
    one = asker(Slow({}))
    texts = ["slow", *MANY[:99]]
    for _ in range(8):
        answers = await ask(one, texts)
    assert not any(isinstance(answer, AlertingError) for answer in answers.values())


@pytest.mark.parametrize("failure", [TemporaryFailure("away"), PermanentFailure("401", "sign in")])
async def test_stops_asking_a_source_that_fails(failure: AlertingError) -> None:
    metrics = FakeMetrics({})
    metrics.failure = failure
    answers = await ask(asker(metrics), [f"m{n}" for n in range(1000)])
    assert len(answers) == 1000
    assert all(isinstance(answer, AlertingError) for answer in answers.values())
    assert len(metrics.queries) <= 6


class Narrow(FakeMetrics):
    """Refuses queries with more than 20 expressions, whatever they are."""

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector:
        self.queries.append(expr)
        if expr.count("label_replace") > 20:
            raise BadQuery("the query is too long", "make it shorter")
        return Vector(())


async def test_learns_how_much_a_source_stands_at_once() -> None:
    metrics = Narrow({})
    one = asker(metrics)
    for _ in range(3):
        metrics.queries.clear()
        answers = await ask(one, MANY)
        assert not any(isinstance(answer, AlertingError) for answer in answers.values())
    assert [query.count("label_replace") for query in metrics.queries] == [10] * 12


async def test_an_answer_that_cannot_be_taken_apart_resolves_nothing() -> None:
    class Mixed(FakeMetrics):
        async def instant(
            self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
        ) -> Vector:
            return ONE

    answers = await ask(asker(Mixed({})), MANY[:3])
    assert all(isinstance(answer, TemporaryFailure) for answer in answers.values())


class Waiting(FakeMetrics):
    """Takes its time for every query, and counts how many wait together."""

    def __init__(self, seconds: float, failure: AlertingError | None = None) -> None:
        super().__init__({})
        self.seconds, self.failing = seconds, failure
        self.waiting = self.most = 0

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await asyncio.sleep(self.seconds)
        self.waiting -= 1
        if self.failing is not None:
            raise self.failing
        return Vector(())


@pytest.mark.parametrize(
    ("seconds", "most", "took"),
    [(0.01, 1, 0.08), (1.0, 4, 3.0)],  # eight queries; the second source is asked four at a time after the first
)
def test_asks_one_by_one_where_answers_come_at_once_and_else_together(seconds: float, most: int, took: float) -> None:
    metrics = Waiting(seconds)

    async def wait(now: Callable[[], datetime]) -> None:
        begin = now()
        await ask(asker(metrics), [f"m{n}" for n in range(400)])
        assert metrics.most == most
        assert (now() - begin) / timedelta(seconds=1) == pytest.approx(took)

    run(wait)


def test_a_source_that_hangs_is_not_waited_for_again_and_again() -> None:
    metrics = Waiting(30.0, QueryTimeout("no answer within 30s"))

    async def wait(now: Callable[[], datetime]) -> None:
        begin = now()
        answers = await ask(asker(metrics), [f"m{n}" for n in range(4000)])
        assert len(answers) == 4000
        assert now() - begin <= timedelta(seconds=90)

    run(wait)


class Plain(FakeMetrics):
    """Takes no regular expressions."""

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector:
        self.queries.append(expr)
        if "=~" in expr:
            raise BadQuery("no regular expressions here")
        return Vector(())


async def test_a_term_that_is_refused_as_a_whole_is_taken_apart() -> None:
    metrics = Plain({})
    one, texts = asker(metrics), [f"up{{job='{n}'}}" for n in range(30)]
    for _ in range(2):
        metrics.queries.clear()
        answers = await ask(one, texts)
        assert answers == dict.fromkeys(texts, ())
    assert [query.count("label_replace") for query in metrics.queries] == [30]


class OfReplicas(FakeMetrics):
    """Takes the label `replica` off what it answers, as Thanos does."""

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector:
        self.queries.append(expr)
        marks = [f"{n};" for n in range(expr.count("label_replace"))]
        return vector(*(({"__rule__": mark}, 1.0) for mark in marks)) if marks else vector(({}, 1.0))


async def test_what_the_source_does_not_tell_apart_is_asked_as_it_is_written() -> None:
    metrics = OfReplicas({})
    one = asker(metrics)
    texts = [f"{metric}{{replica='{n}'}}" for metric in ("up", "down") for n in range(5)] + ["time", "load"]
    for _ in range(2):
        metrics.queries.clear()
        answers = await ask(one, texts)
        assert answers == dict.fromkeys(texts, vector(({}, 1.0)).samples)
    assert [query.count("label_replace") for query in metrics.queries] == [12]


class Heavy(FakeMetrics):
    """Too slow for more than twenty terms at a time."""

    async def instant(
        self, expr: str, at: datetime | None = None, timeout: timedelta = timedelta(seconds=30)
    ) -> Vector:
        self.queries.append(expr)
        if expr.count("label_replace") > 20:
            raise QueryTimeout("too slow")
        return Vector(())


async def test_what_is_too_slow_is_halved_by_terms_so_that_a_slow_source_is_not_asked_ever_more() -> None:
    metrics = Heavy({})
    one = asker(metrics)
    texts = [f"m{kind}{{job='{job}'}}" for kind in range(40) for job in range(20)]
    for _ in range(5):
        metrics.queries.clear()
        answers = await ask(one, texts)
        assert len(metrics.queries) <= 8
    assert answers == dict.fromkeys(texts, ())
