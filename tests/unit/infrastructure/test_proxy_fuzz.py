"""Whatever bytes arrive: an answer or a close, never a failure inside, and nothing left behind."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.infrastructure.balancers.flight import following
from engine.strategy_specs import Pin

PIECES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n", b"POST /a HTTP/1.1\r\n", b"HEAD * HTTP/1.0\r\n", b"Host: a\r\n", b"\r\n",
        b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n",
        b"0\r\n", b"abc", b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b": x\r\n",
        b"Expect: 100-continue\r\n", b"X: \xff\xfe\r\n", b"\x00", b"\n", b"\r", b" ", b"HTTP/1.1 200 OK\r\n",
    ]
)  # fmt: skip
STREAMS = st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=12)
VALUES = st.one_of(
    st.sampled_from([b"try=new", b"a=b; try=new;", b"=;=", b"1.2.3.4, 5.6.7.8", b",", b"::1"]), st.binary(max_size=9)
)
FIELDS = st.lists(
    st.tuples(st.sampled_from([b"Cookie", b"cookie", b"X-Forwarded-For", b"X-Request-Id"]), VALUES), max_size=4
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def play(stage, pieces, send_eof=True):
    reader, writer = await stage.connect()
    async with asyncio.timeout(5):
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            if send_eof:
                writer.write_eof()
            return await reader.read(-1)
        except ConnectionError:
            return b""
        finally:
            writer.close()


def watched(loop):
    failures = []
    loop.set_exception_handler(lambda _loop, context: failures.append(context))
    return failures


async def test_any_request_bytes(stage):
    async def answer(_head, _reader, writer):
        writer.write(OK)

    await stage.instance("one", answer)
    stage.route()
    failures = watched(asyncio.get_running_loop())
    for pieces in examples(STREAMS, 150):
        told = await play(stage, pieces)
        assert told == b"" or told.startswith(b"HTTP/1.1 "), (pieces, told)
        assert not failures, (pieces, failures)
    await at_rest(stage)


async def test_any_field_where_fields_are_read(stage):
    async def answer(_head, _reader, writer):
        writer.write(OK)

    await stage.instance("one", answer)
    await stage.instance("two", answer, version="v2")
    stage.route()
    pin = Pin("cookie", "try", "new")
    stage.site.adopt(following(("v1",), replace(stage.site.route, balancing="ip-hash", pin=pin)), ["one", "two"])
    failures = watched(asyncio.get_running_loop())
    for fields in examples(FIELDS, 150):
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        told = await play(stage, [b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", head, b"\r\n"])
        assert told.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 ")), (fields, told)
        assert not failures, (fields, failures)
    await at_rest(stage)
    assert stage.site.meters.codes["v2", 200] > 5


async def test_any_response_bytes(stage):
    script = [b""]

    async def answer(_head, _reader, writer):
        writer.write(script[0])
        await writer.drain()
        writer.close()

    await stage.instance("one", answer)
    stage.route()
    failures = watched(asyncio.get_running_loop())
    for pieces in examples(STREAMS, 150):
        script[0] = b"".join(pieces)
        told = await play(stage, [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
        assert told == b"" or told.startswith(b"HTTP/1.1 "), (pieces, told)
        assert not failures, (pieces, failures)
    await at_rest(stage)


async def at_rest(stage):
    async with asyncio.timeout(5):
        while stage.site.clients or not stage.site.drained(["one"]):  # noqa: ASYNC110 - sockets close late
            await asyncio.sleep(0.01)


def examples(strategy, count):
    """Hypothesis' own choice of examples, played on one proxy in this loop."""
    found = []

    @settings(max_examples=count, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example):
        found.append(example)

    collect()
    return found
