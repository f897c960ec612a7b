"""Rolling: old instances give way to new ones batch by batch, within max_surge and max_unavailable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.deployments.deployment import Deployment, Plan
from engine.deployments.strategies.recipe import Recipe, Sizes
from engine.deployments.strategies.strategy import Fault, Strategy, asked, foreign, weights
from engine.strategy_specs import CanaryStep, StrategySpec


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


def _steps(spec: StrategySpec, instances: int) -> tuple[CanaryStep, ...]:
    """A step a batch. Each is watched for the dwell, and for the warm-up at least."""
    batch, dwell, people = spec.max_surge + spec.max_unavailable, max(spec.dwell, spec.warm_up), asked(spec, "always")
    counts = [*range(batch, instances, batch), instances]
    return tuple(CanaryStep(max(1, round(100 * count / instances)), dwell, people) for count in counts)


def _faults(spec: StrategySpec) -> Iterator[Fault]:
    if spec.max_surge < 0 or spec.max_unavailable < 0:
        yield Fault("max_surge", "max_surge or max_unavailable is below zero", "give zero or more")
    elif spec.max_surge + spec.max_unavailable == 0:
        yield Fault("max_surge", "max_surge and max_unavailable are both zero", "one of them has to be above zero")
    yield from foreign(spec, "steps", "approval", "keep_old", "pin", switch=False)


def _told(plan: Plan) -> str:
    return weights(plan)


def _floor(spec: StrategySpec, instances: int) -> int:
    return max(0, instances - spec.max_unavailable)


ROLLING: Final = Strategy(next_step=Recipe(_sizes), steps=_steps, faults=_faults, floor=_floor, told=_told)
