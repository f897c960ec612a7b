"""Where people's wishes for a component's life are checked and written down; the health checks carry them out.

| wish | refused by |
|---|---|
| scale, stop, start, unregister | a lock of somebody else, a freeze by command or window |
| stop, unregister | also a deployment that waits for approval |
| restart, retry | neither: they only bring back what is meant to run |

An open incident and the lock after a roll-back stand in the way of deployments alone: then people scale and stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Literal, Protocol

from engine.catalog import Catalog, Placement, Version
from engine.commands import Retry, Scale, Start, Stop, Unregister
from engine.components.lifecycle import Component
from engine.components.manager import ComponentManager
from engine.components.sizes import check_number
from engine.components.tender import known
from engine.components.wishes import stop_wished, unregister_wished
from engine.deployments.deployment import DeploymentId, PersonId
from engine.errors import NotNow
from engine.permits.clearance import Hindrance
from engine.ports import Permits

INCIDENT: Final = "incident:"


class Flight(Protocol):
    """A deployment that has not ended."""

    @property
    def id(self) -> DeploymentId: ...


class Flights(Protocol):
    """The deployments, for reading."""

    async def in_flight_at(self, service: str, environment: str) -> Flight | None: ...


class LifecycleDesk:
    """One handler for each command. Each raises Refused before anything is written, or gives the component after it."""

    def __init__(
        self,
        components: ComponentManager,
        flights: Flights,
        permits: Permits,
        catalog: Callable[[], Catalog],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._components = components
        self._flights = flights
        self._permits = permits
        self._catalog = catalog
        self._now = now

    async def scale(self, command: Scale, person: PersonId) -> Component:
        """Have another number of instances. Raises Invalid for a number that cannot be, NotNow."""
        place = self._place(command)
        instances = check_number(place, command.instances)
        await self._permitted(place, person)
        return known(await self._components.scale(place, instances, by=person, at=self._now()), place)

    async def stop(self, command: Stop, person: PersonId) -> Component:
        """Stop all of it. Raises NotNow."""
        place = self._place(command)
        await self._free(place, person, "stop")
        return known(await self._components.stop(place, by=person, at=self._now(), seen=command.seen), place)

    async def start(self, command: Start, person: PersonId) -> Component:
        """Bring back what was stopped. Raises NotNow."""
        place = self._sized(command)
        await self._permitted(place, person)
        return known(await self._components.start(place, by=person, at=self._now()), place)

    async def retry(self, command: Retry, person: PersonId) -> Component:
        """Bring back what was stable. Raises NotNow."""
        place = self._sized(command)
        return known(await self._components.retry(place, by=person, at=self._now()), place)

    async def unregister(self, command: Unregister, person: PersonId) -> Component:
        """Look after it no longer. Raises NotNow."""
        place = self._place(command)
        await self._free(place, person, "unregister")
        return known(await self._components.unregister(place, by=person, at=self._now(), seen=command.seen), place)

    async def foresee(self, command: Stop | Unregister, person: PersonId) -> Component:
        """The component as it is, when it could be stopped or unregistered now. Raises what doing it would raise."""
        place = self._place(command)
        component = known(await self._components.component(place.service, place.environment), place)
        if isinstance(command, Stop):
            stop_wished(component, place, person)
            await self._free(place, person, "stop")
        else:
            unregister_wished(component, place, person)
            await self._free(place, person, "unregister")
        return component

    def _place(self, command: Scale | Stop | Start | Retry | Unregister) -> Placement:
        return self._catalog().placement(command.service, command.environment)

    def _sized(self, command: Start | Retry) -> Placement:
        return self._components.sized().placement(command.service, command.environment)

    async def _free(self, place: Placement, person: PersonId, wish: Literal["stop", "unregister"]) -> None:
        flight = await self._flights.in_flight_at(place.service, place.environment)
        if flight is not None:
            where = f"{place.service} in {place.environment}"
            remedy = f"Wait for its end or abort it (`/ops abort {flight.id}`), then {wish}."
            raise NotNow(f"Deployment {flight.id} of {where} has not ended.", remedy)
        await self._permitted(place, person)

    async def _permitted(self, place: Placement, person: PersonId) -> None:
        component = await self._components.component(place.service, place.environment)
        version = component.version if component is not None and component.version else Version("")
        found = await self._permits.hindrances(place, version, person, now=self._now())
        for one in in_the_way(found):
            raise NotNow(one.reason, one.remedy if one.kind == "lock" else "`/ops freezes` shows until when.")


def in_the_way(found: Sequence[Hindrance]) -> list[Hindrance]:
    """What of a deployment's hindrances also keeps people from changing how much runs: see the table above."""
    return [
        one
        for one in found
        if one.blocks
        and (
            (one.kind == "lock" and not one.overridable) or (one.kind == "freeze" and not one.key.startswith(INCIDENT))
        )
    ]
