"""What was done with a component, told from its events."""

from __future__ import annotations

import pytest

from engine.components.deeds import Deed, deeds
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import PLACE, V1, V2, House, name


@pytest.fixture
async def house(clock: VirtualClock) -> House:
    house = House(clock)
    await house.manager.register_all(clock())
    await house.deploy(V1, "d1")
    return house


async def told(house: House) -> list[Deed]:
    return deeds(await house.database.log.read("component-shop-production"))


async def ask(house: House, wish: str) -> None:
    await getattr(house.manager, wish)(PLACE, by="ada", at=house.clock())


def short(found: list[Deed]) -> list[tuple[str, str, str]]:
    return [(one.kind, one.by, one.ending) for one in found]


async def test_deployments_and_repairs_are_told_elsewhere(house: House) -> None:
    house.kill(name("v1", 0))
    await house.check(4)
    await house.begin(V2, "d2")
    await house.manager.fail(PLACE, "No.", deployment="d2", at=house.clock(), restored=True)
    await house.deploy(V2, "d3")
    assert await told(house) == []


async def test_a_scaling_has_both_numbers_and_its_end(house: House) -> None:
    await house.manager.scale(PLACE, 3, by="ada", at=house.clock())
    [open_] = await told(house)
    assert (open_.kind, open_.before, open_.desired, open_.ending) == ("scale", 2, 3, "")
    await house.check(4)
    assert short(await told(house)) == [("scale", "ada", "done")]


async def test_what_a_deployment_takes_over_is_given_up(house: House) -> None:
    await house.manager.scale(PLACE, 3, by="ada", at=house.clock())
    await house.begin(V2, "d2")
    assert short(await told(house)) == [("scale", "ada", "given up")]


async def test_a_whole_life(house: House) -> None:
    await ask(house, "restart")
    await house.check(6)
    await ask(house, "stop")
    await house.check(3)
    await house.instances.start(PLACE, V1, [1])
    await house.check()
    await ask(house, "start")
    await house.check(5)
    await ask(house, "stop")
    await house.check(3)
    await ask(house, "unregister")
    assert short(await told(house)) == [
        ("restart", "ada", "done"),
        ("stop", "ada", "done"),
        ("stranger", "", "done"),
        ("start", "ada", "done"),
        ("stop", "ada", "done"),
        ("unregister", "ada", "done"),
    ]


async def test_a_failure_is_told_with_its_reason_and_a_retry_with_its_end(house: House) -> None:
    for _ in range(60):
        house.kill(name("v1", 0), "Ended with exit status 1.")
        await house.check()
    [failure] = await told(house)
    assert (failure.kind, failure.by) == ("failure", "")
    assert "Ended with exit status 1." in failure.trouble
    await ask(house, "retry")
    await house.check(6)
    assert short(await told(house))[1:] == [("retry", "ada", "done")]
