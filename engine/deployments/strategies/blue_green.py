"""Blue-green: the new version comes up whole beside the old one, is looked at, and gets all requests in one switch.

The first step has no share of the traffic: it is the preview, with the gates of before. The second is the switch, with
the gates of after. Then the old version is kept for a while, so that going back is one switch too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from engine.deployments.deployment import Deployment, Plan
from engine.deployments.strategies.recipe import Recipe, Sizes
from engine.deployments.strategies.strategy import Fault, Strategy, asked, foreign
from engine.deployments.words import render_time
from engine.strategy_specs import CanaryStep, StrategySpec

ZERO: Final = timedelta(0)


def _sizes(deployment: Deployment) -> Sizes:
    total = deployment.plan.instances
    return Sizes(new=total if deployment.step >= 0 else 0, old_before=total, old_after=total)


def _steps(spec: StrategySpec, _: int) -> tuple[CanaryStep, ...]:
    """Preview and switch; a third one when people have to agree before the old version goes."""
    before = spec.approval or asked(spec, "always", "before")
    steps = (CanaryStep(0, spec.dwell), CanaryStep(100, spec.dwell, before))
    return (*steps, CanaryStep(100, ZERO, approval=True)) if asked(spec, "after") else steps


def _faults(spec: StrategySpec) -> Iterator[Fault]:
    yield from foreign(spec, "steps", switch=True)


def _told(plan: Plan) -> str:
    kept = plan.strategy.keep_old
    then = f"is kept for {render_time(kept)}" if kept else "stops"
    return f"{plan.version} beside {plan.previous} without traffic, then 0 → 100 % at once; {plan.previous} {then}"


BLUE_GREEN: Final = Strategy(
    next_step=Recipe(_sizes), steps=_steps, faults=_faults, floor=lambda _, instances: instances, told=_told
)
