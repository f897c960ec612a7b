"""What can be deployed, where, and how: the settings file as the engine sees it. Frozen and free of I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, NewType

from engine.errors import NotFound

ServiceName = NewType("ServiceName", str)
EnvironmentName = NewType("EnvironmentName", str)
Version = NewType("Version", str)

Comparison = Literal["<", "<=", ">", ">="]
GateKind = Literal["rule", "query", "health", "approval"]


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
class LocalTarget:
    """A service as child processes of this machine behind the built-in proxy.

    `artifact` is a path with `{version}`; a version exists when that path does. `command` may use
    `{artifact}`, `{version}`, `{port}` and `{instance}`. `port` is where the proxy listens.
    """

    artifact: str
    command: tuple[str, ...]
    port: int
    instances: int = 2
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class GateSpec:
    """One condition a step must meet. `query` and `rule` may use {service}, {environment}, {version}, {window}.

    A query gate passes while `value comparison threshold` holds; `minimum` is the PromQL count below which the
    verdict is inconclusive.
    """

    name: str
    kind: GateKind
    query: str = ""
    comparison: Comparison = "<"
    threshold: float = 0.0
    unit: Literal["", "ratio", "seconds"] = ""
    rule: str = ""
    samples_query: str = ""
    minimum_samples: int = 0


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """Send `weight` percent to the new version, then stay for `dwell`; `approval` waits for a person before it."""

    weight: int
    dwell: timedelta
    approval: bool = False


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """How a version replaces another. Canary uses `steps`; rolling uses `max_surge` and `max_unavailable`."""

    name: str
    kind: Literal["canary", "rolling"]
    steps: tuple[CanaryStep, ...] = ()
    gates: tuple[GateSpec, ...] = ()
    max_surge: int = 1
    max_unavailable: int = 0
    warm_up: timedelta = timedelta(seconds=0)
    progress_deadline: timedelta = timedelta(minutes=10)


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
    target: LocalTarget
    health: HealthCheck
    strategy: StrategySpec
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """Where services run. `approvals` people other than the requester (with four eyes) must agree."""

    name: EnvironmentName
    approvals: int = 0
    four_eyes: bool = True
    approval_expires: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Service:
    """A thing people deploy. `channel` is the chat channel its deployments are told in (a name without #)."""

    name: ServiceName
    description: str
    channel: str
    placements: Mapping[EnvironmentName, Placement]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All services and environments."""

    services: Mapping[ServiceName, Service]
    environments: Mapping[EnvironmentName, Environment]

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
