"""A strategy that only the tests have: half of the requests first, then all. One file, and a line in the table."""

from typing import Final

from engine.deployments.deployment import Deployment
from engine.deployments.strategies.recipe import Recipe, Sizes
from engine.deployments.strategies.strategy import Strategy, foreign, weights
from engine.strategy_specs import CanaryStep


def _sizes(deployment: Deployment) -> Sizes:
    total = deployment.plan.instances
    return Sizes(new=total if deployment.step >= 0 else 0, old_before=total, old_after=total)


TOY: Final = Strategy(
    next_step=Recipe(_sizes),
    steps=lambda spec, _: (CanaryStep(50, spec.dwell), CanaryStep(100, spec.dwell)),
    faults=lambda spec: foreign(spec, "steps", "approval", "pin", switch=False),
    floor=lambda _, instances: instances,
    told=weights,
)
