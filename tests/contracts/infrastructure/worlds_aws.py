"""ECS behind an ALB and Lambda behind an alias, on moto with what it lacks. No request of a caller flows there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from engine.catalog import Placement


@asynccontextmanager
async def ecs_world(make: Any, place: Placement, folder: Path) -> AsyncIterator[Any]:
    """Tasks, whose containers may be killed and whose targets may fail their checks. `make` is the World to fill."""
    from tests.fakes.aws_shop import ecs_shop

    async with ecs_shop() as shop:
        platform, scheduler = shop.platform, shop.scheduler
        yield make(
            shop.place,
            platform.artifacts,
            platform.manager,
            platform.shifter,
            kill=lambda one: scheduler.kill(f"shop-production-{one.version}"),
            sicken=lambda one: scheduler.sick.add(f"shop-production-{one.version}"),
            processes=False,
            obituary="exit code 137",
            moves_shares=False,
        )


@asynccontextmanager
async def lambda_world(make: Any, place: Placement, folder: Path) -> AsyncIterator[Any]:
    """Published versions, which nothing kills and which Lambda may call failed."""
    from tests.fakes.aws_shop import lambda_shop

    async with lambda_shop() as shop:
        platform, sick = shop.platform, shop.functions.sick
        yield make(
            shop.place,
            platform.artifacts,
            platform.manager,
            platform.shifter,
            kill=None,
            sicken=lambda one: sick.update({one.address.rsplit(":", 1)[-1]: ("Failed", "The image is gone.")}),
            processes=False,
            many=False,
            moves_shares=False,
        )


WORLDS: dict[str, Callable[[Any, Placement, Path], AbstractAsyncContextManager[Any]]] = {
    "ecs": ecs_world,
    "lambda": lambda_world,
}
