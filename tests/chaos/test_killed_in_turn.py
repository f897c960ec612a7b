"""kill -9 at every step of one canary, one after the other, on both databases."""

import pytest

from engine.deployments.journal import subject_of
from tests.fakes.canary import ONCE, STEPS, TWO_STEPS, fall, pids, steps_of
from tests.fakes.house import House, told_once

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("killed otherwise"),
    pytest.mark.chaos,
]

SCENE = TWO_STEPS


async def test_a_canary_killed_at_every_step_in_turn_still_ends_well(own_house: House) -> None:
    proxy, since = own_house.proxy_pid(), len(own_house.starts())
    async with own_house.load() as load:
        await load.wait(lambda one: one.ok > 5)
        id = await own_house.deploy("ada", "v2")  # noqa: A001
        await own_house.fall(subject_of(id), STEPS[0][0])
        await own_house.approve("ben", id)
        for kind, data in STEPS[1:]:
            await fall(own_house, id, kind, data)
        await own_house.end_of(id, "DeploymentSucceeded")
        await load.wait(lambda one: one.versions["v2"] > 20)
        assert load.lost == 0, load.told()
        assert load.failed == 0, load.told()
    assert steps_of(own_house, id) == ONCE
    assert pids(own_house, "v2", since) == {"shop-production-v2-1": 1, "shop-production-v2-2": 1}
    assert own_house.proxy_pid() == proxy
    await told_once(own_house, id, "Succeeded")
