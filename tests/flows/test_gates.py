"""The whole product asks a team's check over HTTP and a real Prometheus whether the new version is as good."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiohttp import web

from tests.fakes.house import House, all_text
from tests.fakes.scene import SERIES, Scene
from tests.flows.conftest import Houses

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("gates")]

SECRET = "the team's own secret"
COMPARISON = {
    "name": "like stable",
    "kind": "comparison",
    "errors": f'sum(increase({SERIES},code=~"5.."}}[{{window}}])) or vector(0)',
    "requests": f"sum(increase({SERIES}}}[{{window}}]))",
    "minimum": 50,
    "ceiling": 1,
}


@dataclass
class Check:
    """A team's check: under way when it hears of something, and done the next time."""

    url: str = ""
    began: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body, key = await request.read(), request.headers["Idempotency-Key"]
        signed = f"{key}.{request.headers['webhook-timestamp']}.".encode() + body
        made = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        if request.headers["webhook-signature"] != f"v1,{made}":
            return web.Response(status=401, text="wrong signature")
        self.asked.append({"key": key, **json.loads(body)})
        if key not in self.began:
            self.began.add(key)
            return web.Response(status=202, headers={"Retry-After": "1"})
        return web.json_response({"status": "succeeded", "message": "12 checks passed"})


@pytest_asyncio.fixture(loop_scope="module")
async def check() -> AsyncIterator[Check]:
    made, app = Check(), web.Application()
    app.router.add_post("/", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield made
    await runner.cleanup()


async def test_a_version_as_good_goes_through_and_a_worse_one_back(
    houses: Houses, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = {"name": "smoke", "kind": "hook", "url": check.url, "secret_env": "SMOKE_SECRET"}
    house = await houses(Scene(steps=((50, "5s"), (100, "3s")), gates=(COMPARISON, hook), warm_up="1s"))
    variables = {**house.environment(), "SMOKE_SECRET": SECRET}
    monkeypatch.setattr(House, "environment", lambda _: variables)
    await house.start()
    await house.open_prometheus()
    await house.bring_out("v1")
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 100)
        good = await house.deploy("ada", "v2")
        await house.approve("ben", good)
        await house.end_of(good, "DeploymentSucceeded")
        assert len(check.began) == 2, "one key a step"
        assert {(one["version"], one["previous"]) for one in check.asked} == {("v2", "v1")}
        bad = await house.deploy("ada", "v3")
        await house.approve("ben", bad)
        await house.end_of(bad, "DeploymentRolledBack")
    deployment = house.chronicle.deployment(bad)
    assert (deployment.outcome, "worse, p = " in deployment.reason) == ("gate_failed", True), deployment.reason
    failed = next(one for one in deployment.measurements if one.verdict == "fail")
    assert failed.compared
    assert (failed.compared.chance or 1) <= (failed.compared.level or 0)
    assert "like stable" in all_text(await house.message(bad, "Rolled back"))
