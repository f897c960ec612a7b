"""How a version replaces another, each as a pure function: what is seen → what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from engine.deployments.action import Action, Observation
from engine.deployments.deployment import Deployment
from engine.deployments.strategies import canary, rolling


class Strategy(Protocol):
    """Decides the next action. The same observation gives the same action."""

    def __call__(self, deployment: Deployment, seen: Observation, *, now: datetime) -> Action: ...


STRATEGIES: Final[Mapping[str, Strategy]] = {
    "canary": canary.next_step,
    "rolling": rolling.next_step,
}


def next_step(deployment: Deployment, seen: Observation, *, now: datetime) -> Action:
    """What the deployment's own strategy does next."""
    return STRATEGIES[deployment.plan.strategy.kind](deployment, seen, now=now)
