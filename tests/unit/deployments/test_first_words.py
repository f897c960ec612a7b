"""What people read of a first deployment, before which nothing ran; and of a deadline that is no whole minutes."""

from dataclasses import replace
from datetime import timedelta

from engine.commands import Abort, Approve, Deploy
from engine.deployments.deployment import Deployment, State
from tests.unit.deployments.world import ANN, BEN, CANARY, Behaviour, Town


async def begun(town: Town) -> Deployment:
    deployment = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    return await town.desk.approve(town.ask(Approve(deployment.id)), BEN)


async def told(town: Town, deployment: Deployment) -> str:
    return " ".join(step.text for step in (await town.at(deployment)).history)


async def test_a_first_deployment_has_no_old_instances() -> None:
    town = Town()
    deployment = await begun(town)
    await town.run(60)
    said = await told(town, deployment)
    assert "Promoting v2: it takes all traffic." in said
    assert "old instances" not in said


async def test_after_a_first_deployment_that_was_taken_back_nothing_runs() -> None:
    town = Town(behaviour={"v2": Behaviour(healthy_after=9999)})
    deployment = await begun(town)
    await town.run(3)
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(30)
    assert "Rolled back: nothing runs." in await told(town, deployment)


async def test_a_deadline_is_told_as_a_length_of_time() -> None:
    town = Town()
    town.settle()
    town.world.strategy = replace(CANARY, progress_deadline=timedelta(seconds=8))
    town.world.behaviour["v2"] = Behaviour(healthy_after=9999)
    deployment = await begun(town)
    await town.run(60)
    after = await town.at(deployment)
    assert after.state is State.ROLLED_BACK
    assert after.reason == "v2 did not get on within 8 s. v2: 1 starting."
