"""Child processes of this machine behind the built-in proxy, or behind an HAProxy."""

from __future__ import annotations

from engine.infrastructure.artifacts import LocalArtifacts
from engine.infrastructure.balancers.chosen import ChosenShifter
from engine.infrastructure.local import LocalManager
from engine.infrastructure.platform import Ground, Platform


def make(ground: Ground) -> Platform:
    """Instances and routers have folders of their own, where the next start finds what they were."""
    manager = LocalManager(ground.data / "instances", now=ground.now, router_ports=ground.router_ports)
    shifter = ChosenShifter(ground.data)
    return Platform(LocalArtifacts(), manager, shifter, metrics=shifter.metrics, keeps_router=True, check=shifter.check)
