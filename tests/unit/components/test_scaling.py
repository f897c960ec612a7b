"""Another number of instances in the settings, and several replicas that look after one component."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine.components.lifecycle import ComponentState
from engine.components.manager import ComponentManager
from engine.errors import PermanentFailure
from engine.ports import InstanceHealth
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import CATALOG, PLACE, V1, V2, House, name, with_instances


@pytest.fixture
async def house(clock: VirtualClock) -> House:
    """A shop whose v1 runs well twice."""
    house = House(clock)
    await house.deploy(V1, "d1")
    return house


async def check(house: House, instances: int, times: int = 6) -> None:
    for _ in range(times):
        house.clock.advance(timedelta(seconds=1))
        await house.manager.check(with_instances(PLACE, instances))


async def test_more_are_started_and_routed(house: House) -> None:
    await check(house, 3)
    component = await house.component()
    assert (component.state, component.health) == (ComponentState.RUNNING, "3 of 3 healthy")
    assert set((await house.shifter.read(PLACE)).ready) == {name("v1", number) for number in range(3)}
    assert [one for one in await house.told() if one.startswith("Component")] == [
        "ComponentScaleRequested",
        "ComponentScaled",
    ]


async def test_fewer_are_drained_before_they_are_stopped(house: House) -> None:
    house.shifter.busy = {name("v1", 1)}
    await check(house, 1)
    assert house.effects == [("configure", "v1=100", name("v1", 0))]
    house.shifter.busy = set()
    await check(house, 1)
    assert house.effects[1:] == [("stop", name("v1", 1))]
    component = await house.component()
    assert (component.state, component.health) == (ComponentState.RUNNING, "1 of 1 healthy")
    assert "InstanceVanished" not in await house.told()


async def test_one_that_dies_while_it_is_scaled_is_taken_up_again(house: House) -> None:
    await check(house, 3, times=1)
    house.kill(name("v1", 0))
    await check(house, 3)
    assert (await house.component()).health == "3 of 3 healthy"


async def test_what_cannot_be_started_fails_it(house: House) -> None:
    house.instances.failures = [PermanentFailure("The artifact is gone.", "Build it.")]
    await check(house, 3, times=2)
    component = await house.component()
    assert (component.state, component.reason) == (ComponentState.FAILED, "The artifact is gone. Build it.")


async def test_a_deployment_takes_over_in_the_middle(house: House) -> None:
    await check(house, 3, times=1)
    await house.begin(V2, "d2")
    await check(house, 3)
    component = await house.component()
    assert (component.state, component.deployment) == (ComponentState.UPDATING, "d2")


async def test_two_replicas_write_one_history(house: House) -> None:
    other = ComponentManager(
        house.database.log,
        house.instances,
        house.shifter,
        house.probe,
        lambda: CATALOG,
        now=house.clock,
    )
    house.kill(name("v1", 0))
    for _ in range(5):
        house.clock.advance(timedelta(seconds=1))
        await asyncio.gather(house.manager.check(PLACE), other.check(PLACE))
    component = await house.component()
    assert (component.state, component.health) == (ComponentState.RUNNING, "2 of 2 healthy")
    assert await other.component("shop", "production") == component
    assert [one.health for one in await other.observe(PLACE)] == [InstanceHealth.HEALTHY] * 2
