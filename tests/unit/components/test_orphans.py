"""A component whose deployment ended without letting go: freed at the start of a process and by the health checks."""

from __future__ import annotations

import pytest

from engine.components.lifecycle import ComponentState
from engine.components.manager import ComponentManager
from engine.components.orphans import Ended
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import PLACE, V1, V2, House

FAILED = Ended("Deployment d2 is failed: There is no service 'shop'.", untouched=False)


class Ends:
    """How deployments ended, by id."""

    def __init__(self) -> None:
        self.known: dict[str, Ended] = {}

    async def of(self, deployment: str) -> Ended | None:
        return self.known.get(deployment)


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
async def house(clock: VirtualClock, ends: Ends) -> House:
    """A shop whose v1 runs well, and whose v2 is being deployed."""
    house = House(clock)
    house.manager = ComponentManager(
        house.database.log,
        house.instances,
        house.shifter,
        house.probe,
        lambda: house.catalog,
        now=clock,
        end_of=ends.of,
    )
    await house.deploy(V1, "d1")
    await house.begin(V2, "d2")
    return house


async def test_what_is_in_flight_keeps_its_component(house: House) -> None:
    assert (await house.check(3)).deployment == "d2"


async def test_the_health_check_frees_it_and_retry_works(house: House, ends: Ends) -> None:
    ends.known["d2"] = FAILED
    freed = await house.check()
    assert (freed.state, freed.deployment) == (ComponentState.FAILED, "")
    assert freed.reason.startswith("Deployment d2 is failed: There is no service 'shop'.")
    await house.manager.retry(PLACE, by="ada", at=house.clock())
    well = await house.check(3)
    assert (well.state, well.version, well.health) == (ComponentState.RUNNING, V1, "2 of 2 healthy")


async def test_the_start_of_a_process_frees_it(house: House, ends: Ends) -> None:
    ends.known["d2"] = FAILED
    await house.manager.register_all(house.clock())
    freed = await house.component()
    assert (freed.state, freed.deployment) == (ComponentState.FAILED, "")


async def test_what_was_cancelled_before_it_did_anything_leaves_it_running(house: House, ends: Ends) -> None:
    ends.known["d2"] = Ended("Deployment d2 is cancelled: Aborted by ann before it began.", untouched=True)
    freed = await house.check()
    assert (freed.state, freed.version, freed.health) == (ComponentState.RUNNING, V1, "2 of 2 healthy")


async def test_retry_replaces_what_hangs(house: House, ends: Ends) -> None:
    house.probe.ill = {one.address for one in await house.instances.observe(PLACE)}
    ends.known["d2"] = FAILED
    await house.check(15)
    await house.manager.retry(PLACE, by="ada", at=house.clock())
    well = await house.check(8)
    assert (well.state, well.health) == (ComponentState.RUNNING, "2 of 2 healthy")
