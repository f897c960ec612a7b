"""The version in flight: shown on a port of its own before it has a share, and given to those who carry the pin."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest

from engine.catalog import Version
from engine.infrastructure.balancers.flight import following
from engine.infrastructure.balancers.meters import render
from engine.strategy_specs import Pin
from tests.bench.proxy_shifts import quiet_port

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n"
LAST = b"Connection: close\r\n\r\n"


def named(name):
    async def handler(_head, _reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))

    return handler


@pytest.fixture
async def three(stage):
    """Two instances of v1, which had all the traffic, and one of v2."""
    await stage.instance("a", named(b"a"))
    await stage.instance("b", named(b"b"))
    await stage.instance("c", named(b"c"), version="v2")
    stage.route()
    return stage


def serve(stage, weights, **more):
    """Serve all members as the proxy would after being told so."""
    told = {Version(name): weight for name, weight in weights.items()}
    route = msgspec.structs.replace(stage.site.route, members=tuple(stage.members), weights=told, **more)
    stage.site.adopt(following(("v1",), route), [one.id for one in stage.members])


async def answers(port, count, *fields):
    """Bodies of `count` requests on one connection, whatever their status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = GET + b"".join(b"%b\r\n" % field for field in fields)
    writer.write((request + b"\r\n") * (count - 1) + request + LAST)
    async with asyncio.timeout(5):
        raw = await reader.read(-1)
    writer.close()
    return Counter(part.partition(b"\r\n\r\n")[2] for part in raw.split(b"HTTP/1.1 ")[1:])


async def show(stage):
    port = quiet_port()
    await stage.site.preview.show_at(port)
    return port


async def test_the_preview_shows_what_has_no_share_and_counts_it_apart(three):
    serve(three, {"v1": 100})
    port = await show(three)
    assert await answers(port, 4) == {b"c": 4}
    assert await answers(three.port, 4) == {b"a": 2, b"b": 2}
    assert three.site.meters.previews == {("v2", 200): 4}
    assert three.site.meters.requests == 4
    labels = 'service="shop",environment="production",version="v2",code="200"'
    assert f"pilothouse_proxy_preview_requests_total{{{labels}}} 4" in render([three.site.measured()])


async def test_the_preview_says_why_it_shows_nothing(three):
    port = await show(three)
    (told,) = await answers(port, 1)
    assert told == b"No version of shop in production waits for its share of the traffic.\n"
    serve(three, {"v1": 90, "v2": 10})
    (told,) = await answers(port, 1)
    assert told == b"v2 has its share of shop in production already, on port %d.\n" % three.port
    serve(three, {"v2": 100})
    assert b"already" in (await answers(port, 1)).popitem()[0]
    serve(three, {"v1": 100})
    three.servers["c"].close()
    (told,) = await answers(port, 1)
    assert told.startswith(b"No instance could be reached: ")
    (told,) = await answers(port, 1)
    assert told == b"No instance of v2 is healthy, which waits for its share of shop in production.\n"
    assert three.site.meters.lost == 0
    assert set(three.site.meters.previews) == {("", 503), ("", 502)}


async def test_a_preview_that_is_no_longer_wanted_lets_go_of_who_is_there(three):
    serve(three, {"v1": 100})
    port = await show(three)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    await until(lambda: three.site.preview.clients)
    await three.site.preview.show_at(0)
    await until(lambda: not three.site.preview.clients)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def until(happened):
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - sockets close in their own time
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("weights", [{"v1": 100}, {"v1": 90, "v2": 10}, {"v2": 100}])
@pytest.mark.parametrize(
    ("pin", "field"),
    [(Pin("header", "X-Try", "new"), b"x-try: new"), (Pin("cookie", "try", "new"), b"Cookie: a=b; try=new")],
)
async def test_the_pin_asks_for_the_new_version_whatever_the_weights(three, weights, pin, field):
    serve(three, weights, pin=pin)
    assert await answers(three.port, 10, field) == {b"c": 10}
    unpinned = await answers(three.port, 20)
    assert unpinned[b"c"] == 20 * weights.get("v2", 0) // 100


async def test_without_a_new_version_that_is_well_the_pin_asks_for_nothing(three):
    pin = Pin("header", "X-Try", "new")
    serve(three, {"v1": 100}, pin=pin)
    three.servers["c"].close()
    assert await answers(three.port, 4, b"X-Try: new") == {b"a": 2, b"b": 2}
    three.members.pop()
    serve(three, {"v1": 100}, pin=pin)
    assert await answers(three.port, 4, b"X-Try: new") == {b"a": 2, b"b": 2}
    assert three.site.meters.lost == 0


async def test_the_same_caller_comes_to_the_same_instance(three):
    serve(three, {"v1": 100}, balancing="ip-hash")
    chosen = {}
    for number in range(30):
        caller = b"X-Forwarded-For: 6.6.6.6, 10.0.0.%d" % number
        (chosen[caller],) = await answers(three.port, 3, caller)
    assert set(chosen.values()) == {b"a", b"b"}
    three.members[:] = [one for one in three.members if one.id != "b"]
    serve(three, {"v1": 100}, balancing="ip-hash")
    for caller in chosen:
        assert await answers(three.port, 1, caller) == {b"a": 1}


async def test_the_instance_with_the_fewest_requests_is_next(three):
    go_on = asyncio.Event()

    async def slow(_head, _reader, writer):
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")

    three.members[:] = three.members[:1]
    await three.instance("d", slow)
    serve(three, {"v1": 100}, balancing="least-connections")
    held = [asyncio.create_task(answers(three.port, 1), name=f"caller {number}") for number in range(2)]
    await until(lambda: any(one.active for one in three.site._members.values()) and any(one.done() for one in held))
    assert await answers(three.port, 10) == {b"a": 10}
    go_on.set()
    assert sum(await asyncio.gather(*held), Counter()) == {b"a": 1, b"slow": 1}


async def end(stage, *names):
    """These instances answer nobody any more, and the proxy knows it."""
    for name in names:
        stage.servers[name].close()
        await stage.servers[name].wait_closed()
    for _ in names:
        await answers(stage.port, 1)


async def test_a_version_that_is_kept_answers_when_nobody_of_the_new_one_can(three):
    serve(three, {"v1": 100})
    serve(three, {"v2": 100})
    await end(three, "c")
    assert await answers(three.port, 4) == {b"a": 2, b"b": 2}
    assert three.site.reading().weights == {"v1": 100}, "what is done, not what was told"


async def test_a_version_that_is_only_shown_answers_nobody_else(three):
    serve(three, {"v1": 100})
    await end(three, "a", "b")
    assert three.site.reading().weights == {}
