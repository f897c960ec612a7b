"""How a version replaces another, each as pure functions: what is seen → what to do next.

A new strategy is a file of its own and a line in STRATEGIES; the settings, plans and tests take it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from engine.deployments.action import Action, Observation
from engine.deployments.deployment import Deployment
from engine.deployments.strategies.blue_green import BLUE_GREEN
from engine.deployments.strategies.canary import CANARY
from engine.deployments.strategies.recreate import RECREATE
from engine.deployments.strategies.rolling import ROLLING
from engine.deployments.strategies.strategy import Strategy
from engine.errors import PermanentFailure

STRATEGIES: Final[Mapping[str, Strategy]] = {
    "canary": CANARY,
    "rolling": ROLLING,
    "blue-green": BLUE_GREEN,
    "recreate": RECREATE,
}


def strategy_of(kind: str) -> Strategy:
    """The strategy of this kind. Raises PermanentFailure: a deployment may have been planned by a later version."""
    found = STRATEGIES.get(kind)
    if found is None:
        raise PermanentFailure(f"There is no strategy of the kind {kind!r}.", f"Known: {', '.join(STRATEGIES)}.")
    return found


def next_step(deployment: Deployment, seen: Observation, *, now: datetime) -> Action:
    """What the deployment's own strategy does next. Raises PermanentFailure for a kind that is not known."""
    return strategy_of(deployment.plan.strategy.kind).next_step(deployment, seen, now=now)
