"""Canary: a growing share of requests goes to the new version while the old one stays at full strength."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import ceil
from typing import Final

from engine.deployments.deployment import Deployment, Plan
from engine.deployments.strategies.recipe import Recipe, Sizes
from engine.deployments.strategies.strategy import Fault, Strategy, asked, foreign, weights
from engine.strategy_specs import CanaryStep, StrategySpec

DEFAULT_STEPS: Final = (
    CanaryStep(10, timedelta(minutes=5)),
    CanaryStep(50, timedelta(minutes=5)),
    CanaryStep(100, timedelta(minutes=1)),
)


def _sizes(deployment: Deployment) -> Sizes:
    """As many new instances as the share needs; the old ones stay until promotion, ready to take all again."""
    plan = deployment.plan
    weight = plan.strategy.steps[deployment.step].weight if deployment.step >= 0 else 0
    return Sizes(new=ceil(plan.instances * weight / 100), old_before=plan.instances, old_after=plan.instances)


def _steps(spec: StrategySpec, _: int) -> tuple[CanaryStep, ...]:
    people = asked(spec, "always")
    return tuple(replace(step, approval=step.approval or people) for step in spec.steps or DEFAULT_STEPS)


def _faults(spec: StrategySpec) -> Iterator[Fault]:
    found = [step.weight for step in spec.steps]
    listed = ", ".join(map(str, found))
    if any(not 1 <= weight <= 100 for weight in found):
        yield Fault("steps", f"its weights are {listed}", "a weight is from 1 to 100 percent")
    elif any(after <= before for before, after in pairwise(found)):
        yield Fault("steps", f"its weights {listed} do not rise", "order the steps by rising weight")
    elif found and found[-1] != 100:
        yield Fault("steps", f"its last weight is {found[-1]}", "end with 100 percent")
    if any(step.dwell < timedelta(0) for step in spec.steps):
        yield Fault("steps", "a dwell is below zero", "give a time of zero or more")
    yield from foreign(spec, "dwell", "approval", switch=False)


def _told(plan: Plan) -> str:
    return weights(plan)


CANARY: Final = Strategy(
    next_step=Recipe(_sizes), steps=_steps, faults=_faults, floor=lambda _, instances: instances, told=_told
)
