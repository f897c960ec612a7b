"""What the source makes of answers that a healthy Prometheus never gives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from alerting.errors import AlertingError, BadQuery, PermanentFailure, QueryTimeout, TemporaryFailure
from alerting.metrics.interned import InternedLabels
from alerting.metrics.port import Sample, Vector
from alerting.metrics.prometheus import PrometheusSource

Serve = Callable[[web.Response], Awaitable[PrometheusSource]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A source whose server always gives this response."""
    runners: list[web.AppRunner] = []
    async with aiohttp.ClientSession() as session:

        async def start(response: web.Response) -> PrometheusSource:
            async def answer(request: web.Request) -> web.StreamResponse:
                assert request.headers["Accept-Encoding"] == "identity"
                return web.Response(status=response.status, body=response.body, headers=response.headers)

            app = web.Application()
            app.router.add_post("/api/v1/query", answer)
            runner = web.AppRunner(app)
            await runner.setup()
            runners.append(runner)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return PrometheusSource(session, f"http://127.0.0.1:{runner.addresses[0][1]}", max_bytes=1000)

        yield start
    for runner in runners:
        await runner.cleanup()


def said(status: int, kind: str) -> web.Response:
    body = {"status": "error", "errorType": kind, "error": "it said so"}
    return web.json_response(body, status=status, headers={"Retry-After": "7"})


def answer(**more: object) -> web.Response:
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}, **more})


@pytest.mark.parametrize(
    ("response", "failure", "told"),
    [
        (said(400, "bad_data"), BadQuery, "it said so"),
        (said(422, "execution"), BadQuery, "it said so"),
        (web.Response(status=400, text="<html>"), BadQuery, "answered 400: <html>"),
        (said(503, "timeout"), QueryTimeout, "timeout: it said so"),
        (said(500, "internal"), TemporaryFailure, "internal: it said so"),
        (said(429, "unavailable"), TemporaryFailure, "unavailable: it said so"),
        (web.Response(status=401, text="who?"), PermanentFailure, "answered 401: who?; give credentials"),
        (web.Response(status=404), PermanentFailure, "answered 404: nothing; check that"),
        (web.Response(text="<html>"), TemporaryFailure, "not Prometheus' format: JSON is malformed"),
        (web.json_response({"status": "success"}), TemporaryFailure, "data is missing"),
        (web.json_response({"a": 1}), TemporaryFailure, "missing required field `status`"),
        (
            web.json_response({"status": "success", "data": {"resultType": "streams", "result": []}}),
            TemporaryFailure,
            'resultType is "streams"',
        ),
        (
            web.json_response({"status": "success", "data": {"resultType": "vector", "result": [{"metric": 3}]}}),
            TemporaryFailure,
            "Expected `object`, got `int`",
        ),
        (answer(isPartial=True), TemporaryFailure, "sent a part of the answer: isPartial"),
        (answer(warnings=["store a: no way there"]), TemporaryFailure, "a part of the answer: store a: no way there"),
        (
            web.Response(text='{"status":"success","data":{"resultType":"vector","result":[{"metric":{'),
            TemporaryFailure,
            "truncated",
        ),
        (web.Response(text="x" * 2000), BadQuery, "larger than 1000 bytes; aggregate or narrow the query"),
    ],
)
async def test_tells_what_was_wrong(
    serve: Serve, response: web.Response, failure: type[AlertingError], told: str
) -> None:
    source = await serve(response)
    with pytest.raises(failure) as raised:
        await source.instant("up")
    assert type(raised.value) is failure
    assert told in str(raised.value)


async def test_remarks_on_the_query_are_no_lack(serve: Serve) -> None:
    source = await serve(
        answer(warnings=["PromQL warning: quantile value should be between 0 and 1"], infos=["PromQL info: x"])
    )
    assert await source.instant("up") == Vector(())


async def test_an_answer_about_the_future_is_no_answer(serve: Serve) -> None:
    """Our clock is ahead: nothing is there yet, which is not the end of what fires."""
    source, now = await serve(answer()), datetime.now(UTC)
    assert await source.instant("up", now) == Vector(())
    assert await source.instant("up", now - timedelta(days=1)) == Vector(())
    with pytest.raises(TemporaryFailure, match="set the clocks"):
        await source.instant("up", now + timedelta(hours=1))


async def test_an_endless_answer_is_read_no_further_than_allowed() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 100 * 2**20:
            await response.write(b"x" * 65_536)
            sent += 65_536
        return response

    app = web.Application()
    app.router.add_post("/api/v1/query", endless)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession() as session:
        source = PrometheusSource(session, f"http://127.0.0.1:{runner.addresses[0][1]}", max_bytes=2**20)
        with pytest.raises(BadQuery, match="larger than 1048576 bytes"):
            await source.instant("up")
    await runner.cleanup()
    assert sent < 20 * 2**20


async def test_a_body_that_breaks_off_is_a_temporary_failure() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        writer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    async with server, aiohttp.ClientSession() as session:
        source = PrometheusSource(session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(TemporaryFailure, match="cannot be reached"):
            await source.instant("up")


async def test_the_same_series_comes_with_the_same_labels(serve: Serve) -> None:
    series = [{"metric": {"a": "b"}, "value": [1.0, "2"]}]
    source = await serve(web.json_response({"status": "success", "data": {"resultType": "vector", "result": series}}))
    first, second = await source.instant("up"), await source.instant("up")
    assert isinstance(first, Vector)
    assert isinstance(second, Vector)
    assert first.samples[0].labels is second.samples[0].labels


def test_label_sets_that_nobody_asks_for_are_forgotten() -> None:
    interned = InternedLabels(most=10)
    kept = interned.labels(b'{"a":"kept"}')
    for n in range(100):
        interned.labels(b'{"a":"%d"}' % n)
        assert interned.labels(b'{"a":"kept"}') is kept
    assert interned.labels(b'{"a":"5"}') == {"a": "5"}


async def test_knows_when_to_try_again(serve: Serve) -> None:
    source = await serve(said(503, "unavailable"))
    with pytest.raises(TemporaryFailure) as raised:
        await source.instant("up")
    assert raised.value.retry_after == timedelta(seconds=7)


async def test_a_native_histogram_counts_as_zero(serve: Serve) -> None:
    series = {"metric": {"a": "b"}, "histogram": [1.0, {"count": "3", "sum": "4"}]}
    body = {"status": "success", "data": {"resultType": "vector", "result": [series]}}
    source = await serve(web.json_response(body))
    assert await source.instant("up") == Vector((Sample({"a": "b"}, 0.0, histogram=True),))


async def test_a_server_that_never_answers_is_a_query_timeout() -> None:
    async def hear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession() as session:
        source = PrometheusSource(session, f"http://127.0.0.1:{port}")
        with pytest.raises(QueryTimeout, match="no answer within 50ms"):
            await source.instant("up", timeout=timedelta(milliseconds=50))
        for writer in writers:
            writer.close()
