"""Recreate: the old version stops before the new one starts, for versions that cannot run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.deployments.deployment import Deployment, Plan
from engine.deployments.strategies.recipe import Recipe, Sizes
from engine.deployments.strategies.strategy import Fault, Strategy, asked, foreign
from engine.strategy_specs import CanaryStep, StrategySpec


def _sizes(deployment: Deployment) -> Sizes:
    total = deployment.plan.instances
    if deployment.step < 0:
        return Sizes(new=0, old_before=total, old_after=total)
    return Sizes(new=total, old_before=0, old_after=0)


def _steps(spec: StrategySpec, _: int) -> tuple[CanaryStep, ...]:
    return (CanaryStep(100, max(spec.dwell, spec.warm_up), spec.approval or asked(spec, "always")),)


def _faults(spec: StrategySpec) -> Iterator[Fault]:
    yield from foreign(spec, "steps", "keep_old", "pin", switch=False)


def _told(plan: Plan) -> str:
    return f"{plan.previous} stops before {plan.version} starts; nobody is answered meanwhile"


def _way_back(spec: StrategySpec) -> StrategySpec:
    """What cannot run side by side cannot on the way back either."""
    return StrategySpec(name="roll back", kind=spec.kind, progress_deadline=spec.progress_deadline)


RECREATE: Final = Strategy(
    next_step=Recipe(_sizes, apart=True),
    steps=_steps,
    faults=_faults,
    floor=lambda *_: 0,
    told=_told,
    way_back=_way_back,
)
