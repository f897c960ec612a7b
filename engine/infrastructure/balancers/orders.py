"""What the proxy can be told and what it answers: one JSON object a line over its Unix socket."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.catalog import EnvironmentName, HealthCheck, ServiceName, Version
from engine.ports import InstanceId


class Member(msgspec.Struct, frozen=True):
    """An instance to send to; `address` is `host:port`."""

    id: InstanceId
    version: Version
    address: str


class Route(msgspec.Struct, frozen=True):
    """One placement: the loopback port callers use, who answers, and how much of it by version in percent."""

    service: ServiceName
    environment: EnvironmentName
    port: int
    health: HealthCheck
    members: tuple[Member, ...] = ()
    weights: dict[Version, int] = {}


class Configure(msgspec.Struct, frozen=True, tag_field="do", tag="configure"):
    """Serve this route from now on. Answered by Done."""

    route: Route


class Read(msgspec.Struct, frozen=True, tag_field="do", tag="read"):
    """How is the route served? Answered by Reading."""

    service: ServiceName
    environment: EnvironmentName


class Drained(msgspec.Struct, frozen=True, tag_field="do", tag="drained"):
    """Is none of these answering a request? Answered by DrainedAnswer."""

    service: ServiceName
    environment: EnvironmentName
    instances: tuple[InstanceId, ...]


class Ping(msgspec.Struct, frozen=True, tag_field="do", tag="ping"):
    """Who are you? Answered by Pong."""


class Stop(msgspec.Struct, frozen=True, tag_field="do", tag="stop"):
    """Finish what runs and end. Answered by Done before that."""


class Done(msgspec.Struct, frozen=True, tag_field="is", tag="done"):
    """It is so now."""


class Failed(msgspec.Struct, frozen=True, tag_field="is", tag="failed"):
    """It is not; `kind` says whether trying again may help."""

    kind: Literal["temporary", "permanent"]
    reason: str
    remedy: str


class Reading(msgspec.Struct, frozen=True, tag_field="is", tag="reading"):
    """What is served now. `weights` are the effective ones; `ready` is who passes the health checks."""

    weights: dict[Version, int]
    ready: tuple[InstanceId, ...]
    requests: int
    lost: int


class DrainedAnswer(msgspec.Struct, frozen=True, tag_field="is", tag="drained"):
    """Whether none of the asked instances answers a request any more."""

    drained: bool


class Pong(msgspec.Struct, frozen=True, tag_field="is", tag="pong"):
    """The proxy's pid and the loopback port of its metrics page."""

    pid: int
    metrics_port: int


class Memory(msgspec.Struct, frozen=True):
    """What the proxy keeps on disk to serve at once after a crash as before it."""

    routes: tuple[Route, ...] = ()
    ready: tuple[InstanceId, ...] = ()
    metrics_port: int = 0


Order = Configure | Read | Drained | Ping | Stop
Answer = Done | Failed | Reading | DrainedAnswer | Pong
