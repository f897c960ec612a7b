"""The data is backed up before anything is touched, and a backup that fails stops the deployment."""

import pytest

from engine.backups.specs import CommandBackup
from engine.commands import Approve, Deploy, RollBack
from engine.deployments.deployment import Deployment, Outcome, State
from engine.errors import PermanentFailure, TemporaryFailure
from tests.unit.deployments.world import ANN, BEN, Killed, Town

DUMP = CommandBackup(("dump", "{file}"), ("load", "{file}"))


@pytest.fixture
def town() -> Town:
    town = Town(backup=DUMP)
    town.settle()
    return town


async def approved(town: Town, command: object) -> Deployment:
    ask = town.desk.roll_back if isinstance(command, RollBack) else town.desk.deploy
    planned = await ask(town.ask(command), ANN)  # type: ignore[arg-type]
    return await town.desk.approve(town.ask(Approve(planned.id)), BEN)


async def test_the_data_is_backed_up_before_anything_is_touched(town: Town) -> None:
    deployment = await approved(town, Deploy("shop", "v2", "production"))
    await town.run(600)
    after = await town.at(deployment)
    assert after.state is State.SUCCEEDED
    assert town.backups.taken == [deployment.id] == [after.backup]
    said = [step.text for step in after.history]
    began = next(n for n, text in enumerate(said) if text.startswith("Started"))
    assert [text for text in said[:began] if text.startswith("Back")] == [
        "Backing up the data before anything is touched.",
        f"Backed up as {deployment.id}: 8 bytes in 0.5 s.",
    ]


async def test_a_failed_backup_stops_the_deployment(town: Town) -> None:
    town.backups.failure = PermanentFailure("dump ended with 1: no room.", "Mend that and try again.")
    deployment = await approved(town, Deploy("shop", "v2", "production"))
    await town.run(10)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.FAILED, Outcome.BROKEN)
    assert after.reason == "dump ended with 1: no room. Mend that and try again. Nothing was changed."
    assert town.world.book == []


async def test_a_backup_that_cannot_be_taken_now_is_tried_again(town: Town) -> None:
    town.backups.failure = TemporaryFailure("The disk is away.")
    deployment = await approved(town, Deploy("shop", "v2", "production"))
    await town.run(10)
    assert (await town.at(deployment)).trouble == "The disk is away."
    town.backups.failure = None
    await town.run(600)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_going_back_is_not_held_up_by_a_backup(town: Town) -> None:
    await approved(town, Deploy("shop", "v2", "production"))
    await town.run(600)
    town.backups.failure = PermanentFailure("dump ended with 1.")
    back = await approved(town, RollBack("shop", "production"))
    await town.run(600)
    assert (await town.at(back)).state is State.SUCCEEDED


@pytest.mark.parametrize("moment", range(1, 12))
async def test_a_kill_around_the_backup_changes_nothing(moment: int) -> None:
    town = Town(backup=DUMP)
    town.settle()
    deployment = await approved(town, Deploy("shop", "v2", "production"))
    town.world.kill_at = town.world.moments + moment
    try:
        await town.run(600)
    except Killed:
        town.world.kill_at = None
        await town.run(600)
    after = await town.at(deployment)
    assert (after.state, after.backup) == (State.SUCCEEDED, deployment.id)
    assert town.world.book == ["begin v2", "finish v2"] or town.world.book[0] == "begin v2"
