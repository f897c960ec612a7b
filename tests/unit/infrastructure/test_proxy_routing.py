"""Who answers: weights under real requests, refused and stale connections, retries, drain."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: shop\r\n"
LAST = b"Connection: close\r\n\r\n"


def named(name):
    async def handler(_head, _reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))

    return handler


async def answers(stage, count, request=GET):
    """Bodies of `count` requests on one connection."""
    raw = await stage.ask((request + b"\r\n") * (count - 1) + request + LAST)
    return Counter(part.partition(b"\r\n\r\n")[2] for part in raw.split(b"HTTP/1.1 ")[1:])


async def test_weights_are_what_callers_get(stage):
    await stage.instance("a", named(b"a"))
    await stage.instance("b", named(b"b"))
    await stage.instance("c", named(b"c"), version="v2")
    stage.route({"v1": 90, "v2": 10})
    assert await answers(stage, 100) == {b"a": 45, b"b": 45, b"c": 10}
    stage.route({"v2": 100})
    assert await answers(stage, 10) == {b"c": 10}


async def test_a_new_instance_gets_nothing_before_it_is_well(stage):
    first = await stage.instance("a", named(b"a"))
    stage.route(members=[first])
    second = await stage.instance("b", named(b"b"))
    stage.site.adopt(type(stage.site.route)(**{**_fields(stage.site.route), "members": (first, second)}))
    assert stage.site.ready() == ("a",)
    await until(lambda: stage.site.ready() == ("a", "b"))
    assert await answers(stage, 10) == {b"a": 5, b"b": 5}


def _fields(route):
    return {name: getattr(route, name) for name in route.__struct_fields__}


async def until(happened):
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - checks run in their own time
            await asyncio.sleep(0.005)


async def test_nobody_well_is_a_503_that_says_so(stage):
    stage.route(members=[])
    answer = await stage.ask(GET + LAST)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"X-Pilothouse-Proxy: no-instance" in answer
    assert b"No instance of shop in production is healthy." in answer
    assert stage.site.meters.lost == 1


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_a_refused_connection_takes_the_instance_out_at_once(stage, method):
    await stage.instance("a", named(b"a"))
    await stage.instance("b", named(b"b"))
    stage.route()
    stage.servers["b"].close()
    assert await answers(stage, 20, GET.replace(b"GET", method)) == {b"a": 20}
    assert stage.site.ready() == ("a",)
    assert stage.site.meters.lost == 0


async def test_a_stale_connection_is_not_the_callers_trouble(stage):
    async def once(_head, reader, writer):
        if len(stage.seen) == 2:  # closed by the instance just as the second request comes in
            writer.transport.abort()
        else:
            writer.write(OK)

    await stage.instance("a", once)
    stage.route()
    assert await answers(stage, 3) == {b"ok": 3}
    assert stage.site.meters.lost == 0


async def test_what_may_not_be_done_twice_is_not_sent_twice(stage):
    async def never(_head, _reader, writer):
        writer.transport.abort()

    await stage.instance("a", never)
    await stage.instance("b", never)
    stage.route()
    answer = await stage.ask(GET.replace(b"GET", b"POST") + LAST)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"X-Pilothouse-Proxy: closed" in answer
    assert len(stage.seen) == 1
    answer = await stage.ask(GET + LAST)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert len(stage.seen) == 3


async def test_an_absent_instance_finishes_its_request_and_is_dropped(stage):
    go_on = asyncio.Event()

    async def slow(_head, _reader, writer):
        await go_on.wait()
        writer.write(OK)

    await stage.instance("a", slow)
    await stage.instance("b", named(b"b"))
    stage.route(members=stage.members[:1])
    asking = asyncio.create_task(stage.ask(GET + LAST), name="slow request")
    await until(lambda: not stage.site.drained(["a"]))
    stage.route(members=stage.members[1:])
    assert await answers(stage, 3) == {b"b": 3}
    assert not stage.site.drained(["a", "b"])
    go_on.set()
    assert (await asking).endswith(b"ok")
    assert stage.site.drained(["a", "b", "never-was"])


async def test_an_instance_that_comes_back_while_it_drains_keeps_its_standing(stage):
    go_on = asyncio.Event()

    async def slow(_head, _reader, writer):
        await go_on.wait()
        writer.write(OK)

    (member,) = [await stage.instance("a", slow)]
    stage.route()
    asking = asyncio.create_task(stage.ask(GET + LAST), name="slow request")
    await until(lambda: not stage.site.drained(["a"]))
    route = stage.site.route
    stage.site.adopt(type(route)(**{**_fields(route), "members": ()}))
    assert stage.site.ready() == ()
    stage.site.adopt(type(route)(**{**_fields(route), "members": (member,)}))
    assert stage.site.ready() == ("a",)
    assert not stage.site.drained(["a"])
    go_on.set()
    assert (await asking).endswith(b"ok")
    assert stage.site.drained(["a"])
