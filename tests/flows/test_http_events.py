"""The whole way in HTTP mode: signed deliveries instead of a socket, and none that is not Slack's."""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tests.fakes.house import House, all_text, has_button
from tests.fakes.scene import Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("http events")]

Houses = Callable[..., Awaitable[House]]
COMMAND = "command=%2Fops&text=deploy+shop+v1+to+staging&team_id=T0PILOT&user_id=U0ADA&channel_id=C1&trigger_id=1.2.3"


async def test_deploy_and_approve_by_signed_deliveries(houses: Houses) -> None:
    house = await houses(Scene(steps=((100, "100ms"),), http_events=True))
    assert "SLACK_APP_TOKEN" not in house.environment()
    await house.start()
    assert "What you can do here" in all_text(await house.ask("ada", "/ops help"))
    ada = await house.person("ada")
    mark = ada.mark()
    await ada.command("deploys", "/deploy")
    view = await ada.wait_view(since=mark)
    before = house.chronicle.last()
    await ada.submit(view, {"service": "shop", "version": "v1", "environment": "production"})
    id = await house.planned(after=before)  # noqa: A001
    await house.approve("ben", id)
    await house.end_of(id, "DeploymentSucceeded")
    assert not has_button(await house.message(id, "Succeeded"), "deployment.approve")


async def test_a_delivery_without_a_good_fresh_signature_does_nothing(houses: Houses) -> None:
    house = await houses(Scene(http_events=True))
    await house.start()
    before, now, key = house.chronicle.last(), int(time.time()), house.signing_secret
    headers = {
        "none": {},
        "bad": _signed("not the key", now),
        "old": _signed(key, now - 600),
        "other text": _signed(key, now, "text=help"),
    }
    async with aiohttp.ClientSession() as session:
        statuses = {name: await _post(session, house, one) for name, one in headers.items()}
    assert statuses == dict.fromkeys(headers, 401)
    assert house.chronicle.facts("deployment/", after=before) == []


def _signed(key: str, at: int, body: str = COMMAND) -> dict[str, str]:
    """Headers as Slack makes them (docs.slack.dev, verifying requests from Slack)."""
    digest = hmac.new(key.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={digest}"}


async def _post(session: aiohttp.ClientSession, house: House, headers: dict[str, str]) -> int:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with session.post(f"{house.board}/slack/events", data=COMMAND, headers={**form, **headers}) as answer:
        return answer.status
