"""What Prometheus should scrape of ours, as its HTTP service discovery reads it.

Form: prometheus.io/docs, http_sd. Each instance carries its service, environment and version as labels, so that the
services themselves need not know them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypedDict

from bot.engine_half import Engine
from bot.ground import Ground
from engine.errors import EngineError
from engine.ports import Instance, InstanceHealth

log = logging.getLogger(__name__)


class TargetGroup(TypedDict):
    """Targets that share labels."""

    targets: list[str]
    labels: dict[str, str]


def target_groups(instances: Sequence[Instance], proxies: Sequence[str]) -> list[TargetGroup]:
    """One group an instance that lives, and one for the proxies' own numbers."""
    groups = [_group(one) for one in instances if one.health is not InstanceHealth.DEAD]
    own: list[TargetGroup] = [{"targets": list(proxies), "labels": {"job": "pilothouse-proxy"}}]
    return [*groups, *own] if proxies else groups


def _group(one: Instance) -> TargetGroup:
    labels = {
        "job": "pilothouse-services",
        "service": str(one.service),
        "environment": str(one.environment),
        "version": str(one.version),
        "instance": str(one.id),
    }
    return {"targets": [one.address], "labels": labels}


async def discover(ground: Ground, engine: Engine) -> list[TargetGroup]:
    """Every running instance of every placement; the proxy as soon as there is one."""
    instances = [one for place in ground.catalog().placements() for one in await engine.platforms.observe(place)]
    try:
        pages = await engine.platforms.metrics() if instances else []
    except EngineError as error:
        log.warning("the proxy's numbers can't be found: %s", error)
        pages = []
    return target_groups(instances, pages)
