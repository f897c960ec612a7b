"""What the proxy can be told and what it answers: one JSON object a line over its Unix socket.

A proxy outlives the release that started it, so both sides meet others' messages: fields are only ever added, with a
default that means what was before, and a field that is not known is passed over. `KNOWS` names what was added.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from engine.catalog import EnvironmentName, HealthCheck, ServiceName, Version
from engine.ports import InstanceId
from engine.strategy_specs import Pin
from engine.targets import Balancing

KNOWS: Final = ("balancing", "preview_port", "pin")


class Member(msgspec.Struct, frozen=True):
    """An instance to send to; `address` is `host:port`."""

    id: InstanceId
    version: Version
    address: str


class Route(msgspec.Struct, frozen=True):
    """One placement: the loopback port callers use, who answers, and how much of it by version in percent.

    `balancing` chooses among a version's instances. `preview_port` shows the version in flight before it has a share
    (0: nowhere), and requests that carry `pin` go to it. `known` are the versions named here in the order they came,
    which the proxy keeps itself: the last one is in flight when there are several.
    """

    service: ServiceName
    environment: EnvironmentName
    port: int
    health: HealthCheck
    members: tuple[Member, ...] = ()
    weights: dict[Version, int] = {}
    balancing: Balancing = "round-robin"
    preview_port: int = 0
    pin: Pin | None = None
    known: tuple[Version, ...] = ()


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
    """It is so now, but for the `trouble`, a sentence.

    `knows` are the later fields of a route that this proxy heeds; a proxy before them says none.
    """

    knows: tuple[str, ...] = ()
    trouble: str = ""


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
