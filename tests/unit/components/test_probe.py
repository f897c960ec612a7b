"""The HTTP probe against a real server."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from engine.catalog import HealthCheck
from engine.components.probe import HttpProbe

CHECK = HealthCheck(path="/healthz", timeout=timedelta(milliseconds=200))


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]))

    async def never(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/never", never)
    app.router.add_get("/{status}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"127.0.0.1:{server.port}"


@pytest.fixture
async def probe() -> AsyncIterator[HttpProbe]:
    async with HttpProbe() as probe:
        yield probe


@pytest.mark.parametrize(("status", "well"), [(200, True), (204, True), (302, False), (404, False), (503, False)])
async def test_only_2xx_is_well(probe: HttpProbe, address: str, status: int, well: bool) -> None:
    outcome = await probe.check(address, HealthCheck(path=f"/{status}"))
    assert outcome.well is well
    assert outcome.reason == ("" if well else f"/{status} answered {status}.")


async def test_no_answer_in_time_is_ill(probe: HttpProbe, address: str) -> None:
    outcome = await probe.check(address, HealthCheck(path="/never", timeout=CHECK.timeout))
    assert outcome.reason == "/never did not answer within 0.2 s."


async def test_an_answer_that_lay_unread_while_we_were_busy_is_well(probe: HttpProbe, address: str) -> None:
    busy = True

    async def hold_up() -> None:
        while busy:
            time.sleep(CHECK.timeout.total_seconds() * 1.5)  # noqa: ASYNC251  # the loop is held up on purpose
            await asyncio.sleep(0)

    holding = asyncio.create_task(hold_up(), name="hold the loop up")
    outcome = await probe.check(address, HealthCheck(path="/200", timeout=CHECK.timeout))
    busy = False
    await holding
    assert outcome.well


async def test_nobody_listening_is_ill(probe: HttpProbe) -> None:
    outcome = await probe.check(f"127.0.0.1:{unused_port()}", CHECK)
    assert not outcome.well
    assert outcome.reason.startswith("/healthz could not be asked")


async def test_something_that_speaks_no_http_is_ill(probe: HttpProbe) -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"what?\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert not (await probe.check(f"127.0.0.1:{port}", CHECK)).well


async def test_outside_of_its_block_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await HttpProbe().check("127.0.0.1:1", CHECK)
