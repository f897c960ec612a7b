"""Canary: a growing share of requests goes to the new version while the old one stays at full strength."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from engine.deployments.action import Action, Observation
from engine.deployments.deployment import Deployment
from engine.deployments.strategies import recipe
from engine.deployments.strategies.recipe import Sizes


def next_step(deployment: Deployment, seen: Observation, *, now: datetime) -> Action:
    """What to do next for a canary."""
    return recipe.next_step(deployment, seen, _sizes, now=now)


def _sizes(deployment: Deployment) -> Sizes:
    """As many new instances as the share needs; the old ones stay until promotion, ready to take all again."""
    plan = deployment.plan
    weight = plan.strategy.steps[deployment.step].weight if deployment.step >= 0 else 0
    return Sizes(new=ceil(plan.instances * weight / 100), old_before=plan.instances, old_after=plan.instances)
