"""What one kind of infrastructure brings: the three ports, and how to let go of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.catalog import Catalog, Placement
from engine.ports import ArtifactSource, InstanceManager, TrafficShifter
from engine.targets import ContainerTarget, LocalTarget


def no_ports() -> Collection[int]:
    """The ports of routers where there are none."""
    return ()


@dataclass(frozen=True, slots=True)
class Ground:
    """What a platform is made on: a folder for what it must find again, and the clock.

    `router_ports` are the ports of this machine that the settings promise to routers, used already or not yet.
    """

    data: Path
    now: Callable[[], datetime]
    router_ports: Callable[[], Collection[int]] = no_ports


def router_ports_of(catalog: Catalog) -> Collection[int]:
    """The ports of this machine on which the routers of the catalog's placements listen."""
    targets = [place.target for place in catalog.placements()]
    routed = [one for one in targets if isinstance(one, (LocalTarget, ContainerTarget))]
    return frozenset(port for one in routed for port in (one.port, one.preview_port) if port)


async def nothing() -> None:
    """Close of a platform that holds nothing open."""


async def fine(_: Placement) -> None:
    """Check of a platform about which nothing can be known before an effect."""


async def no_pages() -> Sequence[str]:
    """Metrics pages of a platform that has none."""
    return ()


@dataclass(frozen=True, slots=True)
class Platform:
    """The ports of one kind of infrastructure. `close` ends connections, never an instance.

    `metrics` gives the `host:port` of metrics pages that the platform itself has, such as its proxy's.
    `keeps_router` says that asking the router brings it back: nobody else starts it, or tells it its servers again.
    `check` raises Refused for what keeps a placement from being served, as far as that shows without an effect.
    """

    artifacts: ArtifactSource
    manager: InstanceManager
    shifter: TrafficShifter
    close: Callable[[], Awaitable[None]] = nothing
    metrics: Callable[[], Awaitable[Sequence[str]]] = no_pages
    keeps_router: bool = False
    check: Callable[[Placement], Awaitable[None]] = fine
