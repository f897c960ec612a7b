"""What the engine needs from outside, as small capabilities.

Adapters live in infrastructure/ and in the composition root.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

from engine.backups.shelf import Backup
from engine.catalog import EnvironmentName, Placement, ServiceName, Version
from engine.deployments.deployment import Deployment, PersonId
from engine.permits.clearance import Clearance, Hindrance

InstanceId = NewType("InstanceId", str)


class InstanceHealth(StrEnum):
    """What the last checks of an instance said. STARTING lasts until the first success or the end of its grace."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy of a version. `address` is `host:port`; `note` is the platform's own word on a failure.

    `judged` says that `health` is the platform's own verdict, so that nobody asks the instance itself. `pid` is 0
    where the platform has no processes to name.
    """

    id: InstanceId
    service: ServiceName
    environment: EnvironmentName
    version: Version
    address: str
    pid: int
    started_at: datetime
    health: InstanceHealth
    note: str = ""
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version that can be started. `digest` is `sha256:<hex>` of its content; approvals are bound to it."""

    version: Version
    digest: str


@dataclass(frozen=True, slots=True)
class TrafficReading:
    """What the router reports of itself, never what it was told.

    `weights` in percent by version, summing to 100 when traffic is routed, empty when nothing is. `ready` are the
    instances that take new requests. `lost` counts requests no instance answered since the router started.
    """

    weights: Mapping[Version, int]
    ready: Collection[InstanceId]
    requests: int
    lost: int


class ArtifactSource(Protocol):
    """Knows which versions of a service exist."""

    async def versions(self, place: Placement) -> Sequence[Version]: ...

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        """Raises NotFound when the version does not exist."""
        ...


class Premises(Protocol):
    """Knows whether a version could be served where it is to be, before anything is done."""

    async def check(self, place: Placement) -> None:
        """Raises Refused for what would keep every version from it, as far as that shows without an effect."""
        ...


class InstanceManager(Protocol):
    """Starts, watches and stops instances. Every call is safe to repeat after a crash at any point."""

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """All instances of a placement, adopted ones of an earlier run included, dead ones not yet removed too."""
        ...

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        """Make instances `<service>-<environment>-<version>-<ordinal>` run; those that do are left alone.

        Raises TemporaryFailure or PermanentFailure with the platform's own words.
        """
        ...

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        """Ask each to end, wait for its stop timeout, then make it end. Unknown ids are already stopped."""
        ...


class TrafficShifter(Protocol):
    """Sends a placement's requests to instances. The router takes out unhealthy instances by its own checks too."""

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """Route to these instances with these percent by version; absent instances drain and are dropped.

        Until one of a version with a share is ready, those that had the traffic before and are still named keep it.
        """
        ...

    async def read(self, place: Placement) -> TrafficReading:
        """What the router does now."""
        ...

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether none of these is answering a request any more."""
        ...


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One number with its labels, as a query answered it."""

    labels: Mapping[str, str]
    value: float


class MetricQueries(Protocol):
    """Asks the metrics server. Raises TemporaryFailure when it does not answer, PermanentFailure on a bad query."""

    async def instant(self, query: str, at: datetime) -> Sequence[MetricSample]: ...


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert that matches a placement, as the alerting package reports it."""

    name: str
    labels: Mapping[str, str]
    value: float
    since: datetime


class FiringAlerts(Protocol):
    """The alerts firing now, by labels."""

    async def firing(self, labels: Mapping[str, str]) -> Sequence[FiringAlert]: ...

    async def evaluated_at(self, rule: str) -> datetime | None:
        """When every alert rule of this name, or every rule for "", was last evaluated; None before the first time.

        Nothing firing means nothing without it. Raises PermanentFailure when there is no such rule, TemporaryFailure
        when its last evaluation failed or the next one is long overdue.
        """
        ...


class Spot(Protocol):
    """The names of a service and an environment: enough to tell a component by."""

    @property
    def service(self) -> ServiceName: ...

    @property
    def environment(self) -> EnvironmentName: ...


class Standing(Protocol):
    """Where a component stands, of the states in engine/components/lifecycle.py."""

    @property
    def state(self) -> str: ...


class ComponentBook(Protocol):
    """The lifecycle and health of what runs. Every call is safe to repeat."""

    async def component(self, service: str, environment: str) -> Standing | None:
        """Where it stands; None when it was never registered."""
        ...

    async def stable(self, place: Placement) -> Version | None:
        """The version that last finished a deployment here; None when nothing ever did."""
        ...

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """The manager's instances with health judged by checks no older than the health interval."""
        ...

    async def begin(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        """A deployment takes the component: registered → configuring → deploying, or running → updating."""
        ...

    async def finish(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        """The deployment ended with `version` running: it is stable now."""
        ...

    async def fail(self, place: Spot, reason: str, *, deployment: str, at: datetime, restored: bool) -> None:
        """The deployment ended badly. `restored` says the former stable version runs as before."""
        ...


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that has not ended, as the alerting package reports it."""

    id: str
    title: str
    since: datetime


class OpenIncidents(Protocol):
    """The incidents that are open now."""

    async def of(self, service: str, environment: str) -> Sequence[OpenIncident]:
        """Those of this service in this environment. Raises TemporaryFailure when nobody can tell."""
        ...


class Permits(Protocol):
    """Whether a deployment may be asked for, and begin, now. Every call is safe to repeat."""

    async def hindrances(
        self, place: Placement, version: Version, person: PersonId, *, now: datetime
    ) -> Sequence[Hindrance]:
        """What stands in the way of deploying `version`, as `person` asks for it."""
        ...

    async def may_begin(self, deployment: Deployment, *, now: datetime) -> Clearance:
        """Whether one that enough people agreed to may begin; a grant takes its place among those that run."""
        ...

    async def overtaken(self, deployment: Deployment, *, now: datetime) -> str:
        """Why one that has begun may do nothing after all, for somebody locked at the same moment; "" when it may."""
        ...

    async def came_out(self, deployment: Deployment, *, at: datetime) -> None:
        """Its version runs alone now: told before the end is written down."""
        ...

    async def went_back(self, deployment: Deployment, *, at: datetime) -> None:
        """It was taken back: told before the end is written down."""
        ...


class DataBackups(Protocol):
    """Backs a placement's data up, once for each id."""

    async def back_up(self, place: Placement, id: str, *, reason: str) -> Backup:  # noqa: A002
        """Raises TemporaryFailure and PermanentFailure with the tool's own words."""
        ...
