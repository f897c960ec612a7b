"""What every source of metrics does, the real one and the fake."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import pytest_asyncio

from alerting.errors import BadQuery, TemporaryFailure
from alerting.metrics.port import Metrics, Scalar, Vector
from alerting.metrics.prometheus import PrometheusSource
from alerting.rules.ask import Asker
from alerting.rules.expression import parse_expression
from tests.fakes.prometheus import Answers, FakeMetrics, PrometheusServer, vector

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SERIES = "\n".join(
    [
        "# TYPE load gauge",
        *(f'load{{host="a"}} 1.5 {AT.timestamp() + offset:.0f}' for offset in (-30, 0)),
        f'load{{host="b"}} NaN {AT.timestamp():.0f}',
        "# TYPE limit gauge",
        f"limit +Inf {AT.timestamp():.0f}",
        "# EOF\n",
    ]
)
LOAD = vector(({"__name__": "load", "host": "a"}, 1.5), ({"__name__": "load", "host": "b"}, math.nan))
FAKE: Answers = {
    "load": LOAD,
    "limit": vector(({"__name__": "limit"}, math.inf)),
    "load{host='a'} * 2": vector(({"host": "a"}, 3.0)),
    "scalar(load{host='a'})": Scalar(1.5),
    "load + on() load": BadQuery("found duplicate series", "correct the query"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "prometheus"])
async def metrics(request: pytest.FixtureRequest) -> AsyncIterator[Metrics]:
    if request.param == "fake":
        yield FakeMetrics(FAKE)
        return
    async with PrometheusServer(openmetrics=SERIES) as server, aiohttp.ClientSession() as session:
        yield PrometheusSource(session, server.url)


def rows(answer: Vector | Scalar) -> list[tuple[str, str, str]]:
    """Name, host and value, in an order of their own; NaN equals NaN here."""
    assert isinstance(answer, Vector)
    return sorted((s.labels.get("__name__", ""), s.labels.get("host", ""), str(s.value)) for s in answer.samples)


async def test_is_ready(metrics: Metrics) -> None:
    assert await metrics.ready()


async def test_answers_a_vector_with_every_value(metrics: Metrics) -> None:
    assert rows(await metrics.instant("load", AT)) == [("load", "a", "1.5"), ("load", "b", "nan")]
    assert rows(await metrics.instant("limit", AT)) == [("limit", "", "inf")]


async def test_answers_a_scalar(metrics: Metrics) -> None:
    answer = await metrics.instant("scalar(load{host='a'})", AT)
    assert isinstance(answer, Scalar)
    assert answer.value == 1.5


async def test_answers_nothing_with_an_empty_vector(metrics: Metrics) -> None:
    assert await metrics.instant("no_such_metric", AT) == Vector(())


@pytest.mark.parametrize("expr", ["sum(", "load + on() load", "load[5m]", "'text'"])
async def test_refuses_what_cannot_be_computed(metrics: Metrics, expr: str) -> None:
    with pytest.raises(BadQuery):
        await metrics.instant(expr, AT)


async def test_a_batch_answers_as_each_expression_alone(metrics: Metrics) -> None:
    texts = ["load", "limit", "load{host='a'} * 2", "scalar(load{host='a'})", "no_such_metric", "load # as is", "7"]
    together = await Asker(metrics, timeout=timedelta(seconds=5)).ask([parse_expression(t) for t in texts], AT)
    for text in texts:
        alone = await Asker(metrics, timeout=timedelta(seconds=5)).ask([parse_expression(text)], AT)
        assert shown(together[text]) == shown(alone[text]), text


async def test_an_offender_in_a_batch_is_found_and_the_others_answer(metrics: Metrics) -> None:
    texts = ["load", "load + on() load", "limit"]
    answers = await Asker(metrics, timeout=timedelta(seconds=5)).ask([parse_expression(t) for t in texts], AT)
    assert isinstance(answers["load + on() load"], BadQuery)
    assert len(shown(answers["load"])) == 2
    assert len(shown(answers["limit"])) == 1


def shown(answer: object) -> list[str]:
    assert isinstance(answer, tuple)
    return sorted(f"{sorted(sample.labels.items())} {sample.value}" for sample in answer)


async def test_a_server_that_is_away_is_a_temporary_failure() -> None:
    async with aiohttp.ClientSession() as session:
        away = PrometheusSource(session, "http://127.0.0.1:1")
        assert not await away.ready()
        with pytest.raises(TemporaryFailure, match="cannot be reached"):
            await away.instant("up")
