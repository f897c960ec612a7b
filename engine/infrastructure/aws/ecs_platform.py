"""ECS services behind an ALB."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from engine.catalog import Placement
from engine.infrastructure.aws.alb import AlbShifter
from engine.infrastructure.aws.client import Aws, Where
from engine.infrastructure.aws.ecs import EcsManager
from engine.infrastructure.aws.ecs_fleet import Fleets, where
from engine.infrastructure.aws.registry import Registry
from engine.infrastructure.platform import Ground, Platform
from engine.targets import EcsTarget


def make(ground: Ground) -> Platform:
    """One set of connections for all ECS placements; everything there is to know is in AWS."""
    aws = Aws()
    return on(aws, Fleets(aws), now=ground.now)


def on(aws: Aws, fleets: Fleets, *, now: Callable[[], datetime]) -> Platform:
    """The platform on connections of the caller's, which `close` ends."""
    artifacts = Registry(aws, _images)
    manager = EcsManager(aws, fleets, artifacts, now=now)
    return Platform(artifacts, manager, AlbShifter(aws, fleets), close=aws.close)


def _images(place: Placement) -> tuple[str, Where]:
    target = place.on(EcsTarget)
    return target.image, where(target)
