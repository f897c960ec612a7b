"""Child processes of this machine behind the built-in proxy."""

from __future__ import annotations

from collections.abc import Sequence

from engine.infrastructure.artifacts import LocalArtifacts
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.infrastructure.local import LocalManager
from engine.infrastructure.platform import Ground, Platform


def make(ground: Ground) -> Platform:
    """Instances and proxy live in folders of their own, where the next start finds them."""
    manager, shifter = LocalManager(ground.data / "instances", now=ground.now), ProxyShifter(ground.data / "proxy")

    async def metrics() -> Sequence[str]:
        return (await shifter.metrics_address(),)

    return Platform(LocalArtifacts(), manager, shifter, metrics=metrics)
