"""Instances that fail requests leave, and what may be asked twice is asked twice, but not more often."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import msgspec
import pytest

from engine.infrastructure.balancers.meters import render
from engine.infrastructure.balancers.standing import FAILURES

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n"
POST = b"POST / HTTP/1.1\r\nHost: shop\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n"
LAST = b"Connection: close\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"


async def fine(_head, _reader, writer):
    writer.write(OK)


async def cut(_head, _reader, writer):
    writer.transport.abort()


async def silent(_head, reader, _writer):
    await reader.read(-1)


async def nonsense(_head, _reader, writer):
    writer.write(b"nonsense\r\n\r\n")


async def half(_head, _reader, writer):
    writer.write(HALF)
    await writer.drain()
    writer.close()


def status(answer):
    return int(answer.split(b" ", 2)[1])


def rarely_checked(stage):
    """Checks say nothing for a while, so that only requests count."""
    check = stage.site.route.health
    route = stage.site.route
    health = type(check)(interval=timedelta(seconds=30), timeout=check.timeout)
    stage.site.adopt(msgspec.structs.replace(route, health=health))


async def until(happened):
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - checks run in their own time
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("fault", [cut, silent, nonsense, half])
async def test_an_instance_that_fails_requests_in_a_row_is_out_until_a_check(stage, fault):
    rarely_checked(stage)
    await stage.instance("bad", fault)
    await stage.instance("good", fine)
    stage.route()
    await until(lambda: all(one.standing.well for one in stage.site._members.values()))
    await asyncio.gather(*(stage.ask(POST + LAST) for _ in range(2 * FAILURES)))
    assert stage.site.ready() == ("good",)
    told = [status(await stage.ask(POST + LAST)) for _ in range(6)]
    assert told == [200] * 6
    (bad,) = (one for one in stage.site._members.values() if one.name == b"bad")
    bad.look_again.set()
    await until(lambda: stage.site.ready() == ("bad", "good"))


async def test_answers_between_failures_keep_it_in_whatever_their_status(stage):
    asked = 0

    async def now_and_then(_head, _reader, writer):
        nonlocal asked
        asked += 1
        if asked % FAILURES:
            writer.transport.abort()
        else:
            writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")

    rarely_checked(stage)
    await stage.instance("one", now_and_then)
    await stage.instance("other", fine)
    stage.route()
    told = Counter([status(await stage.ask(POST + LAST)) for _ in range(8 * FAILURES)])
    assert told == {200: 4 * FAILURES, 502: 4 * (FAILURES - 1), 500: 4}
    assert stage.site.ready() == ("one", "other")


async def test_the_only_one_stays_since_an_answer_now_and_then_is_better_than_none(stage):
    await stage.instance("one", cut)
    await stage.instance("waiting", fine, version="v2")
    stage.route({"v1": 100, "v2": 0})
    assert {status(await stage.ask(POST + LAST)) for _ in range(3 * FAILURES)} == {502}
    assert "one" in stage.site.ready()


async def test_a_kept_connection_that_was_closed_is_no_failure(stage):
    async def close_after(_head, _reader, writer):
        if len(stage.seen) % 2:
            writer.write(OK)
        else:  # closed by the instance just as it is used again
            writer.close()

    rarely_checked(stage)
    await stage.instance("one", close_after)
    stage.route()
    await stage.ask((GET + b"\r\n") * 20 + GET + LAST)
    assert not any(one.standing.failed for one in stage.site._members.values())
    assert stage.site.meters.retries["closed"] > 5
    assert stage.site.meters.lost == 0


@pytest.mark.parametrize(
    ("request_bytes", "sent", "answer"),
    [
        (GET + LAST, 2, 502),
        (GET.replace(b"GET", b"HEAD") + LAST, 2, 502),
        (GET.replace(b"GET", b"OPTIONS") + LAST, 2, 502),
        (GET.replace(b"GET", b"DELETE") + LAST, 2, 502),
        (PUT + LAST + b"abc", 1, 502),
        (POST + LAST, 1, 502),
        (POST.replace(b"POST", b"PATCH") + LAST, 1, 502),
    ],
)
async def test_only_what_may_be_done_twice_is_sent_twice_and_never_more(stage, request_bytes, sent, answer):
    for name in "abcd":
        await stage.instance(name, cut)
    stage.route()
    assert status(await stage.ask(request_bytes)) == answer
    assert len(stage.seen) == sent
    assert stage.site.meters.retries["closed"] == sent - 1
    assert stage.site.meters.lost == 1


@pytest.mark.parametrize("request_bytes", [GET + LAST, POST + LAST, PUT + LAST + b"abc"])
async def test_what_was_never_sent_goes_to_the_next_whatever_it_is(stage, request_bytes):
    rarely_checked(stage)
    for name in "abc":
        await stage.instance(name, fine)
    stage.route()
    await until(lambda: all(one.standing.well for one in stage.site._members.values()))
    stage.servers["a"].close()
    stage.servers["b"].close()
    assert [status(await stage.ask(request_bytes)) for _ in range(3)] == [200] * 3
    assert len(stage.seen) == 3
    assert stage.site.meters.retries["unreachable"] == 2
    assert stage.site.meters.lost == 0


async def test_nothing_is_sent_again_once_the_answer_began(stage):
    await stage.instance("a", half)
    await stage.instance("b", half)
    stage.route()
    assert await stage.ask(GET + LAST) == HALF.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert len(stage.seen) == 1
    assert stage.site.meters.lost == 1


async def test_a_repeated_request_goes_to_another_instance(stage):
    await stage.instance("bad", cut)
    await stage.instance("good", fine)
    stage.route()
    told = Counter([status(await stage.ask(GET + LAST)) for _ in range(10)])
    assert told == {200: 10}
    assert 1 <= (times := stage.site.meters.retries["closed"]) <= 5
    labels = 'service="shop",environment="production",reason="closed"'
    assert f"pilothouse_proxy_retries_total{{{labels}}} {times}" in render([stage.site.measured()])


async def test_a_body_that_was_not_begun_goes_with_its_request_to_another_instance(stage):
    arrived = asyncio.Event()

    async def take(_head, reader, writer):
        arrived.set()
        body = await reader.readexactly(3)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body)

    await stage.instance("bad", cut)
    await stage.instance("good", take)
    stage.route()
    for _ in range(2):  # by turns: one of them meets the bad one first
        reader, writer = await stage.connect()
        writer.write(PUT + LAST)
        await arrived.wait()
        writer.write(b"abc")
        async with asyncio.timeout(5):
            assert (await reader.read(-1)).endswith(b"\r\n\r\nabc")
        writer.close()
        arrived.clear()
    assert stage.site.meters.retries["closed"] == 1
    assert stage.site.meters.lost == 0
