"""What flows goes through as it comes, at the pace of the slower side, and a slow caller holds nothing for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from engine.infrastructure.balancers.limits import Hold

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n"
LAST = b"Connection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def gone(stage):
    async with asyncio.timeout(3):
        while stage.site.clients:  # noqa: ASYNC110 - sockets close in their own time
            await asyncio.sleep(0.005)


async def test_each_event_of_a_stream_arrives_before_the_next_is_made(stage):
    heard = asyncio.Queue()

    async def events(_head, _reader, writer):
        writer.write(CHUNKED)
        for number in range(5):
            writer.write(b"9\r\ndata: %d\n\n\r\n" % number)
            await heard.get()
        writer.write(b"0\r\n\r\n")

    await stage.instance("one", events)
    stage.route()
    reader, writer = await stage.connect()
    writer.write(GET + LAST)
    async with asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n")
        for number in range(5):
            assert await reader.readuntil(b"\n\n\r\n") == b"9\r\ndata: %d\n\n\r\n" % number
            heard.put_nowait(number)
        assert await reader.read(-1) == b"0\r\n\r\n"
    writer.close()


async def test_each_piece_of_a_body_arrives_before_the_next_is_sent(stage):
    pieces = asyncio.Queue()

    async def collect(_head, reader, writer):
        while (size := int((await reader.readuntil(b"\r\n")).strip(), 16)) > 0:
            pieces.put_nowait((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
        writer.write(OK)

    await stage.instance("one", collect)
    stage.route()
    reader, writer = await stage.connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n" + LAST)
    async with asyncio.timeout(5):
        for piece in (b"one", b"two", b"three"):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            assert await pieces.get() == piece
        writer.write(b"0\r\n\r\n")
        assert (await reader.read(-1)).endswith(b"ok")
    writer.close()


async def test_a_large_body_to_a_slow_instance_waits_in_the_caller(stage):
    size, go_on = 30_000_000, asyncio.Event()

    async def slow(_head, reader, writer):
        await go_on.wait()
        await reader.readexactly(size)
        writer.write(OK)

    await stage.instance("one", slow)
    stage.route()
    reader, writer = await stage.connect()
    writer.write(b"PUT / HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n" % size + LAST)
    sent, block = 0, bytes(500_000)
    async with asyncio.timeout(10):
        try:
            while sent < size:
                writer.write(block)
                sent += len(block)
                async with asyncio.timeout(0.1):
                    await writer.drain()
        except TimeoutError:  # nobody takes it: it stays here
            go_on.set()
        assert sent < size
        writer.write(bytes(size - sent))
        assert (await reader.read(-1)).endswith(b"ok")
    writer.close()


async def test_a_body_that_trickles_is_given_up_though_it_never_pauses(stage):
    async def never(_head, reader, _writer):
        await reader.read(-1)

    await stage.instance("one", never)
    stage.route()
    reader, writer = await stage.connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\n")

    async def trickle():
        while not writer.is_closing():
            writer.write(b"a")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(trickle(), name="trickle")
    async with asyncio.timeout(3):
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 408 ")
    dripping.cancel()
    writer.close()
    await gone(stage)
    assert stage.site.meters.lost == 0


async def test_a_body_that_is_slow_but_moves_is_waited_for(stage):
    async def take(_head, reader, writer):
        await reader.readexactly(4000)
        writer.write(OK)

    await stage.instance("one", take)
    stage.route()
    reader, writer = await stage.connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4000\r\n" + LAST)
    for _ in range(20):  # longer than the patience for one pause, which is 0.3 s
        writer.write(bytes(200))
        await asyncio.sleep(0.03)
    async with asyncio.timeout(3):
        assert (await reader.read(-1)).endswith(b"ok")
    writer.close()


async def test_a_caller_that_never_reads_is_left_and_the_instance_let_go(stage):
    async def pour(_head, _reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(bytes(100_000))
            await writer.drain()

    await stage.instance("one", pour)
    stage.route()
    _, writer = await asyncio.open_connection("127.0.0.1", stage.port, limit=1000)
    writer.write(GET + b"\r\n")
    await asyncio.sleep(0.1)
    assert stage.site.clients
    await gone(stage)
    assert stage.site.drained(["one"])
    writer.close()


async def test_a_tunnel_is_kept_while_bytes_go_either_way_and_let_go_when_none_do(stage):
    stage.site.limits = replace(stage.site.limits, tunnel=0.3)

    async def chat(_head, reader, writer):
        writer.write(SWITCH)
        for _ in range(8):
            await asyncio.sleep(0.05)
            writer.write(b"a")
        while data := await reader.read(10):
            assert data

    await stage.instance("one", chat)
    stage.route()
    reader, writer = await stage.connect()
    writer.write(GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    async with asyncio.timeout(5):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert await reader.readexactly(8) == b"aaaaaaaa"
        for _ in range(8):
            await asyncio.sleep(0.05)
            writer.write(b"b")
        assert await reader.read(-1) == b""
    writer.close()
    await gone(stage)
    assert stage.site.drained(["one"])
    assert stage.site.meters.lost == 0


async def test_a_caller_that_stops_in_its_body_is_the_one_who_is_late(stage):
    go_on = asyncio.Event()

    async def late(_head, reader, _writer):
        await go_on.wait()
        await reader.read(-1)

    await stage.instance("one", late)
    stage.route()
    reader, writer = await stage.connect()
    writer.write(b"PUT / HTTP/1.1\r\nHost: shop\r\nContent-Length: 30000000\r\n\r\n")
    while not any(Hold.INSTANCE_FULL in client._holds for client in stage.site.clients):  # and not a piece more
        writer.write(bytes(50_000))
        await asyncio.sleep(0.001)
    go_on.set()
    async with asyncio.timeout(5):
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 408 ")
    writer.close()
    await gone(stage)
    assert stage.site.meters.lost == 0
    assert not any(one.standing.failed for one in stage.site._members.values())


async def test_a_crowd_of_slow_callers_hinders_nobody_and_is_gone_after_its_time(stage):
    async def answer(_head, _reader, writer):
        writer.write(OK)

    await stage.instance("one", answer)
    stage.route()
    crowd = []
    for _ in range(300):
        crowd.append(await stage.connect())
        crowd[-1][1].write(GET + b"X-Slow: ")
    told = await asyncio.gather(*(stage.ask(GET + LAST) for _ in range(50)))
    assert all(one.startswith(b"HTTP/1.1 200 ") for one in told)
    ends = await asyncio.gather(*(reader.read(-1) for reader, _ in crowd))
    assert all(end.startswith(b"HTTP/1.1 408 ") for end in ends)
    for _, writer in crowd:
        writer.close()
    await gone(stage)
