"""Who may change how much runs, and when: locks, freezes, deployments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from engine.catalog import Placement, Version
from engine.commands import Retry, Scale, Start, Stop, Unregister
from engine.components.desk import LifecycleDesk
from engine.components.lifecycle import ComponentState
from engine.deployments.deployment import DeploymentId, PersonId
from engine.errors import Invalid, NotNow
from engine.permits.clearance import Hindrance
from engine.ports import InstanceHealth
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import V1, V2, House, name

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


async def nothing(_: House) -> None:
    """What was shown is what is."""


async def crash(house: House) -> None:
    house.instances.judge(name("v1", 1), InstanceHealth.DEAD)
    await house.check(4)


async def stop_and_start(house: House) -> None:
    await desk(house, Around()).stop(Stop(*HERE), ADA)
    await house.check(3)
    await desk(house, Around()).start(Start(*HERE), ADA)
    await house.check(3)


async def scale(house: House) -> None:
    await desk(house, Around()).scale(Scale(*HERE, 3), ADA)
    await house.check(3)


async def deploy(house: House) -> None:
    await house.deploy(V2, "d2")


@pytest.mark.parametrize(
    ("since", "granted"), [(nothing, True), (crash, True), (stop_and_start, False), (scale, False), (deploy, False)]
)
async def test_a_button_stops_only_what_it_showed(
    house: House, since: Callable[[House], Awaitable[None]], granted: bool
) -> None:
    asked = desk(house, Around())
    shown = await asked.foresee(Stop(*HERE), ADA)
    await since(house)
    assert (await house.component()).state is ComponentState.RUNNING
    click = Stop(*HERE, seen=shown.decided)
    if granted:
        assert (await asked.stop(click, ADA)).state is ComponentState.STOPPING
        return
    with pytest.raises(NotNow, match="This was decided, or shop in production was changed") as refused:
        await asked.stop(click, ADA)
    assert refused.value.remedy == "Ask again with `/ops stop shop production`."
    assert (await asked.stop(Stop(*HERE), ADA)).state is ComponentState.STOPPING


async def test_a_second_click_finds_it_done(house: House) -> None:
    asked = desk(house, Around())
    click = Stop(*HERE, seen=(await asked.foresee(Stop(*HERE), ADA)).decided)
    await asked.stop(click, ADA)
    stops = await house.database.log.last_position()
    with pytest.raises(NotNow, match="is being stopped already"):
        await asked.stop(click, ADA)
    assert await house.database.log.last_position() == stops


async def test_a_button_unregisters_only_what_it_showed(house: House) -> None:
    asked = desk(house, Around())
    await asked.stop(Stop(*HERE), ADA)
    await house.check(3)
    click = Unregister(*HERE, seen=(await asked.foresee(Unregister(*HERE), ADA)).decided)
    await asked.start(Start(*HERE), ADA)
    await house.check(3)
    await asked.stop(Stop(*HERE), ADA)
    await house.check(3)
    with pytest.raises(NotNow, match="This was decided") as refused:
        await asked.unregister(click, ADA)
    assert "`/ops unregister shop production`" in refused.value.remedy
    shown = await asked.foresee(Unregister(*HERE), ADA)
    component = await asked.unregister(Unregister(*HERE, seen=shown.decided), ADA)
    assert component.state is ComponentState.UNREGISTERED


async def test_a_number_that_cannot_be_is_the_first_to_be_said(house: House) -> None:
    with pytest.raises(Invalid, match="too many"):
        await desk(house, Around([LOCK])).scale(Scale(*HERE, 500), ADA)
