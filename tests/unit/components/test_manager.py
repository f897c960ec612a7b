"""Looking after a component: what is recorded, what is repaired, and what is left to a deployment."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from engine.components.lifecycle import ComponentState
from engine.errors import NotNow, PermanentFailure, TemporaryFailure
from engine.ports import InstanceHealth
from storage.events import Event
from storage.follow import Bell
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryLog
from tests.unit.components.house import PLACE, V1, V2, House, name


@pytest.fixture
async def house(clock: VirtualClock) -> House:
    """A shop whose v1 runs well twice."""
    house = House(clock)
    await house.manager.register_all(clock())
    await house.deploy(V1, "d1")
    return house


async def test_placements_are_registered_once(clock: VirtualClock) -> None:
    house = House(clock)
    await house.manager.register_all(clock())
    await house.manager.register_all(clock())
    [component] = await house.manager.components()
    assert (component.state, component.desired) == (ComponentState.REGISTERED, 2)
    assert await house.manager.stable(PLACE) is None
    [card] = await house.database.log.cards("component")
    assert (card.key, card.state) == ("shop/production", "registered")


async def test_a_first_deployment_without_registration_registers(clock: VirtualClock) -> None:
    house = House(clock)
    await house.deploy(V1, "d1")
    assert await house.manager.stable(PLACE) == V1
    assert (await house.component()).health == "2 of 2 healthy"


async def test_while_nothing_changes_nothing_is_written(house: House) -> None:
    before = await house.database.log.last_position()
    await house.check(10)
    assert await house.database.log.last_position() == before
    assert house.effects == []


async def test_a_killed_instance_is_told_taken_up_again_and_told_well(house: House) -> None:
    house.kill(name("v1", 0))
    repairing = await house.check()
    assert repairing.state is ComponentState.UPDATING
    assert "Ended by SIGKILL." in repairing.reason
    assert ("start", name("v1", 0)) in house.effects
    assert house.effects[-1][:2] == ("configure", "v1=100")
    well = await house.check(2)
    assert (well.state, well.health, well.restarts) == (ComponentState.RUNNING, "2 of 2 healthy", 1)
    assert await house.told() == [
        "InstanceTurnedUnhealthy",
        "ComponentUpdateRequested",
        "InstanceRestarted",
        "InstanceTurnedHealthy",
        "ComponentUpdated",
    ]


async def test_an_instance_removed_by_somebody_is_noticed_and_started_again(house: House) -> None:
    await house.instances.stop(PLACE, [name("v1", 1)])
    repairing = await house.check()
    assert repairing.state is ComponentState.UPDATING
    assert "not by Pilothouse" in repairing.reason
    assert (await house.check(2)).health == "2 of 2 healthy"
    assert (await house.told())[0] == "InstanceVanished"


async def test_one_that_answers_badly_is_told_but_not_restarted(house: House) -> None:
    house.probe.ill = {await house.address(name("v1", 0))}
    assert (await house.check()).health == "2 of 2 healthy"
    ill = await house.check()
    assert (ill.state, ill.health) == (ComponentState.RUNNING, "1 of 2 healthy")
    assert ill.instances[name("v1", 0)].reason == "/healthz answered 503."
    await house.check(5)
    assert house.effects == []
    house.probe.ill = set()
    assert (await house.check()).health == "2 of 2 healthy"


async def test_one_that_hangs_is_stopped_and_started_again(house: House) -> None:
    house.probe.ill = {await house.address(name("v1", 0))}
    await house.check(11)
    assert house.effects == []
    repairing = await house.check()
    assert (repairing.state, repairing.restarts) == (ComponentState.UPDATING, 1)
    assert "v1-0 is alive and does not answer well: /healthz answered 503." in repairing.reason
    assert [effect for effect in house.effects if effect[0] != "configure"] == [
        ("stop", name("v1", 0)),
        ("start", name("v1", 0)),
    ]
    assert house.effects[0] == ("configure", "v1=100", name("v1", 1))  # the router lets go of it first
    well = await house.check(2)
    assert (well.state, well.health) == (ComponentState.RUNNING, "2 of 2 healthy")


async def test_those_that_hang_are_replaced_one_at_a_time(house: House) -> None:
    house.probe.ill = {await house.address(name("v1", 0)), await house.address(name("v1", 1))}
    await house.check(12)
    assert [effect[1] for effect in house.effects if effect[0] == "stop"] == [name("v1", 0)]
    await house.check(2)
    assert [effect[1] for effect in house.effects if effect[0] == "stop"] == [name("v1", 0), name("v1", 1)]
    assert (await house.check(2)).health == "2 of 2 healthy"


async def test_one_that_starting_again_does_not_help_is_left_alone_longer_each_time(house: House) -> None:
    began, stops = house.clock(), []
    for _ in range(200):
        house.probe.ill = {await house.address(name("v1", 0))}
        if ("stop", name("v1", 0)) in await house.during(house.check()):
            stops.append((house.clock() - began).total_seconds())
    waits = [after - before for before, after in itertools.pairwise(stops)]
    assert len(waits) == 3
    assert all(later > 1.5 * sooner for sooner, later in itertools.pairwise(waits))
    assert (await house.component()).state is ComponentState.UPDATING


async def test_while_a_deployment_is_in_charge_nobody_else_replaces_one_that_hangs(house: House) -> None:
    await house.begin(V2, "d2")
    house.probe.ill = {await house.address(name("v1", 0))}
    await house.check(30)
    assert house.effects == []


async def test_a_platform_that_judges_itself_replaces_its_own(house: House) -> None:
    house.instances.judge(name("v1", 0), InstanceHealth.UNHEALTHY, "Readiness failed.", judged=True)
    await house.check(30)
    assert house.effects == []


async def test_a_restart_does_not_wait_for_what_one_that_hangs_holds_open(house: House) -> None:
    house.shifter.busy = {name("v1", 0)}
    house.probe.ill = {await house.address(name("v1", 0))}
    await house.check(5)
    await house.manager.restart(PLACE, by="ada", at=house.clock())
    assert (await house.check(20)).health == "2 of 2 healthy"


async def test_a_crash_loop_ends_in_failed_with_the_last_words(house: House) -> None:
    for _ in range(60):
        house.kill(name("v1", 0), "Ended with exit status 1.\nno such table: orders")
        component = await house.check()
        if component.state is ComponentState.FAILED:
            break
    starts = [effect for effect in house.effects if effect[0] == "start"]
    assert len(starts) == 5
    assert component.state is ComponentState.FAILED
    assert "5 times within 2 minutes" in component.reason
    assert "no such table: orders" in component.reason
    house.effects.clear()
    await house.check(10)
    assert house.effects == []


async def test_restarts_wait_longer_each_time(house: House) -> None:
    began = house.clock()
    waits = []
    for _ in range(40):
        house.kill(name("v1", 0))
        house.effects.clear()
        await house.check()
        if ("start", name("v1", 0)) in house.effects:
            waits.append((house.clock() - began).total_seconds())
    assert [after - before for before, after in itertools.pairwise(waits)] == [1, 2, 4, 8]


async def test_crashes_far_apart_are_no_loop(house: House) -> None:
    for _ in range(8):
        house.kill(name("v1", 0))
        await house.check(2)
        await house.check(1, every=timedelta(minutes=1))
    assert (await house.component()).state is ComponentState.RUNNING


async def test_several_killed_at_once_are_no_loop(house: House) -> None:
    house.kill(name("v1", 0))
    house.kill(name("v1", 1))
    component = await house.check(3)
    assert (component.state, component.restarts) == (ComponentState.RUNNING, 2)


async def test_a_failed_start_is_told_and_tried_again(house: House) -> None:
    house.kill(name("v1", 0))
    house.instances.failures = [TemporaryFailure("No free port was found.")]
    component = await house.check()
    assert component.instances[name("v1", 0)].reason == "No free port was found."
    assert (await house.check(3)).state is ComponentState.RUNNING


async def test_what_cannot_be_started_fails_the_component_at_once(house: House) -> None:
    house.kill(name("v1", 0))
    house.instances.failures = [PermanentFailure("The artifact is gone.", "Build it.")]
    component = await house.check()
    assert (component.state, component.reason) == (ComponentState.FAILED, "The artifact is gone. Build it.")


async def test_a_crash_of_ours_restarts_nothing_that_is_alive(house: House) -> None:
    asked = house.probe.asked
    house.start_again()
    before = await house.database.log.last_position()
    seen = await house.manager.observe(PLACE)
    assert [one.health for one in seen] == [InstanceHealth.HEALTHY] * 2
    assert house.probe.asked == asked + 2
    await house.check()
    assert house.effects == []
    assert await house.database.log.last_position() == before


async def test_what_died_while_we_were_away_is_repaired(house: House) -> None:
    house.kill(name("v1", 0))
    house.start_again()
    assert (await house.check(3)).health == "2 of 2 healthy"


async def test_observing_asks_no_more_often_than_the_interval(house: House) -> None:
    asked = house.probe.asked
    await house.manager.observe(PLACE)
    await house.manager.observe(PLACE)
    assert house.probe.asked == asked
    house.clock.advance(PLACE.health.interval)
    await house.manager.observe(PLACE)
    assert house.probe.asked == asked + 2


# While a deployment is in charge


async def test_in_charge_only_instances_are_restarted_and_no_weight_is_touched(house: House) -> None:
    await house.begin(V2, "d2")
    await house.instances.start(PLACE, V2, [0])
    await house.check()
    house.effects.clear()
    house.kill(name("v2", 0))
    house.kill(name("v1", 0))
    component = await house.check(2)
    assert component.deployment == "d2"
    assert sorted(house.effects) == [("start", name("v1", 0)), ("start", name("v2", 0))]
    assert (await house.check()).instances[name("v2", 0)].health is InstanceHealth.HEALTHY


async def test_what_the_deployment_is_just_stopping_is_left_alone(house: House) -> None:
    await house.begin(V2, "d2")
    house.effects.clear()
    house.kill(name("v1", 0))
    await house.check()
    assert house.effects == []
    await house.instances.stop(PLACE, [name("v1", 0)])
    house.effects.clear()
    await house.check(3)
    assert house.effects == []
    assert (await house.told())[-1] == "InstanceRemoved"


async def test_a_crash_loop_is_left_to_the_deployment(house: House) -> None:
    await house.begin(V2, "d2")
    await house.instances.start(PLACE, V2, [0])
    for _ in range(60):
        house.kill(name("v2", 0))
        await house.check()
    component = await house.component()
    assert (component.state, component.deployment) == (ComponentState.UPDATING, "d2")
    assert len([effect for effect in house.effects if effect == ("start", name("v2", 0))]) == 1 + 5


async def test_a_deployment_that_gave_back_leaves_it_running(house: House) -> None:
    await house.begin(V2, "d2")
    await house.manager.fail(PLACE, "The gate failed.", deployment="d2", at=house.clock(), restored=True)
    component = await house.check()
    assert (component.state, component.version) == (ComponentState.RUNNING, V1)
    await house.manager.fail(PLACE, "again", deployment="d2", at=house.clock(), restored=True)
    assert await house.component() == component


async def test_a_deployment_in_the_middle_of_a_repair_takes_over(house: House) -> None:
    house.kill(name("v1", 0))
    await house.check()
    await house.begin(V2, "d2")
    assert (await house.check(3)).deployment == "d2"


# A restart that a person asked for


async def test_a_restart_goes_one_at_a_time(house: House) -> None:
    pids = {one.id: one.pid for one in await house.instances.observe(PLACE)}
    await house.manager.restart(PLACE, by="ada", at=house.clock())
    house.effects.clear()
    first = await house.check()
    assert first.pending == (name("v1", 1),)
    assert house.effects == [
        ("configure", "v1=100", name("v1", 1)),
        ("stop", name("v1", 0)),
        ("start", name("v1", 0)),
        ("configure", "v1=100", name("v1", 1), name("v1", 0)),
    ]
    component = await house.check(4)
    assert (component.state, component.pending, component.restarts) == (ComponentState.RUNNING, (), 2)
    after = {one.id: one.pid for one in await house.instances.observe(PLACE)}
    assert all(after[one] != pid for one, pid in pids.items())


async def test_a_restart_waits_for_the_requests_still_being_answered(house: House) -> None:
    house.shifter.busy = {name("v1", 0)}
    await house.manager.restart(PLACE, by="ada", at=house.clock())
    await house.check(3)
    assert not [effect for effect in house.effects if effect[0] == "stop"]
    house.shifter.busy = set()
    assert (await house.check(4)).state is ComponentState.RUNNING


async def test_a_restart_stops_at_an_instance_that_does_not_get_well(house: House) -> None:
    await house.manager.restart(PLACE, by="ada", at=house.clock())
    await house.check()
    house.probe.ill = {await house.address(name("v1", 0))}
    component = await house.check(10)
    assert (component.state, component.pending) == (ComponentState.UPDATING, (name("v1", 1),))
    assert component.health == "1 of 2 healthy"


async def test_a_restart_is_finished_by_the_next_process(house: House) -> None:
    await house.manager.restart(PLACE, by="ada", at=house.clock())
    await house.check()
    house.start_again()
    component = await house.check(4)
    assert (component.state, component.restarts) == (ComponentState.RUNNING, 2)


async def test_a_failed_component_is_restarted_with_a_fresh_count(house: House) -> None:
    for _ in range(60):
        house.kill(name("v1", 0))
        await house.check()
    assert (await house.component()).state is ComponentState.FAILED
    await house.manager.restart(PLACE, by="ada", at=house.clock())
    component = await house.check(5)
    assert (component.state, component.health) == (ComponentState.RUNNING, "2 of 2 healthy")


async def test_a_restart_is_refused_while_a_deployment_is_at_it(house: House) -> None:
    await house.begin(V2, "d2")
    with pytest.raises(NotNow, match="d2"):
        await house.manager.restart(PLACE, by="ada", at=house.clock())


async def test_a_service_never_deployed_cannot_be_restarted(clock: VirtualClock) -> None:
    with pytest.raises(NotNow, match="never registered"):
        await House(clock).manager.restart(PLACE, by="ada", at=clock())


class CountedLog(MemoryLog):
    """`reads` counts what is asked about streams."""

    reads = 0

    async def read(self, stream: str, *, after: int = 0) -> list[Event]:
        self.reads += 1
        return await super().read(stream, after=after)


async def test_a_component_at_rest_is_checked_without_reading_its_stream(clock: VirtualClock) -> None:
    house, log = House(clock), CountedLog(Bell())
    house.database.log = log
    house.start_again()
    await house.deploy(V1, "d1")
    await house.check(3)
    before = log.reads
    await house.check(10)
    assert log.reads - before == 1, "the one is the look of the test itself"


async def test_a_wish_that_another_replica_took_is_done_by_the_one_that_checks(house: House) -> None:
    checking = house.manager
    await house.check(2)
    house.start_again()
    await house.manager.scale(PLACE, 3, by="ann", at=house.clock())
    house.manager = checking
    component = await house.check(4)
    assert (component.state, component.desired) == (ComponentState.RUNNING, 3)
    assert len(await house.instances.observe(PLACE)) == 3
