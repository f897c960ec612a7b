"""What a strategy is: pure functions that say what it does, what it needs, and what it promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from engine.deployments.action import Action, Observation
from engine.deployments.deployment import Deployment, Plan
from engine.strategy_specs import CanaryStep, GateTime, StrategySpec


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a spec cannot be carried out: the field, what is wrong with it (no full stop), and what to write instead."""

    field: str
    what: str
    remedy: str


class NextStep(Protocol):
    """Decides the next action. The same observation gives the same action."""

    def __call__(self, deployment: Deployment, seen: Observation, *, now: datetime) -> Action: ...


def quick(spec: StrategySpec) -> StrategySpec:
    """Back as fast as is safe: the former version beside the present one, then all traffic at once. No gates."""
    return StrategySpec(
        name="roll back",
        kind="canary",
        steps=(CanaryStep(100, timedelta(0)),),
        progress_deadline=spec.progress_deadline,
    )


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way in which a version replaces another.

    `steps` are those a plan takes, for so many wanted instances; `faults` says why a spec cannot be. `floor` is how
    many instances at least take requests at any moment of a change that goes well, on its way back too. `told` is
    the plan in a line, without a full stop; what people have to know beforehand, such as a downtime, stands there.
    `way_back` is the spec by which a finished deployment is undone.

    A spec with nothing but a name and the kind has to be possible.
    """

    next_step: NextStep
    steps: Callable[[StrategySpec, int], tuple[CanaryStep, ...]]
    faults: Callable[[StrategySpec], Iterator[Fault]]
    floor: Callable[[StrategySpec, int], int]
    told: Callable[[Plan], str]
    way_back: Callable[[StrategySpec], StrategySpec] = quick


def asked(spec: StrategySpec, *when: GateTime) -> bool:
    """Whether the spec has an approval gate for one of these times."""
    return any(gate.kind == "approval" and gate.when in when for gate in spec.gates)


def weights(plan: Plan) -> str:
    """`10 → 50 → 100 %`, the plan of whatever shares traffic step by step."""
    return " → ".join(str(step.weight) for step in plan.strategy.steps or (CanaryStep(100, timedelta(0)),)) + " %"


def foreign(spec: StrategySpec, *fields: str, switch: bool) -> Iterator[Fault]:
    """What is said of a strategy of this kind although it means nothing there."""
    plain = StrategySpec(name=spec.name, kind=spec.kind)
    for field in fields:
        if getattr(spec, field) != getattr(plain, field):
            yield Fault(field, f"{field} means nothing to a {spec.kind} strategy", "leave it out, or use another kind")
    for gate in spec.gates:
        if not switch and gate.when != "always":
            what = f"gate {gate.name!r} is for {gate.when} the switch, and a {spec.kind} strategy has none"
            yield Fault("gates", what, "leave `when` out, or use kind: blue-green")
