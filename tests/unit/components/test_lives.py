"""A component's life at the platform: scaled, stopped, started, retried, and what others do with it."""

from __future__ import annotations

import pytest

from engine.catalog import Catalog, Service
from engine.components.lifecycle import Component, ComponentState
from engine.errors import NotNow, PermanentFailure, TemporaryFailure
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import PLACE, PRODUCTION, SHOP, V1, V2, House, name, with_instances


@pytest.fixture
async def house(clock: VirtualClock) -> House:
    """A shop whose v1 runs well twice, as instances 0 and 1."""
    house = House(clock)
    await house.manager.register_all(clock())
    await house.deploy(V1, "d1")
    await house.check()
    house.effects.clear()
    return house


async def scale(house: House, instances: int) -> None:
    await house.manager.scale(PLACE, instances, by="ada", at=house.clock())


async def stop(house: House) -> None:
    await house.manager.stop(PLACE, by="ada", at=house.clock())


async def start(house: House) -> None:
    await house.manager.start(PLACE, by="ada", at=house.clock())


def settings(house: House, instances: int) -> None:
    """The settings say another number from now on."""
    place = with_instances(PLACE, instances)
    house.catalog = Catalog({SHOP: Service(SHOP, "", "deploys", {PRODUCTION: place})}, house.catalog.environments)


async def check(house: House, times: int = 1) -> Component:
    """Health checks as the clockwork makes them: with the place of the settings."""
    for _ in range(times):
        house.clock.advance(PLACE.health.interval)
        await house.manager.check(house.catalog.placement("shop", "production"))
    return await house.component()


async def ready(house: House) -> set[str]:
    return set((await house.shifter.read(PLACE)).ready)


# Scaling


async def test_more_are_well_and_routed_before_it_is_done(house: House) -> None:
    await scale(house, 3)
    house.shifter.lag = 2
    await check(house)
    house.probe.ill = {await house.address(name("v1", 2))}
    assert (await check(house, 3)).state is ComponentState.SCALING
    house.probe.ill = set()
    component = await check(house, 5)
    assert (component.state, component.health) == (ComponentState.RUNNING, "3 of 3 healthy")
    assert await ready(house) == {name("v1", number) for number in range(3)}


async def test_a_chosen_number_is_kept_over_restarts_and_deployments(house: House) -> None:
    await scale(house, 3)
    await check(house, 5)
    house.start_again()
    await house.manager.register_all(house.clock())
    assert house.manager.sized().placement("shop", "production").target.instances == 3
    await house.manager.begin(PLACE, V2, deployment="d2", at=house.clock())
    await house.instances.start(PLACE, V2, [1, 2])
    [*new] = [one for one in await house.instances.observe(PLACE) if one.version == V2]
    await house.shifter.configure(PLACE, new, {V2: 100})
    await house.instances.stop(PLACE, [name("v1", number) for number in range(3)])
    await check(house)
    await house.manager.finish(PLACE, V2, deployment="d2", at=house.clock())
    assert (await check(house, 5)).health == "3 of 3 healthy"


async def test_other_settings_end_a_choice_for_good(house: House) -> None:
    await scale(house, 4)
    await check(house, 5)
    settings(house, 3)
    assert (await check(house, 5)).health == "3 of 3 healthy"
    settings(house, 2)
    assert (await check(house, 5)).health == "2 of 2 healthy"
    await scale(house, 3)
    await check(house, 5)
    settings(house, 3)
    component = await check(house, 5)
    assert (component.health, component.chosen) == ("3 of 3 healthy", None)


async def test_the_last_that_is_well_is_not_taken_away(house: House) -> None:
    house.probe.ill = {await house.address(name("v1", 0))}
    await check(house, 3)
    await scale(house, 1)
    await check(house, 5)
    assert ("stop", name("v1", 1)) not in house.effects
    assert name("v1", 1) in await ready(house)
    house.probe.ill = set()
    component = await check(house, 5)
    assert (component.state, component.health) == (ComponentState.RUNNING, "1 of 1 healthy")


async def test_what_holds_it_up_is_told_once_and_tried_again(house: House) -> None:
    await scale(house, 3)
    house.instances.failures = [TemporaryFailure("The engine is busy.") for _ in range(3)]
    assert (await check(house, 3)).reason == "The engine is busy."
    assert (await check(house, 4)).state is ComponentState.RUNNING
    assert (await house.told()).count("ComponentTroubled") == 1


# Stopping and starting


async def test_a_stop_drains_the_router_first_and_keeps_the_record(house: House) -> None:
    house.shifter.busy = {name("v1", 1)}
    await stop(house)
    assert (await check(house, 3)).state is ComponentState.STOPPING
    assert house.effects == [("configure", "")]
    house.shifter.busy = set()
    component = await check(house, 2)
    assert (component.state, component.version, component.health) == (ComponentState.STOPPED, V1, "not running")
    assert house.effects == [("configure", ""), ("stop", name("v1", 0)), ("stop", name("v1", 1))]
    assert await house.manager.stable(PLACE) is None
    house.effects.clear()
    await check(house, 10)
    assert house.effects == []


async def test_a_request_without_an_end_does_not_keep_it_from_stopping(house: House) -> None:
    house.shifter.busy = {name("v1", 1)}
    await stop(house)
    assert (await check(house, 40)).state is ComponentState.STOPPED


async def test_a_stop_that_does_not_work_says_so_and_goes_on(house: House) -> None:
    await stop(house)
    house.instances.failures = [PermanentFailure("The cluster refuses.", "Ask its owner.") for _ in range(2)]
    stuck = await check(house)
    assert (stuck.state, stuck.reason) == (ComponentState.STOPPING, "The cluster refuses. Ask its owner.")
    assert (await check(house, 3)).state is ComponentState.STOPPED


async def test_a_deployment_waits_for_the_end_of_a_stop_and_begins_from_nothing(house: House) -> None:
    await stop(house)
    with pytest.raises(TemporaryFailure, match="being stopped"):
        await house.begin(V2, "d2")
    await check(house, 3)
    await house.begin(V2, "d2")
    component = await house.component()
    assert (component.state, component.version, component.target) == (ComponentState.DEPLOYING, None, V2)


async def test_a_start_brings_back_the_version_and_the_number(house: House) -> None:
    await scale(house, 3)
    await check(house, 5)
    await stop(house)
    await check(house, 3)
    await house.manager.start(with_instances(PLACE, 3), by="ada", at=house.clock())
    assert (await check(house)).state is ComponentState.DEPLOYING
    component = await check(house, 4)
    assert (component.state, component.version, component.health) == (ComponentState.RUNNING, V1, "3 of 3 healthy")
    assert await ready(house) == {name("v1", number) for number in (1, 2, 3)}


async def test_a_start_that_crashes_again_and_again_fails_in_the_platforms_words(house: House) -> None:
    await stop(house)
    await check(house, 3)
    await start(house)
    for _ in range(60):
        await check(house)
        house.kill(name("v1", 1), "Ended with exit status 1.")
        if (await house.component()).state is ComponentState.FAILED:
            break
    component = await house.component()
    assert component.state is ComponentState.FAILED
    assert "Ended with exit status 1." in component.reason


async def test_a_start_without_an_artifact_fails_at_once(house: House) -> None:
    await stop(house)
    await check(house, 3)
    house.instances.missing = {"v1"}
    await start(house)
    component = await check(house, 2)
    assert (component.state, component.version) == (ComponentState.FAILED, None)
    assert "There is no artifact of shop v1." in component.reason


async def test_what_others_start_of_a_stopped_one_is_told_and_left_alone(house: House) -> None:
    await stop(house)
    await check(house, 3)
    await house.instances.start(PLACE, V1, [1])
    house.effects.clear()
    component = await check(house, 5)
    assert component.state is ComponentState.STOPPED
    assert (await house.told()).count("InstanceAppeared") == 1
    assert house.effects == []
    await house.instances.stop(PLACE, [name("v1", 1)])
    await check(house, 2)
    assert (await house.told())[-1] == "InstanceRemoved"
    with pytest.raises(NotNow, match="/ops start shop production"):
        await house.manager.restart(PLACE, by="ada", at=house.clock())


async def test_an_unregistered_one_is_left_alone_until_it_is_deployed(house: House) -> None:
    await stop(house)
    await check(house, 3)
    await house.manager.unregister(PLACE, by="ada", at=house.clock())
    house.start_again()
    await house.manager.register_all(house.clock())
    await house.instances.start(PLACE, V1, [1])
    assert (await check(house, 3)).state is ComponentState.UNREGISTERED
    await house.begin(V2, "d2")
    assert (await house.component()).state is ComponentState.DEPLOYING


# Failing and trying again


async def failed(house: House) -> None:
    """An update to v2 that broke in the middle: v2 has half of the requests, and nobody brings v1 back."""
    await house.begin(V2, "d2")
    await house.instances.start(PLACE, V2, [1])
    await house.shifter.configure(PLACE, await house.instances.observe(PLACE), {V1: 50, V2: 50})
    await house.instances.stop(PLACE, [name("v1", 1)])
    await check(house)
    await house.manager.fail(PLACE, "The disk is full.", deployment="d2", at=house.clock(), restored=False)
    house.effects.clear()


async def test_a_retry_brings_back_what_was_stable_before_it_takes_anything_away(house: House) -> None:
    await failed(house)
    await house.manager.retry(PLACE, by="ada", at=house.clock())
    component = await check(house, 6)
    assert (component.state, component.version, component.health) == (ComponentState.RUNNING, V1, "2 of 2 healthy")
    started, configured, stopped = (
        next(number for number, effect in enumerate(house.effects) if effect[0] == kind)
        for kind in ("start", "configure", "stop")
    )
    assert started < configured < stopped
    assert {effect for effect in house.effects if effect[0] == "stop"} == {("stop", name("v2", 1))}
    assert (await house.shifter.read(PLACE)).weights == {V1: 100}


async def test_a_retry_that_cannot_reach_the_platform_goes_on_later(house: House) -> None:
    await failed(house)
    await house.manager.retry(PLACE, by="ada", at=house.clock())
    house.shifter.failures = [TemporaryFailure("The router does not answer.")]
    await check(house, 3)
    assert (await check(house, 5)).state is ComponentState.RUNNING


async def test_a_failed_one_can_be_stopped(house: House) -> None:
    await failed(house)
    await stop(house)
    assert (await check(house, 3)).state is ComponentState.STOPPED
    assert await house.instances.observe(PLACE) == ()


# What happened while nobody looked


async def test_what_is_gone_at_the_start_is_brought_back_and_nobody_is_blamed(house: House) -> None:
    await house.instances.stop(PLACE, [name("v1", 0), name("v1", 1)])
    house.start_again()
    repairing = await check(house)
    assert "It was gone when Pilothouse started." in repairing.reason
    assert "not by Pilothouse" not in repairing.reason
    component = await check(house, 3)
    assert (component.state, component.health) == (ComponentState.RUNNING, "2 of 2 healthy")


async def test_starts_that_find_everything_gone_are_no_crash_loop(house: House) -> None:
    for _ in range(8):
        await house.instances.stop(PLACE, [name("v1", 0), name("v1", 1)])
        house.start_again()
        assert (await check(house, 3)).state is ComponentState.RUNNING


async def test_a_start_that_dies_in_the_middle_is_finished_by_the_next_process(house: House) -> None:
    await stop(house)
    house.start_again()
    await check(house, 3)
    await start(house)
    await check(house)
    house.start_again()
    assert (await check(house, 4)).state is ComponentState.RUNNING
