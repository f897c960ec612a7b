"""Rolling: old instances give way to new ones batch by batch, within max_surge and max_unavailable."""

from __future__ import annotations

from datetime import datetime

from engine.deployments.action import Action, Observation
from engine.deployments.deployment import Deployment
from engine.deployments.strategies import recipe
from engine.deployments.strategies.recipe import Sizes


def next_step(deployment: Deployment, seen: Observation, *, now: datetime) -> Action:
    """What to do next for a rolling replacement."""
    return recipe.next_step(deployment, seen, _sizes, now=now)


def _sizes(deployment: Deployment) -> Sizes:
    """The batch's new instances, and the old ones that make room for them before and after.

    At most `instances + max_surge` run, at least `instances - max_unavailable` are healthy.
    """
    total, spec = deployment.plan.instances, deployment.plan.strategy
    batch = spec.max_surge + spec.max_unavailable
    if deployment.step < 0:
        return Sizes(new=0, old_before=total, old_after=total)
    new = min(total, batch * (deployment.step + 1))
    before = max(0, min(total - batch * deployment.step, total + spec.max_surge - new))
    return Sizes(new=new, old_before=before, old_after=total - new)
