"""What can be deployed, where, and how: the settings file as the engine sees it. Frozen and free of I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NewType, TypeVar

from engine.backups.specs import BackupSpec
from engine.errors import NotFound
from engine.permits.windows import FreezeWindow
from engine.strategy_specs import StrategySpec
from engine.targets import Target

ServiceName = NewType("ServiceName", str)
EnvironmentName = NewType("EnvironmentName", str)
Version = NewType("Version", str)
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How an instance proves that it is well: `path` answers 2xx within `timeout`."""

    path: str = "/healthz"
    interval: timedelta = timedelta(seconds=2)
    timeout: timedelta = timedelta(seconds=1)
    healthy_after: int = 1
    unhealthy_after: int = 2
    grace: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number to show beside a deployment: a label and the PromQL that gives it."""

    name: str
    query: str
    unit: Literal["", "ratio", "seconds"] = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """One service in one environment."""

    service: ServiceName
    environment: EnvironmentName
    target: Target
    health: HealthCheck
    strategy: StrategySpec
    figures: tuple[Figure, ...] = ()
    backup: BackupSpec | None = None

    def on(self, kind: type[_Kind]) -> _Kind:
        """The target, for the manager of that kind. Raises TypeError: managers get only placements of their own."""
        if not isinstance(self.target, kind):
            raise TypeError(f"{self.service} in {self.environment} runs on {self.target}, not on a {kind.__name__}")
        return self.target


@dataclass(frozen=True, slots=True)
class ApprovalGroup:
    """People by id; only theirs are the approvals that count."""

    name: str
    people: frozenset[str]


@dataclass(frozen=True, slots=True)
class Environment:
    """Where services run. `approvals` people other than the requester (with four eyes) must agree.

    With a `group` only its members count. `windows` are when nothing is deployed there, `concurrent` how many
    deployments may run at once (None: any number). An open incident of a service freezes it unless `incident_freeze`
    is off. After a roll-back the place is locked, for `rollback_lock` or (None) until somebody unlocks it, unless
    `lock_after_rollback` is off.
    """

    name: EnvironmentName
    approvals: int = 0
    four_eyes: bool = True
    approval_expires: timedelta = timedelta(hours=1)
    group: ApprovalGroup | None = None
    windows: tuple[FreezeWindow, ...] = ()
    concurrent: int | None = None
    incident_freeze: bool = True
    known_bad: Literal["warn", "block"] = "warn"
    lock_after_rollback: bool = True
    rollback_lock: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A thing people deploy. `channel` is the chat channel its deployments are told in (a name without #).

    Where several are deployed as one, those it `depends_on` come first.
    """

    name: ServiceName
    description: str
    channel: str
    placements: Mapping[EnvironmentName, Placement]
    depends_on: tuple[ServiceName, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """All services and environments; `concurrent` deployments may run at once over all (None: any number)."""

    services: Mapping[ServiceName, Service]
    environments: Mapping[EnvironmentName, Environment]
    concurrent: int | None = None

    def service(self, name: str) -> Service:
        """The service called `name`. Raises NotFound with the nearest name left to the caller's table."""
        found = self.services.get(ServiceName(name))
        if found is None:
            raise NotFound(f"There is no service {name!r}.", "See `services` for the list.", field="service")
        return found

    def environment(self, name: str) -> Environment:
        """The environment called `name`. Raises NotFound."""
        found = self.environments.get(EnvironmentName(name))
        if found is None:
            known = ", ".join(self.environments)
            raise NotFound(f"There is no environment {name!r}.", f"Known: {known}.", field="environment")
        return found

    def placement(self, service: str, environment: str) -> Placement:
        """Where and how `service` runs in `environment`. Raises NotFound for either, or for the pair."""
        found = self.service(service).placements.get(self.environment(environment).name)
        if found is None:
            places = ", ".join(self.service(service).placements)
            raise NotFound(f"{service} does not run in {environment}.", f"It runs in: {places}.", field="environment")
        return found

    def placements(self) -> tuple[Placement, ...]:
        """Every service in every environment it runs in, in the order of the settings file."""
        return tuple(place for service in self.services.values() for place in service.placements.values())
