"""Containers of a real engine behind the built-in proxy, and processes of this machine behind a real HAProxy."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.catalog import Placement
from engine.infrastructure.artifacts import LocalArtifacts
from engine.infrastructure.balancers.haproxy import HaproxyShifter
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.infrastructure.container.api import Apis
from engine.infrastructure.container.images import Images
from engine.infrastructure.container.manager import ContainerManager
from engine.infrastructure.local import LocalManager
from engine.ports import Instance
from engine.targets import ContainerTarget, LocalTarget
from tests.fakes import haproxy, podman


@asynccontextmanager
async def container_world(make: Any, place: Placement, folder: Path) -> AsyncIterator[Any]:
    """Containers behind the built-in proxy. `make` is the World to fill."""
    if reason := podman.missing():
        pytest.skip(reason)
    async with podman.engine_alone() as engine:
        (image,) = {await podman.image(engine, version) for version in ("v1", "v2", "v10")}
        apis, shifter = Apis(), ProxyShifter(folder / "proxy")
        images = Images(apis)
        placed = replace(place, target=_target(engine, image, place.on(LocalTarget).port))
        yield make(placed, images, ContainerManager(apis, images), shifter, kill=_kill, sicken=_sicken)
        await shifter.stop()
        await apis.close()


def _target(engine: podman.Engine, image: str, port: int) -> ContainerTarget:
    return ContainerTarget(
        image=image,
        container_port=8080,
        port=port,
        engine=engine.url,
        stop_timeout=timedelta(seconds=1),
    )


@asynccontextmanager
async def haproxy_world(make: Any, place: Placement, folder: Path) -> AsyncIterator[Any]:
    """Processes of this machine behind an HAProxy."""
    if haproxy.program() is None:
        pytest.skip("HAProxy is not installed (apt install haproxy)")
    manager = LocalManager(folder / "instances", now=lambda: datetime.now(UTC))
    async with haproxy.running_haproxy(folder / "router") as real:
        placed = replace(place, target=replace(place.on(LocalTarget), haproxy=real.target))
        shifter = HaproxyShifter(folder / "told")
        yield make(placed, LocalArtifacts(), manager, shifter, kill=_kill, sicken=_sicken)
    await manager.stop_everything()


def _kill(one: Instance) -> None:
    os.kill(one.pid, signal.SIGKILL)


def _sicken(one: Instance) -> None:
    os.kill(one.pid, signal.SIGSTOP)


WORLDS = {"container": container_world, "haproxy": haproxy_world}
MARKS = {"container": pytest.mark.xdist_group("containers")}  # one engine for all tests that need one
