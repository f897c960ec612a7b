"""Who may change how much runs, and when: locks, freezes, deployments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from engine.catalog import Placement, Version
from engine.commands import Retry, Scale, Start, Stop, Unregister
from engine.components.desk import LifecycleDesk
from engine.components.lifecycle import ComponentState
from engine.deployments.deployment import DeploymentId, PersonId
from engine.errors import Invalid, NotNow
from engine.permits.clearance import Hindrance
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import V1, House

ADA = PersonId("ada")
HERE = ("shop", "production")
LOCK = Hindrance("lock", "lock:shop/production/1", "shop is locked by ben.", "Ask ben.", overridable=False)
AFTER_ROLL_BACK = Hindrance("lock", "lock:shop/production/2", "Locked after a roll-back.", "Unlock it.")
FREEZE = Hindrance("freeze", "freeze:*/production/1", "production is frozen by ben.", "Add `override`.")
WINDOW = Hindrance("freeze", "window:night:202601050900", "production is frozen: night.", "Wait.")
INCIDENT = Hindrance("freeze", "incident:i-1", "An incident is open.", "Wait.")
BAD = Hindrance("version", "version:shop/v1/1", "v1 is bad.", "Deploy another.")


@dataclass(frozen=True)
class Flight:
    id: DeploymentId


@dataclass
class Around:
    """What stands in the way, and what flies."""

    found: list[Hindrance] = field(default_factory=list)
    flight: Flight | None = None

    async def hindrances(
        self, place: Placement, version: Version, person: PersonId, *, now: object
    ) -> Sequence[Hindrance]:
        return self.found

    async def in_flight_at(self, service: str, environment: str) -> Flight | None:
        return self.flight


@pytest.fixture
async def house(clock: VirtualClock) -> House:
    house = House(clock)
    await house.deploy(V1, "d1")
    return house


def desk(house: House, around: Around) -> LifecycleDesk:
    return LifecycleDesk(house.manager, around, around, lambda: house.catalog, now=house.clock)  # type: ignore[arg-type]


@pytest.mark.parametrize("hindrance", [LOCK, FREEZE, WINDOW])
async def test_locks_of_others_and_freezes_hold_up_other_sizes(house: House, hindrance: Hindrance) -> None:
    asked = desk(house, Around([hindrance]))
    with pytest.raises(NotNow, match=hindrance.reason):
        await asked.scale(Scale(*HERE, 3), ADA)
    with pytest.raises(NotNow, match=hindrance.reason):
        await asked.stop(Stop(*HERE), ADA)
    with pytest.raises(NotNow, match=hindrance.reason):
        await asked.foresee(Stop(*HERE), ADA)
    with pytest.raises(NotNow, match=hindrance.reason) as refused:
        await asked.start(Start(*HERE), ADA)
    assert "override" not in refused.value.remedy
    with pytest.raises(NotNow, match=hindrance.reason):
        await asked.unregister(Unregister(*HERE), ADA)
    assert (await house.component()).state is ComponentState.RUNNING


@pytest.mark.parametrize("hindrance", [AFTER_ROLL_BACK, INCIDENT, BAD])
async def test_what_only_concerns_deployments_holds_nobody_up(house: House, hindrance: Hindrance) -> None:
    component = await desk(house, Around([hindrance])).scale(Scale(*HERE, 3), ADA)
    assert (component.state, component.desired, component.last_change_by) == (ComponentState.SCALING, 3, "ada")


async def test_bringing_back_what_is_meant_to_run_is_always_allowed(house: House) -> None:
    await house.begin(Version("v2"), "d2")
    await house.manager.fail(house.catalog.placement(*HERE), "No.", deployment="d2", at=house.clock(), restored=False)
    component = await desk(house, Around([LOCK, FREEZE])).retry(Retry(*HERE), ADA)
    assert component.state is ComponentState.DEPLOYING


async def test_a_deployment_that_waits_holds_up_a_stop_but_no_scaling(house: House) -> None:
    asked = desk(house, Around(flight=Flight(DeploymentId("d-9"))))
    with pytest.raises(NotNow, match="Deployment d-9 of shop in production has not ended") as refused:
        await asked.stop(Stop(*HERE), ADA)
    assert "/ops abort d-9" in refused.value.remedy
    assert (await asked.scale(Scale(*HERE, 3), ADA)).state is ComponentState.SCALING


async def test_the_question_before_a_stop_changes_nothing(house: House) -> None:
    before = await house.database.log.last_position()
    component = await desk(house, Around()).foresee(Stop(*HERE), ADA)
    assert component.health == "2 of 2 healthy"
    with pytest.raises(NotNow, match="shop in production runs"):
        await desk(house, Around()).foresee(Unregister(*HERE), ADA)
    assert await house.database.log.last_position() == before


async def test_a_number_that_cannot_be_is_the_first_to_be_said(house: House) -> None:
    with pytest.raises(Invalid, match="too many"):
        await desk(house, Around([LOCK])).scale(Scale(*HERE, 500), ADA)
