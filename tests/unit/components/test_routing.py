"""The router of what runs is held to the stable version, and who changes it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Version
from engine.components.deeds import deeds
from engine.components.lifecycle import Component, ComponentState, Routed
from engine.components.routing import RouterWatch, kept, strays
from engine.errors import PermanentFailure, TemporaryFailure
from engine.ports import InstanceId
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import PLACE, SECOND, V1, V2, House, name

RIGHT = {V1: 100}
V9 = Version("v9")


class Hand:
    """Somebody else at the router, and the watch of it. `cheap` routers are read at each check."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.watch = RouterWatch(house.database.log, house.instances, house.shifter, now=house.clock)
        self.reads = 0

    async def change(self, version: Version = V9) -> None:
        [first, *_] = await self.house.instances.observe(PLACE)
        ghost = replace(first, id=InstanceId(f"ghost-{version}-1"), version=version, address="127.0.0.1:1")
        await self.house.shifter.configure(PLACE, [ghost], {ghost.version: 100})

    async def check(self, times: int = 1, *, cheap: bool = True, every: timedelta = SECOND) -> Component:
        for _ in range(times):
            await self.house.check(every=every)
            await self.watch.check(PLACE, await self.house.shifter.read(PLACE) if cheap else None)
        return await self.house.component()

    async def sends(self) -> dict[Version, int]:
        return dict((await self.house.shifter.read(PLACE)).weights)

    async def told(self) -> list[str]:
        events = await self.house.database.log.read("component-shop-production")
        return [one.type for one in events if one.type in set(Routed)]


@pytest.fixture
async def house(clock: VirtualClock) -> House:
    """A shop whose v1 runs well twice."""
    house = House(clock)
    await house.manager.register_all(clock())
    await house.deploy(V1, "d1")
    return house


@pytest.fixture
def hand(house: House) -> Hand:
    return Hand(house)


async def test_a_router_that_is_right_costs_no_word(hand: Hand) -> None:
    before = await hand.house.database.log.last_position()
    await hand.check(10)
    assert await hand.house.database.log.last_position() == before
    assert hand.house.effects == []


async def test_a_foreign_change_is_told_shown_and_set_right(hand: Hand) -> None:
    await hand.change()
    assert (await hand.check()).router == ""  # once may be a lag
    found = await hand.check()
    assert found.health == "2 of 2 healthy, router sends v9 100 %"
    assert hand.house.effects[-1] == ("configure", "v1=100", name("v1", 0), name("v1", 1))
    assert await hand.sends() == RIGHT
    assert (await hand.check()).health == "2 of 2 healthy"
    assert await hand.told() == ["RouterChanged", "RouterRestored"]
    [deed] = deeds(await hand.house.database.log.read("component-shop-production"))
    assert (deed.kind, deed.by, deed.ending) == ("router", "", "done")
    assert "v9 100 % in place of all to v1" in deed.trouble


async def test_one_that_sends_nothing_is_set_right(hand: Hand) -> None:
    await hand.house.shifter.configure(PLACE, [], {})
    await hand.check(2)
    assert await hand.told() == []  # the router may see sooner than we do that all are ill
    found = await hand.check()
    assert (found.router, await hand.sends()) == ("nothing", RIGHT)


async def test_what_is_found_unwell_a_little_later_is_no_change(hand: Hand) -> None:
    await hand.house.shifter.configure(PLACE, [], {})
    await hand.check()
    hand.house.probe.ill = {await hand.house.address(name("v1", ordinal)) for ordinal in (0, 1)}
    await hand.check(3)
    assert await hand.told() == []


async def test_a_lag_is_no_fault(hand: Hand) -> None:
    for _ in range(5):
        await hand.change()
        await hand.check()
        instances = await hand.house.instances.observe(PLACE)
        await hand.house.shifter.configure(PLACE, instances, RIGHT)
        await hand.check()
    assert await hand.told() == []


async def test_a_router_that_costs_calls_is_read_once_a_minute(hand: Hand) -> None:
    await hand.change()
    await hand.check(60, cheap=False)
    assert await hand.told() == []
    await hand.check(2, cheap=False)
    assert (await hand.told(), await hand.sends()) == (["RouterChanged"], RIGHT)


async def test_who_keeps_changing_it_is_left_alone_until_it_is_right(hand: Hand) -> None:
    for _ in range(3):
        await hand.change()
        await hand.check(3)
    await hand.change()
    left = await hand.check(10)
    assert left.health == "2 of 2 healthy, router sends v9 100 %"
    assert (left.router_given_up, await hand.sends()) == (True, {V9: 100})
    assert await hand.told() == ["RouterChanged", "RouterRestored"] * 3 + ["RouterGivenUp"]
    last = deeds(await hand.house.database.log.read("component-shop-production"))[-1]
    assert (last.kind, last.ending) == ("router", "failed")
    assert "somebody else keeps changing it" in last.trouble
    await hand.house.shifter.configure(PLACE, await hand.house.instances.observe(PLACE), RIGHT)
    assert (await hand.check()).health == "2 of 2 healthy"


async def test_one_given_up_that_comes_and_goes_is_one_message(hand: Hand) -> None:
    for _ in range(9):
        await hand.change()
        await hand.check(2)
        await hand.house.shifter.configure(PLACE, await hand.house.instances.observe(PLACE), RIGHT)
        await hand.check()
    told = await hand.told()
    assert (told.count("RouterChanged"), told.count("RouterGivenUp")) == (3, 6)
    found = deeds(await hand.house.database.log.read("component-shop-production"))
    assert [one.ending for one in found] == ["done", "done", "done", "failed"]


async def test_changes_long_apart_are_no_fight(hand: Hand) -> None:
    for _ in range(5):
        await hand.change()
        await hand.check(3)
        hand.house.clock.advance(timedelta(minutes=6))
    assert await hand.told() == ["RouterChanged", "RouterRestored"] * 5


async def test_a_restart_by_a_person_takes_it_in_hand_again(hand: Hand) -> None:
    for _ in range(4):
        await hand.change()
        await hand.check(3)
    await hand.house.manager.restart(PLACE, by="ada", at=hand.house.clock())
    after = await hand.check(8)
    assert (after.state, after.router, await hand.sends()) == (ComponentState.RUNNING, "", RIGHT)


async def test_nobody_touches_it_while_a_deployment_is_in_charge(hand: Hand) -> None:
    await hand.house.begin(V2, "d2")
    await hand.change(V2)
    await hand.check(10)
    assert (await hand.told(), await hand.sends()) == ([], {V2: 100})


async def test_a_deployment_that_begins_between_looks_is_left_alone(hand: Hand) -> None:
    await hand.change()
    await hand.check()
    other = House(hand.house.clock, database=hand.house.database)
    await other.begin(V2, "d2")
    await hand.watch.check(PLACE, await hand.house.shifter.read(PLACE))
    assert (await hand.told(), await hand.sends()) == ([], {V9: 100})


async def test_what_is_stopped_is_left_alone(hand: Hand) -> None:
    await hand.house.manager.stop(PLACE, by="ada", at=hand.house.clock())
    await hand.check(3)
    await hand.check(5)
    assert (await hand.told(), await hand.sends()) == ([], {})


async def test_nothing_is_sent_to_what_is_not_well_and_it_follows_once_it_is(hand: Hand) -> None:
    hand.house.probe.ill = {await hand.house.address(name("v1", 0))}
    await hand.house.check(3)
    await hand.change()
    await hand.check(2)
    assert hand.house.effects[-1][1:] == ("v1=100", name("v1", 1))
    hand.house.probe.ill.clear()
    await hand.check(4)
    assert hand.house.effects[-1][1:] == ("v1=100", name("v1", 0), name("v1", 1))
    assert await hand.told() == ["RouterChanged", "RouterRestored"]


async def test_what_cannot_be_set_right_is_told_with_its_reason(hand: Hand) -> None:
    await hand.change()
    hand.house.shifter.failures.append(PermanentFailure("The rule is gone.", "Make it again."))
    left = await hand.check(2)
    assert left.router_given_up
    last = deeds(await hand.house.database.log.read("component-shop-production"))[-1]
    assert (last.ending, last.trouble) == (
        "failed",
        "The router sends v9 100 % and cannot be set right: The rule is gone. Make it again.",
    )


async def test_a_router_that_is_away_for_a_moment_is_tried_again(hand: Hand) -> None:
    await hand.change()
    hand.house.shifter.failures.append(TemporaryFailure("It is away.", "Wait."))
    await hand.check()
    with pytest.raises(TemporaryFailure):
        await hand.check()
    await hand.check(2)
    assert await hand.sends() == RIGHT


async def test_a_repair_keeps_no_weights_of_what_does_not_run(hand: Hand) -> None:
    await hand.change()
    hand.house.kill(name("v1", 0))
    await hand.house.check(3)
    assert await hand.sends() == RIGHT


def test_weights_are_kept_where_something_runs_of_each() -> None:
    assert kept({V1: 90, V2: 10}, {V1, V2}) == {V1: 90, V2: 10}
    assert kept({V1: 100, V2: 0}, {V1}) == {V1: 100, V2: 0}
    assert kept({V1: 90, V2: 10}, {V1}) == {}


async def test_shares_are_told_in_order(house: House) -> None:
    component = await house.component()
    assert strays(component, {V1: 100, V2: 0}) == ""
    assert strays(component, {V2: 40, V1: 60}) == "v1 60 %, v2 40 %"
    assert strays(component, {V1: 60}) == "v1 60 %"
    assert strays(component, {V1: 0}) == "nothing"
