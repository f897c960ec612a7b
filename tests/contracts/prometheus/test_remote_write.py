"""What is written is what a real Prometheus answers."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
import pytest_asyncio

from alerting.errors import PermanentFailure
from alerting.metrics.port import Vector
from alerting.metrics.prometheus import PrometheusSource
from alerting.metrics.remote_write import STALE, Point, RemoteWriter, Series
from tests.fakes.writable_prometheus import WritablePrometheus

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime.now(UTC).timestamp()
Both = tuple[PrometheusSource, RemoteWriter]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Both]:
    async with WritablePrometheus() as server, aiohttp.ClientSession() as session:
        yield PrometheusSource(session, server.url), RemoteWriter(session, server.write_url)


async def read(source: PrometheusSource, query: str, at: float) -> list[tuple[dict[str, str], str]]:
    answer = await source.instant(query, datetime.fromtimestamp(at, UTC))
    assert isinstance(answer, Vector)
    return [(dict(sample.labels), str(sample.value)) for sample in answer.samples]


@pytest.mark.parametrize("value", [0.0, -1.5, 1e300, math.nan, math.inf, -math.inf])
async def test_reads_back_what_was_written(server: Both, value: float) -> None:
    source, writer = server
    labels = {"__name__": "written", "value": str(value), "text": 'a "b"\n{c} é', "empty": ""}
    await writer.write([Series(labels, [Point(NOW - 1, 7.0), Point(NOW, value)])])
    labels.pop("empty")
    query = f'written{{value="{value}"}}'
    assert await read(source, query, NOW - 0.5) == [(labels, "7.0")]
    assert await read(source, query, NOW) == [(labels, str(value))]


async def test_a_stale_point_ends_a_series(server: Both) -> None:
    source, writer = server
    await writer.write([Series({"__name__": "ends"}, [Point(NOW - 10, 1.0), Point(NOW - 5, STALE)])])
    assert await read(source, "ends", NOW - 6) == [({"__name__": "ends"}, "1.0")]
    assert await read(source, "ends", NOW - 4) == []


async def test_points_that_come_too_late_are_refused_and_named(server: Both) -> None:
    _, writer = server
    await writer.write([Series({"__name__": "late"}, [Point(NOW, 1.0)])])
    with pytest.raises(PermanentFailure, match="out of order"):
        await writer.write([Series({"__name__": "late"}, [Point(NOW - 60, 1.0)])])
