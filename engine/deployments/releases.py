"""Releases: what ran in a place, numbered from 1, each with the configuration it ran with.

A place's releases are one stream; a release's number is its event's version there, so there are no gaps and no doubles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, get_args

import msgspec

from engine.catalog import Environment, EnvironmentName, Figure, HealthCheck, Placement, ServiceName, Version
from engine.deployments.deployment import Deployment, DeploymentId, PersonId, Purpose
from engine.errors import NotFound
from engine.strategy_specs import StrategySpec
from engine.targets import Target
from storage.errors import Conflict
from storage.events import Event, EventLog, NewEvent
from storage.growth import Growth

PREFIX: Final = "release/"
TYPE: Final = "Released"
ATTEMPTS: Final = 8
TARGETS: Final = {kind.__name__: kind for kind in get_args(Target)}


@dataclass(frozen=True, slots=True)
class Release:
    """One numbered release. `returned_to` is the release it went back to, if it did."""

    revision: int
    version: Version
    digest: str
    placement: Placement
    deployment: DeploymentId
    purpose: Purpose
    by: PersonId
    at: datetime
    previous: Version | None = None
    returned_to: int | None = None


class Releases:
    """Reads and writes releases. Every method may raise StorageUnavailable. What it has read never changes."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: dict[str, tuple[Release, ...]] = {}
        self._growth = Growth(log, PREFIX)

    async def all(self, service: str, environment: str) -> tuple[Release, ...]:
        """Every release of a place, the first one first."""
        await self._growth.begin()
        stream = stream_of(service, environment)
        known = self._known.get(stream, ())
        events = await self._log.read(stream, after=len(known))
        found = (*known, *map(_release, events))
        if len(found) >= len(self._known.get(stream, ())):
            self._known[stream] = found
        return found

    async def get(self, service: str, environment: str, revision: int) -> Release:
        """The release of this number. Raises NotFound."""
        found = await self.all(service, environment)
        if not 1 <= revision <= len(found):
            there = f"There are 1 to {len(found)}" if found else "There is none yet"
            raise NotFound(
                f"{service} in {environment} has no revision {revision}.",
                f"{there}: `/ops history {service} {environment}`.",
                field="to",
            )
        return found[revision - 1]

    async def as_running(self, place: Placement, *, now: datetime) -> Placement:
        """The place as what runs there runs: it keeps the configuration it came out with until the next release.

        What another replica has noted is seen a second later, so that health checks cost no read each.
        """
        stream = stream_of(place.service, place.environment)
        known = self._known.get(stream)
        if known is None or await self._growth.beyond(stream, len(known), now=now):
            known = await self.all(place.service, place.environment)
        if not known:
            return place
        came_out = known[-1].placement
        return as_released(place, came_out) if type(came_out.target) is type(place.target) else place

    async def note(self, deployment: Deployment, place: Placement, *, at: datetime) -> Release:
        """Number what a deployment brought out; the same number again when it was noted before."""
        plan = deployment.plan
        for _ in range(ATTEMPTS):
            known = await self.all(plan.service, plan.environment)
            noted = next((one for one in reversed(known) if one.deployment == deployment.id), None)
            if noted is not None:
                return noted
            event = NewEvent(TYPE, _data(deployment, place), actor=deployment.requested_by)
            try:
                written = await self._log.append(
                    stream_of(plan.service, plan.environment), [event], expected=len(known), at=at
                )
            except Conflict:
                continue
            self._known[stream_of(plan.service, plan.environment)] = (*known, *map(_release, written))
        raise RuntimeError(f"The releases of {plan.service} in {plan.environment} change too fast.")


def stream_of(service: str, environment: str) -> str:
    """The stream of a place's releases."""
    return f"{PREFIX}{service}/{environment}"


def configuration_of(place: Placement, environment: Environment) -> str:
    """A short word that is another one as soon as what would be done, or who has to agree, is another."""
    group = environment.group.name if environment.group else ""
    terms = (environment.approvals, environment.four_eyes, group)
    what = placement_data(replace(place, figures=()))
    return sha256(msgspec.json.encode((what, terms), order="deterministic")).hexdigest()[:16]


def placement_data(place: Placement) -> dict[str, Any]:
    """A placement as JSON values; what it runs on says its kind."""
    target = {"kind": type(place.target).__name__, **msgspec.to_builtins(place.target)}
    rest: dict[str, Any] = msgspec.to_builtins(replace(place, target=None))  # type: ignore[arg-type]  # put in below
    # Through JSON, so that what is kept in memory equals what is read back.
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode({**rest, "target": target}))
    return data


def parse_placement(data: Mapping[str, Any]) -> Placement:
    """What `placement_data` wrote. Raises ValueError for a kind of target that this version does not know."""
    target = dict(data["target"])
    kind = TARGETS.get(target.pop("kind"))
    if kind is None:
        raise ValueError(f"There is no target of the kind {data['target']['kind']!r}.")
    return Placement(
        service=ServiceName(data["service"]),
        environment=EnvironmentName(data["environment"]),
        target=msgspec.convert(target, kind),
        health=msgspec.convert(data["health"], HealthCheck),
        strategy=msgspec.convert(data["strategy"], StrategySpec),
        figures=msgspec.convert(data["figures"], tuple[Figure, ...]),
    )


def as_released(settings: Placement, released: Placement) -> Placement:
    """What ran, brought out as is done now: what it runs on and its health are the release's, the rest is not."""
    # How many run is nobody's release: the number of now would be scaled to again a moment later.
    target = replace(released.target, instances=settings.target.instances)
    return replace(settings, target=target, health=released.health)


def _data(deployment: Deployment, place: Placement) -> dict[str, Any]:
    plan = deployment.plan
    return {
        "version": plan.version,
        "digest": plan.digest,
        "placement": placement_data(place),
        "deployment": deployment.id,
        "purpose": deployment.purpose.value,
        "by": deployment.requested_by,
        "previous": plan.previous,
        "returned_to": plan.revision,
    }


def _release(event: Event) -> Release:
    data = event.data
    return Release(
        revision=event.version,
        version=Version(data["version"]),
        digest=data["digest"],
        placement=parse_placement(data["placement"]),
        deployment=DeploymentId(data["deployment"]),
        purpose=Purpose(data["purpose"]),
        by=PersonId(data["by"]),
        at=event.at,
        previous=data["previous"],
        returned_to=data["returned_to"],
    )
