"""What is going on, gathered for whoever shows it: chat answers, the Home tab, the board and the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from alerting.incidents.incident import Incident
from alerting.oncall.rotation import Rotation, next_on_call, on_call
from engine.catalog import Catalog, Placement, Version
from engine.components.lifecycle import Component, ComponentState
from engine.deployments.deployment import Deployment, DeploymentId, PersonId, State
from engine.deployments.journal import Summary
from engine.ports import ArtifactSource
from engine.targets import ContainerTarget, LocalTarget, Target

SHOWN: Final = 20
LOOK_BACK: Final = 500  # deployments searched for the latest one of each place


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One pending or firing alert of our rules."""

    name: str
    state: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float
    since: datetime


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service in one environment as it is now.

    `in_flight` is the deployment under way there, `last` the latest one, ended or not. `misconfigured` is what its
    settings lack, so that nothing can be deployed.
    """

    service: str
    environment: str
    description: str
    address: str
    component: Component | None
    in_flight: Deployment | None
    last: Summary | None = None
    misconfigured: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A service in one of its environments, with its newest deployments; `more` when there are older ones."""

    row: ServiceRow
    deployments: Sequence[Summary]
    more: bool


@dataclass(frozen=True, slots=True)
class OnCallRow:
    """Who has a schedule's shift, until when, and who is next. `person` is None before the schedule starts."""

    schedule: str
    person: PersonId | None
    until: datetime | None
    after: PersonId | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on one page."""

    at: datetime
    services: Sequence[ServiceRow]
    deployments: Sequence[Deployment]
    recent: Sequence[Summary]
    incidents: Sequence[Incident]
    alerts: Sequence[AlertRow]
    on_call: Sequence[OnCallRow]


class Deployments(Protocol):
    """The engine's journal, for reading."""

    async def load(self, id: DeploymentId) -> Deployment: ...  # noqa: A002

    async def in_flight(self) -> Sequence[Summary]: ...

    async def recent(self, *, limit: int) -> Sequence[Summary]: ...

    async def latest(self, service: str, environment: str, *, limit: int) -> Sequence[Summary]: ...


class Incidents(Protocol):
    """Alerting's journal, for reading."""

    async def open_incidents(self) -> Sequence[Incident]: ...


class Components(Protocol):
    """The engine's components, for reading."""

    async def components(self) -> Sequence[Component]: ...


class Readings:
    """Gathers from the journals. Reads only."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        components: Components,
        deployments: Deployments,
        incidents: Incidents,
        artifacts: ArtifactSource,
        alerts: Callable[[], Sequence[AlertRow]],
        rotations: Callable[[], Mapping[str, Rotation]],
        *,
        now: Callable[[], datetime],
        lacks: Callable[[str, str], str] = lambda _, __: "",
    ) -> None:
        self._catalog = catalog
        self._components = components
        self._deployments = deployments
        self._incidents = incidents
        self._artifacts = artifacts
        self._alerts = alerts
        self._rotations = rotations
        self._now = now
        self._lacks = lacks

    async def overview(self) -> Overview:
        """All of it."""
        in_flight = await self.in_flight()
        recent = await self._deployments.recent(limit=LOOK_BACK)
        return Overview(
            at=self._now(),
            services=await self.services(in_flight, recent),
            deployments=in_flight,
            recent=recent[:SHOWN],
            incidents=await self._incidents.open_incidents(),
            alerts=self.alerts(),
            on_call=self.on_call(),
        )

    async def in_flight(self) -> list[Deployment]:
        """Every deployment that has not ended, whole."""
        return [await self._deployments.load(one.id) for one in await self._deployments.in_flight()]

    async def services(
        self, in_flight: Sequence[Deployment] | None = None, recent: Sequence[Summary] | None = None
    ) -> list[ServiceRow]:
        """Every placement of the settings with its component, the deployment under way and the latest one.

        But for those that a person unregistered, until they are deployed again.
        """
        known = {(one.service, one.environment): one for one in await self._components.components()}
        under_way = in_flight if in_flight is not None else await self.in_flight()
        by_place = {(one.plan.service, one.plan.environment): one for one in under_way}
        newest_first = recent if recent is not None else await self._deployments.recent(limit=LOOK_BACK)
        last = {(one.service, one.environment): one for one in reversed(newest_first)}
        rows = []
        for place in self._catalog().placements():
            pair = (place.service, place.environment)
            if _is_unregistered(known.get(pair)) and pair not in by_place:
                continue
            rows.append(self._row(place, known.get(pair), by_place.get(pair), last.get(pair)))
        return rows

    async def places(self, name: str, *, limit: int) -> list[Place]:
        """A service in each of its environments, unregistered or not, with `limit` deployments. Raises NotFound."""
        catalog = self._catalog()
        service = catalog.service(name)
        known = {(one.service, one.environment): one for one in await self._components.components()}
        found = []
        for place in service.placements.values():
            pair = (place.service, place.environment)
            latest = await self._deployments.latest(*pair, limit=limit + 1)
            flying = next((one for one in latest if one.open), None)
            flight = await self._deployments.load(flying.id) if flying else None
            row = self._row(place, known.get(pair), flight, next(iter(latest), None))
            found.append(Place(row, latest[:limit], len(latest) > limit))
        return found

    async def versions(self) -> dict[str, Sequence[Version]]:
        """The versions that exist of each service."""
        catalog = self._catalog()
        first = {name: next(iter(service.placements.values())) for name, service in catalog.services.items()}
        return {
            str(name): () if self._lacks(name, place.environment) else await self._artifacts.versions(place)
            for name, place in first.items()
        }

    def _row(
        self, place: Placement, component: Component | None, deployment: Deployment | None, last: Summary | None
    ) -> ServiceRow:
        service, environment = str(place.service), str(place.environment)
        return ServiceRow(
            service=service,
            environment=environment,
            description=self._catalog().service(service).description,
            address=_address(place.target),
            component=component,
            in_flight=deployment,
            last=last,
            misconfigured=self._lacks(service, environment),
        )

    async def incidents(self) -> Sequence[Incident]:
        """The open ones."""
        return await self._incidents.open_incidents()

    def alerts(self) -> Sequence[AlertRow]:
        """Pending and firing ones, firing first, then the oldest first."""
        return sorted(self._alerts(), key=lambda row: (row.state != "firing", row.since, row.name))

    def on_call(self) -> list[OnCallRow]:
        """Each schedule now."""
        return [_shift(name, rotation, self._now()) for name, rotation in self._rotations().items()]

    async def waiting_for(self, person: PersonId, may_approve: Callable[[str], bool]) -> list[Deployment]:
        """Deployments that this person could decide now."""
        return [one for one in await self.in_flight() if _waits(one, person, may_approve)]


def _waits(deployment: Deployment, person: PersonId, may_approve: Callable[[str], bool]) -> bool:
    own = deployment.plan.four_eyes and deployment.requested_by == person
    step = deployment.waiting_step
    decided = any(one.approved and (one.person, one.step) == (person, step) for one in deployment.decisions)
    open_ = step is not None or (deployment.state is State.PLANNED and not deployment.approved)
    return open_ and not own and not decided and may_approve(str(deployment.plan.environment))


def _is_unregistered(component: Component | None) -> bool:
    """Whether a person took it off all lists; a deployment brings it back."""
    return component is not None and component.state is ComponentState.UNREGISTERED


def _address(target: Target) -> str:
    """Where a proxy of this machine serves it; elsewhere the platform's own router does."""
    return f"http://127.0.0.1:{target.port}" if isinstance(target, LocalTarget | ContainerTarget) else ""


def _shift(name: str, rotation: Rotation, now: datetime) -> OnCallRow:
    shift = on_call(rotation, now)
    after = next_on_call(rotation, now)
    person = PersonId(str(shift.person)) if shift else None
    return OnCallRow(name, person, shift.until if shift else None, PersonId(str(after)) if after else None)
