"""Pods of a real control plane behind an HTTPRoute. They run no container, so no request of a caller flows there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.catalog import Placement


@asynccontextmanager
async def kubernetes_world(make: Any, place: Placement, folder: Path) -> AsyncIterator[Any]:
    """Pods with the weights of an HTTPRoute, whose gateway takes them. `make` is the World to fill."""
    from tests.fakes.kubernetes_shop import kubernetes_shop

    async with kubernetes_shop() as shop:
        platform = shop.platform
        yield make(
            shop.place,
            platform.artifacts,
            platform.manager,
            platform.shifter,
            kill=shop.hands.kill,
            sicken=shop.hands.sicken,
            processes=False,
            moves_shares=False,
            knows_versions=False,
        )


WORLDS = {"kubernetes": kubernetes_world}
