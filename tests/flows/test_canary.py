"""A canary from a typed line to its end under load, on real processes: success, roll-back, abort in each state."""

import pytest

from engine.deployments.deployment import DeploymentId
from engine.deployments.journal import id_of
from tests.fakes.house import House, all_text, has_button, told_once
from tests.fakes.load import Load
from tests.fakes.scene import HEALTHY, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("canary")]

WAITS = 1  # the step that a person has to approve
SCENE = Scene(steps=((10, "500ms"), (50, "500ms"), (100, "500ms")), approval_at=WAITS, gates=(HEALTHY,))


def kinds(house: House, id: DeploymentId) -> list[str]:  # noqa: A002
    """The types of the deployment's events, in order."""
    return [one.type for one in house.chronicle.of(id)]


async def began(house: House, version: str) -> DeploymentId:
    """A deployment that two people agreed to."""
    id = await house.deploy("ada", version)  # noqa: A001
    await house.approve("ben", id)
    return id


async def approve_step(house: House, id: DeploymentId) -> None:  # noqa: A002
    """Agree to the step that waits, as soon as the message offers it."""
    paused = await house.message(id, lambda one: "Paused" in one["text"])
    await (await house.person("ben")).click(paused, "deployment.approve")


def nothing_lost(load: Load) -> None:
    assert load.lost == 0, load.told()
    assert load.failed == 0, load.told()


async def test_a_canary_succeeds_and_no_request_is_lost(house: House) -> None:
    await house.bring_out("v1")
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 20)
        id = await began(house, "v2")  # noqa: A001
        await approve_step(house, id)
        await house.end_of(id, "DeploymentSucceeded")
        before = load.versions["v1"]
        await load.wait(lambda one: one.versions["v2"] > 50)
        nothing_lost(load)
    assert load.versions["v1"] - before <= 5, "the old version went on answering after the end"
    shifted = [one.data["weight"] for one in house.chronicle.of(id) if one.type == "WeightShifted"]
    assert shifted == [10, 50, 100]
    deployment = house.chronicle.deployment(id)
    assert (deployment.lost, deployment.requests > 0) == (0, True)
    message = await house.message(id, "Succeeded")
    assert "`v1` → `v2`" in all_text(message)
    await told_once(house, id, "Succeeded")


async def test_the_button_of_a_finished_deployment_rolls_it_back(house: House) -> None:
    last = [one for one in house.chronicle.facts() if one.type == "DeploymentSucceeded"][-1]
    message = await house.message(id_of(last.stream), lambda one: has_button(one, "deployment.roll_back"))
    before = house.chronicle.last()
    async with house.load() as load:
        await load.wait(lambda one: one.versions["v2"] > 10)
        await (await house.person("ben")).click(message, "deployment.roll_back")
        id = await house.planned(after=before)  # noqa: A001
        await house.end_of(id, "DeploymentSucceeded")
        await load.wait(lambda one: one.versions["v1"] > 30)
        nothing_lost(load)
    assert "DeploymentApproved" not in kinds(house, id)
    assert "Roll back shop to v1 in production" in (await house.message(id, "Succeeded"))["text"]


async def test_a_typed_roll_back_needs_no_approval(house: House) -> None:
    id = await began(house, "v2")  # noqa: A001
    await approve_step(house, id)
    await house.end_of(id, "DeploymentSucceeded")
    async with house.load() as load:
        await load.wait(lambda one: one.versions["v2"] > 10)
        back = await house.asked("ada", "/ops rollback shop in production")
        await house.end_of(back, "DeploymentSucceeded")
        await load.wait(lambda one: one.versions["v1"] > 10)
        nothing_lost(load)


@pytest.mark.parametrize(("event", "word"), [("WeightShifted", "running"), ("DeploymentPaused", "paused")])
async def test_an_abort_takes_traffic_back_before_the_new_version_stops(house: House, event: str, word: str) -> None:
    async with house.load() as load:
        await load.wait(lambda one: one.versions["v1"] > 10)
        id = await began(house, "v2")  # noqa: A001
        await house.chronicle.wait_type(event, f"deployment/{id}")
        await load.wait(lambda one: one.versions["v2"] > 0)
        answer = await house.ask("ada", f"/ops abort {id}")
        assert "Traceback" not in all_text(answer)
        await house.end_of(id, "DeploymentRolledBack")
        nothing_lost(load)
    _back_before_gone(house, id, "v2")
    message = await house.message(id, "aborted")
    assert "<@U0ADA>" in all_text(message) or "Ada" in all_text(message), word
    assert not has_button(message, "deployment.abort")


async def test_an_abort_while_promoting_brings_the_old_version_back(house: House) -> None:
    id = await house.deploy("ada", "v4")  # noqa: A001
    await house.approve("ben", id)
    await approve_step(house, id)
    await house.end_of(id, "DeploymentSucceeded")
    async with house.load(rate=20) as load:
        await load.wait(lambda one: one.versions["v4"] > 5)
        id = await began(house, "v2")  # noqa: A001
        await approve_step(house, id)
        # The slow old version still answers requests, so promoting waits for it to be drained.
        await house.chronicle.wait_type("PromotionStarted", f"deployment/{id}")
        await house.ask("ada", f"/ops abort {id}")
        await house.end_of(id, "DeploymentRolledBack")
        before = load.versions["v4"]
        await load.wait(lambda one: one.versions["v4"] > before + 10)
        nothing_lost(load)
    assert house.chronicle.deployment(id).outcome == "aborted"


def _back_before_gone(house: House, id: DeploymentId, version: str) -> None:  # noqa: A002
    """The router read back no weight before any instance of the version was seen to be gone."""
    begun = house.chronicle.of(id)[0].position
    facts = house.chronicle.facts(after=begun)
    back = [one.position for one in facts if one.type == "WeightShifted" and one.data["weight"] == 0]
    gone = [one.position for one in facts if one.type == "InstanceRemoved" and one.data["version"] == version]
    assert len(back) == 1
    assert gone
    assert back[0] < min(gone)
