"""A process that may not act any more does nothing with a deployment, and writes nothing down."""

import pytest

from engine.commands import Approve, Deploy
from engine.deployments.journal import subject_of
from engine.errors import LeaseLost
from tests.unit.deployments.world import ANN, BEN, BLUE_GREEN, CANARY, RECREATE, ROLLING, Town


class Lease:
    """Lost at the `lost_at`-th time it is asked for, for good."""

    def __init__(self, lost_at: int) -> None:
        self.left = lost_at

    async def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise LeaseLost("The lease is lost.")


@pytest.mark.parametrize("strategy", [CANARY, ROLLING, BLUE_GREEN, RECREATE], ids=lambda one: one.kind)
@pytest.mark.parametrize("lost_at", range(0, 24, 3))
async def test_nothing_is_done_or_written_once_the_lease_is_lost(strategy: object, lost_at: int) -> None:
    town = Town(strategy=strategy)
    town.settle()
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    await town.desk.approve(town.ask(Approve(planned.id)), BEN)
    town.drive._may_act = Lease(lost_at)
    while not town.durable.failures:
        await town.run(1)
    written, effects = await town.log.read(subject_of(planned.id)), list(town.world.effects)
    with pytest.raises(LeaseLost):
        await town.drive.turn(subject_of(planned.id))
    await town.run(30)
    assert await town.log.read(subject_of(planned.id)) == written
    assert town.world.effects == effects
    assert {type(one) for one in town.durable.failures} == {LeaseLost}
    town.drive._may_act = Lease(10_000)  # as the one that takes over
    await town.run(120)
    assert (await town.at(planned)).state == "succeeded"
    assert town.world.broken == []
