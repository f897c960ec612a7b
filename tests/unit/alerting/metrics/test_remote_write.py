"""What is written, byte by byte, and what is made of a server that refuses it."""

import math
import struct
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import cramjam
import pytest
from aiohttp import web

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.metrics.remote_write import MOST, STALE, Point, RemoteWriter, Series, encode


def test_writes_the_message_of_the_specification() -> None:
    series = Series({"job": "a", "__name__": "up", "none": ""}, [Point(1.5, 2.0), Point(300.0, 1.0)])
    assert encode([series]) == bytes.fromhex(
        "0a37"
        "0a0e" "0a085f5f6e616d655f5f" "12027570"  # __name__ = up
        "0a08" "0a036a6f62" "120161"  # job = a, and no empty label
        "120c" "090000000000000040" "10dc0b"  # 2.0 at 1500 ms
        "120d" "09000000000000f03f" "10e0a712"
    )  # fmt: skip


def test_ends_a_series_with_the_bits_prometheus_knows() -> None:
    assert math.isnan(STALE)
    assert struct.pack("<Q", 0x7FF0000000000002) in encode([Series({"a": "b"}, [Point(0, STALE)])])
    assert struct.pack("<Q", 0x7FF0000000000002) not in encode([Series({"a": "b"}, [Point(0, math.nan)])])


def test_writes_a_time_before_1970() -> None:
    message = encode([Series({}, [Point(-0.001, 0.0)])])
    assert message.endswith(b"\x10" + b"\xff" * 9 + b"\x01")


class Receiver:
    """Takes what is written, or refuses it with a status."""

    def __init__(self) -> None:
        self.status, self.headers, self.said = 204, dict[str, str](), ""
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append(bytes(cramjam.snappy.decompress_raw(await request.read())))
        return web.Response(status=self.status, headers=self.headers, text=self.said)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, RemoteWriter]]:
    taker, app = Receiver(), web.Application()
    app.router.add_post("/write", taker.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/write"
        yield taker, RemoteWriter(session, url, headers={"Authorization": "Bearer x"})
    await runner.cleanup()


async def test_sends_the_headers_of_the_specification_and_ours(receiver: tuple[Receiver, RemoteWriter]) -> None:
    taker, writer = receiver
    await writer.write([Series({"__name__": "up"}, [Point(1, 1)])])
    headers = taker.requests[0].headers
    assert headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert headers["Authorization"] == "Bearer x"
    assert taker.bodies == [encode([Series({"__name__": "up"}, [Point(1, 1)])])]


async def test_sends_nothing_for_nothing_and_much_in_parts(receiver: tuple[Receiver, RemoteWriter]) -> None:
    taker, writer = receiver
    await writer.write([])
    assert not taker.bodies
    many = [Series({"n": str(n)}, [Point(1, n)]) for n in range(MOST + 1)]
    await writer.write(many)
    assert taker.bodies == [encode(many[:MOST]), encode(many[MOST:])]


@pytest.mark.parametrize(("status", "remedy"), [(400, "see which"), (404, "remote-write-receiver"), (401, "credent")])
async def test_a_refusal_says_what_to_do(receiver: tuple[Receiver, RemoteWriter], status: int, remedy: str) -> None:
    taker, writer = receiver
    taker.status, taker.said = status, "out of order sample"
    with pytest.raises(PermanentFailure, match=remedy) as raised:
        await writer.write([Series({"a": "b"}, [Point(1, 1)])])
    assert "out of order sample" in raised.value.reason


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_is_tried_again(receiver: tuple[Receiver, RemoteWriter], status: int) -> None:
    taker, writer = receiver
    taker.status, taker.headers = status, {"Retry-After": "7"}
    with pytest.raises(TemporaryFailure) as raised:
        await writer.write([Series({"a": "b"}, [Point(1, 1)])])
    assert raised.value.retry_after == timedelta(seconds=7)


async def test_a_server_that_is_away_may_come_back() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(TemporaryFailure, match="cannot be reached"):
            await RemoteWriter(session, "http://127.0.0.1:1/write").write([Series({"a": "b"}, [Point(1, 1)])])
