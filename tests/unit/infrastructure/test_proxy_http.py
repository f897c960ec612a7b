"""HTTP/1.1 through the proxy: what goes on, what is changed, what is turned away, and when patience ends."""

from __future__ import annotations

import asyncio
import re

import pytest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SWITCH_WITH_BODY = (
    b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 29\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
)
CHUNKED = b"3\r\nabc\r\n0\r\n\r\n"
LAST = b"Connection: close\r\n"
GET = b"GET / HTTP/1.1\r\nHost: shop\r\n"


def saying(response):
    async def handler(_head, _reader, writer):
        writer.write(response)

    return handler


def closing(response):
    async def handler(_head, _reader, writer):
        writer.write(response)
        await writer.drain()
        writer.close()

    return handler


async def echo(head, reader, writer):
    """Answers with the body as it stood on the wire."""
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    body = await (reader.readexactly(int(length[1])) if length else reader.readuntil(b"0\r\n\r\n"))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def start(stage, handler=None):
    await stage.instance("one", handler or saying(OK))
    stage.route()


async def test_a_request_goes_on_with_what_the_instance_needs_to_know(stage):
    await start(stage)
    answer = await stage.ask(
        GET + b"X-Forwarded-For: 10.0.0.1\r\nKeep-Alive: 5\r\nX-Gone: 1\r\nConnection: close, x-gone\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nok")
    (seen,) = stage.seen
    lines = seen.split(b"\r\n")
    assert lines[0] == b"GET / HTTP/1.1"
    assert b"Host: shop" in lines
    assert b"X-Forwarded-For: 10.0.0.1, 127.0.0.1" in lines
    assert b"X-Forwarded-Proto: http" in lines
    assert b"X-Forwarded-Host: shop" in lines
    assert re.search(rb"X-Request-Id: [0-9a-f]{32}", seen)
    assert not re.search(rb"connection|keep-alive|x-gone", seen, re.IGNORECASE)


async def test_a_request_id_is_kept(stage):
    await start(stage)
    await stage.ask(GET + b"X-Request-ID: mine\r\n" + LAST + b"\r\n")
    assert stage.seen[0].lower().count(b"x-request-id") == 1
    assert b"X-Request-Id: mine\r\n" in stage.seen[0]


async def test_connections_are_kept_on_both_sides(stage):
    await start(stage)
    answer = await stage.ask((GET + b"\r\n") * 3 + GET + LAST + b"\r\n")
    assert answer.count(b"200 OK") == 4
    assert len(stage.seen) == 4


async def test_a_long_pipeline_of_refusals_is_answered_in_full(stage):
    stage.route(members=[])
    answer = await stage.ask((GET + b"\r\n") * 1500 + GET + LAST + b"\r\n")
    assert answer.count(b"503 Service Unavailable") == 1501


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n", CHUNKED),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, b"ok"),
    ],
)
async def test_each_kind_of_answer_ends_where_it_ends(stage, response, expected):
    await start(stage, saying(response))
    answer = await stage.ask(GET + b"\r\n" + GET + LAST + b"\r\n")
    final = [part for part in answer.split(b"HTTP/1.1 ") if part and not part.startswith(b"1")]
    assert len(final) == 2
    bodies = [part.partition(b"\r\n\r\n")[2] for part in final]
    assert bodies == [expected] * 2


async def test_the_answer_to_head_has_no_body(stage):
    await start(stage, saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"))
    head = b"HEAD / HTTP/1.1\r\nHost: shop\r\n"
    answer = await stage.ask(head + b"\r\n" + head + LAST + b"\r\n")
    assert answer.count(b"Content-Length: 9") == 2
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_an_answer_that_ends_with_its_connection_is_whole(stage, version):
    await start(stage, closing(b"HTTP/1.0 200 OK\r\n\r\nall of it"))
    answer = await stage.ask(b"GET / HTTP/%b\r\nHost: shop\r\n%b\r\n" % (version, LAST))
    assert b"all of it" in answer
    assert answer.endswith(b"0\r\n\r\n") is (version == b"1.1")
    assert stage.site.meters.lost == 0


async def test_bodies_stream_up_by_length_and_by_chunks(stage):
    await start(stage, echo)
    post = b"POST / HTTP/1.1\r\nHost: shop\r\n"
    answer = await stage.ask(
        post + b"Content-Length: 5\r\n\r\nhello" + post + LAST + b"Transfer-Encoding: chunked\r\n\r\n"
        b"2;extension=1\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: dropped\r\n\r\n"
    )
    assert b"\r\n\r\nhello" in answer
    assert answer.endswith(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
    assert b"dropped" not in answer


async def test_a_large_answer_to_a_slow_reader_waits_in_the_instance(stage):
    size = 20_000_000
    written = 0

    async def pour(_head, _reader, writer):
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 100_000):
            writer.write(bytes(100_000))
            await writer.drain()
            written += 100_000

    await start(stage, pour)
    reader, writer = await stage.connect()
    writer.write(GET + LAST + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"20000000" in head
    await asyncio.sleep(0.1)
    assert written < size
    assert len(await reader.read(-1)) == size
    writer.close()


async def test_a_websocket_becomes_a_tunnel(stage):
    async def switch(head, reader, writer):
        assert b"Upgrade: websocket" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ")
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()

    await start(stage, switch)
    reader, writer = await stage.connect()
    writer.write(GET + b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nearly ")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert await reader.readexactly(12) == b"hello EARLY "
    writer.write(b"more")
    assert await reader.readexactly(4) == b"MORE"
    assert not stage.site.drained(["one"])
    writer.close()
    await gone(stage)
    assert stage.site.drained(["one"])
    assert stage.site.meters.codes["v1", 101] == 1
    assert stage.site.meters.lost == 0


async def gone(stage):
    async with asyncio.timeout(3):
        while stage.site.clients:  # noqa: ASYNC110 - sockets close in their own time
            await asyncio.sleep(0.005)


async def test_a_declined_switch_is_an_ordinary_answer(stage):
    await start(stage)
    upgrade = b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n"
    answer = await stage.ask(GET + upgrade % b"websocket" + GET + upgrade % b"h2c" + GET + LAST + b"\r\n")
    assert answer.count(b"200 OK") == 3
    assert b"Upgrade" not in stage.seen[1]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\n%b" % SWITCH_WITH_BODY,
            400,
        ),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000, 431),
    ],
)
async def test_a_broken_request_is_turned_away_and_never_sent_on(stage, request_bytes, status):
    await start(stage)
    answer = await stage.ask(request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"X-Pilothouse-Proxy: refused" in answer
    assert stage.site.meters.lost == 0
    assert not any(b"admin" in head for head in stage.seen)


async def test_requests_before_a_broken_one_are_answered_and_none_behind_it(stage):
    await start(stage)
    answer = await stage.ask(GET + b"\r\n" + b"GET / HTTP/1.1\r\n\r\n" + GET + b"\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"400"]
    assert len(stage.seen) == 1


async def test_an_absolute_target_names_the_host(stage):
    await start(stage)
    await stage.ask(b"GET http://other/path?q HTTP/1.1\r\nHost: shop\r\n" + LAST + b"\r\n")
    assert stage.seen[0].startswith(b"GET /path?q HTTP/1.1\r\nHost: other\r\n")


@pytest.mark.parametrize(
    "begun",
    [b"GET / HTT", GET + b"X-Slow: ", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"],
)
async def test_a_slow_caller_is_told_and_left(stage, begun):
    async def never(_head, reader, _writer):
        await reader.read(-1)

    await start(stage, never)
    answer = await stage.ask(begun)
    assert answer.startswith(b"HTTP/1.1 408 ")
    await gone(stage)


async def test_a_trickle_does_not_prolong_the_head(stage):
    await start(stage)
    reader, writer = await stage.connect()

    async def trickle():
        while not writer.is_closing():
            writer.write(b"a")
            await asyncio.sleep(0.02)

    writer.write(GET + b"X: ")
    dripping = asyncio.create_task(trickle(), name="trickle")
    async with asyncio.timeout(3):
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 408 ")
    dripping.cancel()
    writer.close()


async def test_a_silent_connection_is_closed_without_a_word(stage):
    await start(stage)
    assert await stage.ask(b"") == b""


async def test_an_instance_that_takes_too_long_is_a_504(stage):
    async def never(_head, reader, _writer):
        await reader.read(-1)

    await start(stage, never)
    answer = await stage.ask(GET + LAST + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b"X-Pilothouse-Proxy: timeout" in answer
    assert stage.site.meters.lost == 1


@pytest.mark.parametrize(
    "response",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
    ],
)
async def test_an_answer_that_is_not_http_is_a_502(stage, response):
    await start(stage, saying(response))
    answer = await stage.ask(GET + LAST + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 502 "), answer
    assert b"X-Pilothouse-Proxy: bad-response" in answer
    assert stage.site.meters.lost == 1


async def test_an_answer_cut_in_its_middle_is_cut_for_the_caller_too(stage):
    await start(stage, closing(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"))
    answer = await stage.ask(GET + b"\r\n")
    assert answer.endswith(b"Content-Length: 10\r\n\r\nabc")
    assert stage.site.meters.lost == 1


async def test_a_caller_that_left_is_not_a_lost_request(stage):
    arrived = asyncio.Event()

    async def slow(_head, reader, _writer):
        arrived.set()
        await reader.read(-1)

    await start(stage, slow)
    _, writer = await stage.connect()
    writer.write(GET + b"\r\n")
    await arrived.wait()
    writer.transport.abort()
    await gone(stage)
    assert stage.site.meters.codes["v1", 499] == 1
    assert stage.site.meters.lost == 0


async def test_a_caller_may_close_its_side_and_wait(stage):
    await start(stage)
    reader, writer = await stage.connect()
    writer.write(GET + b"\r\n")
    writer.write_eof()
    assert (await reader.read(-1)).endswith(b"ok")
    writer.close()


async def test_a_body_left_unread_by_the_instance_ends_the_connection(stage):
    await start(stage, saying(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
    answer = await stage.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer
