"""Range queries through prometheus-api-client, to a server of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from alerting.errors import AlertingError, BadQuery, PermanentFailure, QueryTimeout, TemporaryFailure
from alerting.metrics.ranges import RangeQueries, Series

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = {"status": "success", "data": {"resultType": "matrix", "result": []}}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers `/api/v1/query_range` with `answer`; `asked` is what was asked last."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}
        self.url = ""
        self.answer: Answer = self.json(GOOD)

    def json(self, body: Any, status: int = 200) -> Answer:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response(body, status=status)

        return answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked = dict(request.query)
        return await self.answer(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_get("/api/v1/query_range", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def ask(server: Server, **limits: Any) -> Any:
    return await RangeQueries(server.url, **limits).range("up > 0", T0, T0 + HOUR, timedelta(minutes=6))


async def test_series_come_with_their_points(server: Server) -> None:
    result = [{"metric": {"job": "shop"}, "values": [[1767603600, "1"], [1767603960.5, "NaN"]]}, {"metric": {}}]
    server.answer = server.json({"status": "success", "data": {"resultType": "matrix", "result": result}})
    first, second = await ask(server)
    assert (first.labels, first.points[0], second) == ({"job": "shop"}, (1767603600.0, 1.0), Series({}, ()))
    assert (server.asked["query"], server.asked["step"], server.asked["timeout"]) == ("up > 0", "360.000", "8s")
    assert (server.asked["start"], server.asked["end"]) == ("1767603600", "1767607200")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, {"status": "error", "errorType": "bad_data", "error": 'it\'s no "query"'}, BadQuery, 'it\'s no "query"'),
        (422, {"status": "error", "errorType": "execution", "error": "many-to-many"}, BadQuery, "many-to-many"),
        (503, {"status": "error", "errorType": "unavailable", "error": "starting"}, TemporaryFailure, "starting"),
        (429, "slow down", TemporaryFailure, "answered 429"),
        (404, "no such page", PermanentFailure, "answered 404"),
        (200, "no Prometheus", TemporaryFailure, "not Prometheus' format"),
        (200, {"data": {}}, TemporaryFailure, "not Prometheus' format"),
        (200, {"data": {"result": [{"values": [["x", "y"]], "metric": {}}]}}, TemporaryFailure, "are none"),
        (200, {"data": {"result": [5]}}, TemporaryFailure, "are none"),
    ],
)
async def test_what_goes_wrong_is_told(
    server: Server, status: int, body: Any, kind: type[AlertingError], words: str
) -> None:
    server.answer = server.json(body, status)
    with pytest.raises(kind) as failure:
        await ask(server)
    assert words in failure.value.reason


async def test_a_server_that_is_away_is_told_without_a_wall_of_text(server: Server) -> None:
    queries = RangeQueries("http://127.0.0.1:9")
    with pytest.raises(TemporaryFailure, match=r"http://127\.0\.0\.1:9 cannot be reached") as failure:
        await queries.range("up", T0, T0 + HOUR, HOUR)
    assert len(failure.value.reason) < 100


async def test_an_answer_that_is_too_large_or_too_slow_is_left(server: Server) -> None:
    enough = asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # whoever asked has left
            while not enough.is_set():
                await response.write(b" " * 70_000)
                await asyncio.sleep(0.02)  # it is the server that is slow
        return response

    server.answer = drip
    with pytest.raises(BadQuery, match="larger than 100000 bytes"):
        await ask(server, max_bytes=100_000)
    with pytest.raises(QueryTimeout):
        await ask(server, timeout=timedelta(milliseconds=200))
    enough.set()


def test_nothing_is_imported_before_the_first_query() -> None:
    words = "import sys, alerting.metrics.ranges; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0
