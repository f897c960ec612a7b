"""Containers of a Docker Engine API, behind the built-in proxy or an HAProxy."""

from __future__ import annotations

from engine.infrastructure.balancers.chosen import ChosenShifter
from engine.infrastructure.container.api import Apis
from engine.infrastructure.container.images import Images
from engine.infrastructure.container.manager import ContainerManager
from engine.infrastructure.platform import Ground, Platform


def make(ground: Ground) -> Platform:
    """The engines know their containers; only the routers have something to keep in the data folder."""
    apis, shifter = Apis(), ChosenShifter(ground.data)
    images = Images(apis)
    manager = ContainerManager(apis, images)
    return Platform(
        images, manager, shifter, close=apis.close, metrics=shifter.metrics, keeps_router=True, check=shifter.check
    )
