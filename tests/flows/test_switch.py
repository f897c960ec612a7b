"""Blue-green and recreate through the whole product under load, on real processes."""

import aiohttp
import pytest

from engine.deployments.deployment import DeploymentId
from tests.fakes.house import House, all_text
from tests.fakes.load import Load
from tests.fakes.prometheus import free_port
from tests.fakes.scene import HEALTHY, HOST, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("switch")]

PREVIEW = free_port()
SWITCH = {"kind": "blue-green", "approval": True, "dwell": "500ms", "keep_old": "1m", "gates": [HEALTHY]}
SCENE = Scene(careful=SWITCH, quick={"kind": "recreate"}, preview_port=PREVIEW)


async def switched(house: House, version: str) -> DeploymentId:
    """A deployment whose preview a person has looked at and agreed to."""
    id = await house.deploy("ada", version)  # noqa: A001
    await house.approve("ben", id)
    paused = await house.message(id, lambda one: "Paused" in one["text"])
    assert await previewed() == version
    assert f"`http://{HOST}:{PREVIEW}`" in all_text(paused)
    await (await house.person("ben")).click(paused, "deployment.approve")
    return id


async def previewed() -> str:
    """The version that answers at the preview address."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{PREVIEW}/") as answer:
        return answer.headers["X-Version"]


def nothing_lost(load: Load) -> None:
    assert (load.lost, load.failed) == (0, 0), load.told()


async def test_blue_green_shows_the_new_version_and_switches_without_losing_a_request(house: House) -> None:
    await house.bring_out("v1")
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 20)
        id = await switched(house, "v2")  # noqa: A001
        kept = await house.message(id, lambda one: "is kept until" in all_text(one))
        assert "v2 beside v1 without traffic, then 0 → 100 % at once; v1 is kept for 1 min" in all_text(kept)
        assert "✓ preview → ✓ switch → *keep*" in all_text(kept)
        assert "*Preview*" not in all_text(kept)
        await (await house.person("ben")).click(kept, "deployment.finish")
        await house.end_of(id, "DeploymentSucceeded")
        await load.wait(lambda one: one.versions["v2"] > 50)
        nothing_lost(load)
    weights = [one.data["weight"] for one in house.chronicle.of(id) if one.type == "WeightShifted"]
    assert weights == [0, 100]
    assert [one.data["person"] for one in house.chronicle.of(id) if one.type == "OldReleased"] == ["ben"]


async def test_while_the_old_version_is_kept_an_abort_is_one_switch_back(house: House) -> None:
    async with house.load() as load:
        await load.wait(lambda one: one.versions["v2"] > 10)
        starts = len(house.starts())
        id = await switched(house, "v1")  # noqa: A001
        await house.chronicle.wait_type("PromotionStarted", f"deployment/{id}")
        await house.ask("ada", f"/ops abort {id}")
        await house.end_of(id, "DeploymentRolledBack")
        before = load.versions["v2"]
        await load.wait(lambda one: one.versions["v2"] > before + 20)
        nothing_lost(load)
    assert all("-v1-" in name for name, _ in house.starts()[starts:]), "nothing of the old version was started anew"


async def test_recreate_stops_the_old_version_before_the_new_one_starts(house: House) -> None:
    await house.bring_out("v1", "staging")
    async with house.load("staging") as load:
        await load.wait(lambda one: one.versions["v1"] > 10)
        id = await house.bring_out("v2", "staging")  # noqa: A001
        await load.wait(lambda one: one.versions["v2"] > 10)
    assert "v1 stops before v2 starts; nobody is answered meanwhile" in all_text(await house.message(id, "Succeeded"))
    facts = house.chronicle.facts(after=house.chronicle.of(id)[0].position)
    own = [one for one in facts if one.type.startswith("Instance") and one.data.get("version") in {"v1", "v2"}]
    removed = [one.position for one in own if (one.type, one.data["version"]) == ("InstanceRemoved", "v1")]
    came = [one.position for one in own if one.data["version"] == "v2"]
    assert removed
    assert came
    assert max(removed) < min(came)
