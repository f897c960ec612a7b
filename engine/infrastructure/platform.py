"""What one kind of infrastructure brings: the three ports, and how to let go of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.ports import ArtifactSource, InstanceManager, TrafficShifter


@dataclass(frozen=True, slots=True)
class Ground:
    """What a platform is made on: a folder for what it must find again, and the clock."""

    data: Path
    now: Callable[[], datetime]


async def nothing() -> None:
    """Close of a platform that holds nothing open."""


async def no_pages() -> Sequence[str]:
    """Metrics pages of a platform that has none."""
    return ()


@dataclass(frozen=True, slots=True)
class Platform:
    """The ports of one kind of infrastructure. `close` ends connections, never an instance.

    `metrics` gives the `host:port` of metrics pages that the platform itself has, such as its proxy's.
    `keeps_router` says that asking the router brings it back: nobody else starts it, or tells it its servers again.
    """

    artifacts: ArtifactSource
    manager: InstanceManager
    shifter: TrafficShifter
    close: Callable[[], Awaitable[None]] = nothing
    metrics: Callable[[], Awaitable[Sequence[str]]] = no_pages
    keeps_router: bool = False
