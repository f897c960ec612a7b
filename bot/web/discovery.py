"""What Prometheus should scrape of ours, as its HTTP service discovery reads it.

Form: prometheus.io/docs, http_sd. Each instance carries its service, environment and version as labels, so that the
services themselves need not know them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypedDict

from bot.house.engine_half import Engine
from bot.house.ground import Ground
from engine.catalog import Placement
from engine.errors import EngineError
from engine.ports import Instance, InstanceHealth
from engine.targets import LambdaTarget

log = logging.getLogger(__name__)


class TargetGroup(TypedDict):
    """Targets that share labels."""

    targets: list[str]
    labels: dict[str, str]


def target_groups(instances: Sequence[Instance], proxies: Sequence[str]) -> list[TargetGroup]:
    """One group an instance that lives, and one for the proxies' own numbers."""
    groups = [_group(one) for one in instances if one.health is not InstanceHealth.DEAD and one.address]
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


class Discovery:
    """Looks at every placement. One whose platform does not answer keeps the targets it had."""

    def __init__(self, ground: Ground, engine: Engine) -> None:
        self._ground = ground
        self._engine = engine
        self._seen: dict[tuple[str, str], Sequence[Instance]] = {}

    async def targets(self) -> list[TargetGroup]:
        """Every running instance that has an address; functions have none. The proxy as soon as there is one."""
        places = [one for one in self._ground.catalog().placements() if not isinstance(one.target, LambdaTarget)]
        instances = [one for place in places for one in await self._look(place)]
        return target_groups(instances, await self._pages() if instances else [])

    async def _look(self, place: Placement) -> Sequence[Instance]:
        key = str(place.service), str(place.environment)
        try:
            self._seen[key] = await self._engine.platforms.observe(place)
        except EngineError as error:
            log.warning("%s in %s can't be seen now and keeps its targets: %s", *key, error)
        return self._seen.get(key, ())

    async def _pages(self) -> Sequence[str]:
        try:
            return await self._engine.platforms.metrics()
        except EngineError as error:
            log.warning("the proxy's numbers can't be found: %s", error)
            return []
