"""A deployment from the wish to its end, over a small world and a virtual clock."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Environment, EnvironmentName
from engine.commands import Abort, Approve, Deploy, Reject, Resume, RollBack
from engine.deployments.deployment import Deployment, Outcome, Purpose, State
from engine.errors import NotNow
from tests.unit.deployments.world import ANN, BEN, CANARY, CID, ROLLING, Behaviour, Town

FREE = Environment(EnvironmentName("production"))


async def planned(town: Town, version: str = "v2") -> Deployment:
    return await town.desk.deploy(town.ask(Deploy("shop", version, "production")), ANN)


async def started(town: Town, version: str = "v2") -> Deployment:
    deployment = await planned(town, version)
    return await town.desk.approve(town.ask(Approve(deployment.id, deployment.plan.digest)), BEN)


async def test_a_canary_goes_through_its_steps_and_leaves_the_new_version_alone() -> None:
    town = Town()
    town.settle()
    deployment = await started(town)
    await town.run(60)
    after = await town.at(deployment)
    assert (after.state, after.outcome, after.weight) == (State.SUCCEEDED, Outcome.PROMOTED, 100)
    assert town.world.effects == [
        "start v2 1",
        "route v2=10 v1=90",
        "route v2=50 v1=50",
        "start v2 2",
        "route v2=100",
        "route v2=100",
        "stop shop-production-v1-1,shop-production-v1-2",
    ]
    assert town.world.running() == ["shop-production-v2-1", "shop-production-v2-2"]
    assert town.world.book == ["begin v2", "finish v2"]
    assert not town.world.broken
    assert not town.durable.running


async def test_a_first_deployment_skips_the_traffic_steps() -> None:
    town = Town(environment=FREE)
    deployment = await planned(town, "v1")
    await town.run(10)
    after = await town.at(deployment)
    assert after.state is State.SUCCEEDED
    assert town.world.effects == ["start v1 1,2", "route v1=100"]


async def test_a_failing_gate_brings_traffic_back_before_the_new_version_stops() -> None:
    town = Town(behaviour={"v2": Behaviour(errors=0.2)})
    town.settle()
    deployment = await started(town)
    await town.run(60)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.GATE_FAILED)
    assert town.world.effects == [
        "start v2 1",
        "route v2=10 v1=90",
        "route v1=100",
        "stop shop-production-v2-1",
    ]
    measured = after.measurements[0]
    assert (measured.value, measured.threshold, measured.verdict) == (0.2, "< 1 %", "fail")
    assert '{service="shop",version="v2"}[10s]' in measured.query
    assert town.world.book == ["begin v2", "fail restored=True"]


async def test_a_rolling_replacement_keeps_full_strength() -> None:
    town = Town(strategy=ROLLING, instances=3)
    town.settle()
    deployment = await started(town)
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED
    assert town.world.running() == [f"shop-production-v2-{n}" for n in (1, 2, 3)]
    assert not town.world.broken


async def test_rolling_without_surge_makes_room_first() -> None:
    town = Town(strategy=replace(ROLLING, max_surge=0, max_unavailable=1), instances=3)
    town.settle()
    deployment = await started(town)
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED
    assert town.world.effects[:3] == ["route v1=100", "stop shop-production-v1-3", "start v2 1"]
    assert not town.world.broken


@pytest.mark.parametrize("seconds", [0, 2, 4, 15, 29])
async def test_abort_restores_from_any_moment(seconds: float) -> None:
    town = Town(draining=5.0)
    town.settle()
    deployment = await started(town)
    await town.run(seconds)
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(30)
    after = await town.at(deployment)
    assert (after.outcome, after.ended) == (Outcome.ABORTED, True)
    assert town.world.running() == ["shop-production-v1-1", "shop-production-v1-2"]
    assert town.world.weights == {"v1": 100}
    assert not town.world.broken


async def test_a_crash_loop_rolls_back_with_the_platforms_words() -> None:
    town = Town(behaviour={"v2": Behaviour(healthy_after=9, dies_after=1)})
    town.settle()
    deployment = await started(town)
    await town.run(60)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.BROKEN)
    assert "exit code 1" in after.reason
    assert town.world.weights == {"v1": 100}


async def test_never_healthy_rolls_back_at_the_deadline() -> None:
    town = Town(behaviour={"v2": Behaviour(healthy_after=9999)})
    town.settle()
    deployment = await started(town)
    await town.run(100)
    assert (await town.at(deployment)).state is State.RUNNING
    await town.run(60)
    assert (await town.at(deployment)).state is State.ROLLED_BACK


async def test_no_data_extends_once_then_waits_for_a_person_who_lets_it_go_on() -> None:
    town = Town(behaviour={"v2": Behaviour(errors=None)})
    town.settle()
    deployment = await started(town)
    await town.run(60)
    after = await town.at(deployment)
    assert (after.state, after.step) == (State.PAUSED, 0)
    assert "no data" in after.reason
    town.world.behaviour["v2"] = Behaviour(errors=0.0)
    await town.desk.resume(town.ask(Resume(deployment.id)), BEN)
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED


@pytest.mark.parametrize("part", ["metrics", "router", "manager"])
async def test_what_is_away_never_opens_a_gate_and_is_waited_for(part: str) -> None:
    town = Town()
    town.settle()
    deployment = await started(town)
    await town.run(6)
    town.world.away.add(part)
    await town.run(20)
    during = await town.at(deployment)
    assert during.step == 0
    assert during.state in {State.RUNNING, State.PAUSED}
    if during.state is State.RUNNING:
        assert f"The {part} does not answer." in during.trouble
    town.world.away.clear()
    if during.state is State.PAUSED:
        await town.desk.resume(town.ask(Resume(deployment.id)), BEN)
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_a_router_away_for_good_ends_failed_and_says_what_runs() -> None:
    town = Town()
    town.settle()
    deployment = await started(town)
    await town.run(6)
    town.world.away.add("router")
    await town.run(600)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.FAILED, Outcome.BROKEN)
    assert "could not be seen" in after.reason


async def test_roll_back_of_a_finished_deployment_is_quick_and_needs_nobody() -> None:
    town = Town()
    town.settle()
    deployment = await started(town)
    await town.run(60)
    back = await town.desk.roll_back(town.ask(RollBack("shop", "production", deployment.id)), ANN)
    assert (back.purpose, back.plan.version) == (Purpose.ROLL_BACK, "v1")
    await town.run(10)
    assert (await town.at(back)).state is State.SUCCEEDED
    assert town.world.running() == ["shop-production-v1-1", "shop-production-v1-2"]
    assert not town.world.broken


async def test_a_step_with_approval_waits_and_is_measured_meanwhile() -> None:
    steps = (CANARY.steps[0], replace(CANARY.steps[1], approval=True), CANARY.steps[2])
    town = Town(strategy=replace(CANARY, steps=steps))
    town.settle()
    deployment = await started(town)
    await town.run(120)
    waiting = await town.at(deployment)
    assert (waiting.state, waiting.waiting_step, waiting.weight) == (State.PAUSED, 1, 10)
    assert waiting.measured_at is not None
    assert town.clock() - waiting.measured_at < timedelta(seconds=15)
    for old in (None, 0, 2):
        with pytest.raises(NotNow):  # what was drawn before this step waited decides nothing of it
            await town.desk.approve(town.ask(Approve(deployment.id, step=old)), CID)
        with pytest.raises(NotNow):
            await town.desk.reject(town.ask(Reject(deployment.id, step=old)), CID)
    await town.desk.approve(town.ask(Approve(deployment.id, step=1)), BEN)
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_nobody_decides_in_time() -> None:
    town = Town()
    town.settle()
    deployment = await planned(town)
    await town.run(3700)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.CANCELLED, Outcome.EXPIRED)
    assert not town.world.effects


async def test_rejected() -> None:
    town = Town()
    town.settle()
    deployment = await planned(town)
    after = await town.desk.reject(town.ask(Reject(deployment.id)), BEN)
    assert (after.state, after.outcome) == (State.CANCELLED, Outcome.REJECTED)
    await town.run(1)
    assert not town.durable.running
