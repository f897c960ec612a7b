"""A body that is no gzip, though its headers say so, is refused by every door, never answered with 500."""

import gzip

import pytest
from aiohttp import ClientSession, web

from alerting.routing.load import parse_routing
from bot.inputs.api.errors import tell_errors
from bot.web.server import readable
from tests.fakes.alert_door import Door

FALSE_GZIP = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
ROUTING = "{route: {receiver: nobody}, receivers: [{name: nobody}]}"


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@pytest.mark.parametrize("middleware", [readable, tell_errors])
@pytest.mark.parametrize(
    ("body", "status"), [(b"no gzip", 400), (gzip.compress(b"{}", mtime=0), 200)], ids=["false", "true"]
)
async def test_a_false_gzip_is_refused(middleware: object, body: bytes, status: int) -> None:
    app = web.Application(middlewares=[middleware])  # type: ignore[list-item]
    app.router.add_post("/", _echo)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with ClientSession() as session, session.post(url, data=body, headers=FALSE_GZIP) as answer:
            assert answer.status == status, await answer.text()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("path", ["/alertmanager/api/v2/alerts", "/webhooks/alertmanager"])
async def test_pushers_are_told_so_too(path: str) -> None:
    door = Door(parse_routing("alertmanager.yml", ROUTING))
    async with door.serving() as url, ClientSession() as session:
        answer = await session.post(f"{url}{path}", data=b"no gzip", headers=FALSE_GZIP)
        assert answer.status == 400, await answer.text()
