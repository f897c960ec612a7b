"""Going on by hand: promoting past what is left of the steps, and letting the former version go early."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Environment, EnvironmentName
from engine.commands import Abort, Approve, Deploy, Promote, ReleaseOld, Resume
from engine.deployments.decide import DeploymentNotNow
from engine.deployments.deployment import Deployment, Outcome, State
from engine.errors import Denied
from engine.strategy_specs import CanaryStep, StrategySpec
from tests.unit.deployments.world import (
    ANN,
    BEN,
    BLUE_GREEN,
    CANARY,
    CID,
    RECREATE,
    ROLLING,
    SECOND,
    Behaviour,
    Town,
)

LONG = timedelta(hours=1)
SLOW = {
    "canary": replace(CANARY, steps=(CanaryStep(10, LONG), CanaryStep(50, LONG), CanaryStep(100, LONG))),
    "rolling": replace(ROLLING, dwell=LONG),
    "blue-green": replace(BLUE_GREEN, dwell=LONG),
    "recreate": replace(RECREATE, dwell=LONG),
}


async def begun(strategy: StrategySpec, *, instances: int = 3, **world: object) -> tuple[Town, Deployment]:
    town = Town(strategy=strategy, instances=instances, **world)
    town.settle()
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    await town.desk.approve(town.ask(Approve(planned.id)), BEN)
    await town.run(10)
    return town, await town.at(planned)


async def promote(town: Town, one: Deployment, person: str = BEN, **seen: int) -> Deployment:
    return await town.desk.promote(town.ask(Promote(one.id, **seen)), person)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", SLOW)
async def test_the_rest_of_the_steps_is_skipped(kind: str) -> None:
    town, one = await begun(SLOW[kind])
    assert (one.state, one.step) == (State.RUNNING, 0)
    assert (await promote(town, one)).promotion_asked_by == BEN
    await town.run(60)
    after = await town.at(one)
    assert (after.state, after.outcome) == (State.SUCCEEDED, Outcome.FAST_PROMOTED)
    assert "Promoted at once by ben: what is left of the steps is skipped." in [step.text for step in after.history]
    assert (town.world.weights, town.world.stable_version) == ({"v2": 100}, "v2")
    assert not town.world.broken, town.world.broken


async def test_a_rolling_one_keeps_to_its_surge_all_the_same() -> None:
    town, one = await begun(SLOW["rolling"])
    await promote(town, one)
    most = 0
    for _ in range(100):
        await town.run(0.2)
        most = max(most, len(town.world.running()))
    assert most == 4
    assert (await town.at(one)).state is State.SUCCEEDED


async def test_the_former_version_is_kept_from_the_switch_on_not_from_the_preview() -> None:
    town, one = await begun(SLOW["blue-green"])
    await town.run(600)
    await promote(town, one)
    await town.run(5)
    after = await town.at(one)
    assert after.state is State.PROMOTING
    assert after.traffic_at is not None
    assert after.kept_until == after.traffic_at + BLUE_GREEN.keep_old
    assert len(town.world.running()) == 6


async def test_a_pause_that_only_needs_a_decision_is_left_too() -> None:
    town, one = await begun(CANARY, behaviour={"v2": Behaviour(errors=None)})
    await town.run(60)
    one = await town.at(one)
    assert (one.state, one.waiting_step) == (State.PAUSED, None)
    await promote(town, one)
    await town.run(60)
    assert (await town.at(one)).outcome is Outcome.FAST_PROMOTED


async def test_no_approval_is_skipped() -> None:
    steps = (CanaryStep(10, LONG), CanaryStep(50, LONG, approval=True), CanaryStep(100, LONG))
    town, one = await begun(replace(CANARY, steps=steps))
    with pytest.raises(DeploymentNotNow, match=r"Step 2 \(50 %\) still needs approval, which nothing skips"):
        await promote(town, one)
    assert (await town.at(one)).promotion_asked_by is None


async def test_another_person_has_to_skip_the_gates_where_another_has_to_approve() -> None:
    town, one = await begun(SLOW["canary"])
    with pytest.raises(Denied, match="Another person has to skip its gates"):
        await promote(town, one, ANN)
    town, one = await begun(SLOW["canary"], environment=Environment(EnvironmentName("production")))
    assert (await promote(town, one, ANN)).promotion_asked_by == ANN


async def test_what_was_seen_is_what_is_decided_on() -> None:
    town, one = await begun(replace(CANARY, steps=(CanaryStep(10, 5 * SECOND), CanaryStep(100, LONG))))
    await town.run(30)
    assert (await town.at(one)).step == 1
    with pytest.raises(DeploymentNotNow, match="It has gone on since that was shown"):
        await promote(town, one, step=0, paused_at=0)
    await promote(town, one, step=1, paused_at=0)


async def test_a_button_of_an_earlier_pause_decides_nothing() -> None:
    town, one = await begun(CANARY, behaviour={"v2": Behaviour(errors=None)})
    await town.run(60)
    one = await town.at(one)
    assert one.paused_at is not None
    seen = int(one.paused_at.timestamp())
    await town.desk.resume(town.ask(Resume(one.id)), BEN)
    await town.run(60)
    with pytest.raises(DeploymentNotNow, match="It has gone on"):
        await promote(town, one, step=0, paused_at=seen)


async def test_saying_it_twice_or_too_late_or_too_early() -> None:
    town, one = await begun(SLOW["blue-green"])
    await promote(town, one)
    assert (await promote(town, one, CID)).promotion_asked_by == BEN
    await town.run(5)
    assert (await promote(town, one, CID)).state is State.PROMOTING
    await town.run(60)
    with pytest.raises(DeploymentNotNow, match="Nothing is left to promote"):
        await promote(town, one)
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v3", "production")), ANN)
    with pytest.raises(DeploymentNotNow, match="It has not begun"):
        await promote(town, planned)


async def test_an_abort_still_takes_it_back() -> None:
    town, one = await begun(SLOW["canary"])
    await promote(town, one)
    await town.desk.abort(town.ask(Abort(one.id)), BEN)
    await town.run(60)
    after = await town.at(one)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.ABORTED)


async def test_the_former_version_is_let_go_early() -> None:
    town, one = await begun(replace(BLUE_GREEN, dwell=SECOND, keep_old=LONG))
    finish = town.ask(ReleaseOld(one.id))
    assert (await town.at(one)).kept_until is not None
    await town.desk.release_old(finish, CID)
    await town.run(5)
    after = await town.at(one)
    assert (after.state, after.outcome) == (State.SUCCEEDED, Outcome.PROMOTED)
    assert "v1 was let go early by cid: its instances stop." in [step.text for step in after.history]
    assert town.world.running() == [f"shop-production-v2-{n}" for n in (1, 2, 3)]
    assert (await town.desk.release_old(town.ask(ReleaseOld(one.id)), CID)) == after


async def test_nothing_is_kept_before_and_after() -> None:
    town, one = await begun(SLOW["canary"])
    with pytest.raises(DeploymentNotNow, match=r"No former version is kept\. The deployment is running"):
        await town.desk.release_old(town.ask(ReleaseOld(one.id)), BEN)
