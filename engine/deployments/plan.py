"""What exactly will be done, fixed before anything is: approvals are given to this. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import Final

from engine.catalog import Environment, Placement, Version
from engine.deployments.deployment import Plan
from engine.errors import Invalid
from engine.ports import Artifact
from engine.strategy_specs import CanaryStep, GateSpec, StrategySpec

# A version becomes part of paths, labels and instance names.
VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def parse_version(text: str) -> Version:
    """`text` as a version. Raises Invalid with the nearest spelling that would do."""
    if VERSION.fullmatch(text):
        return Version(text)
    cleaned = re.sub(r"[^A-Za-z0-9._+-]", "", text).lstrip("._+-")[:64]
    raise Invalid(
        f"{text[:80]!r} is not a version.",
        "A version is up to 64 letters, digits, dots, dashes, plus signs and underscores, as in v1.4.2.",
        field="version",
        suggestion=cleaned or None,
    )


def nearest(word: str, known: list[str]) -> str | None:
    """The known word most like `word`, for Did you mean."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.5)), None)


def make_plan(
    place: Placement, environment: Environment, artifact: Artifact, stable: Version | None, *, now: datetime
) -> Plan:
    """How `artifact` replaces `stable` (None: nothing ran before). Raises Invalid for a strategy that cannot be."""
    needed = environment.approvals
    return Plan(
        service=place.service,
        environment=place.environment,
        version=artifact.version,
        digest=artifact.digest,
        previous=stable,
        instances=place.target.instances,
        strategy=_with_steps(check_strategy(place.strategy), place.target.instances),
        approvals_needed=needed,
        four_eyes=environment.four_eyes,
        expires_at=now + environment.approval_expires if needed else None,
    )


def make_return_plan(place: Placement, artifact: Artifact, stable: Version | None) -> Plan:
    """How to go back to `artifact` as fast as is safe: one step, no gates, nobody's approval."""
    quick = StrategySpec(
        name="roll back",
        kind="canary",
        steps=(CanaryStep(100, timedelta(0)),),
        progress_deadline=place.strategy.progress_deadline,
    )
    return Plan(
        service=place.service,
        environment=place.environment,
        version=artifact.version,
        digest=artifact.digest,
        previous=stable,
        instances=place.target.instances,
        strategy=quick,
        approvals_needed=0,
        four_eyes=False,
        expires_at=None,
    )


def check_strategy(spec: StrategySpec) -> StrategySpec:
    """`spec`, when it can be carried out. Raises Invalid naming what cannot."""
    if spec.progress_deadline <= timedelta(0):
        raise _wrong(spec, "its progress deadline is not above zero", "Give it some minutes.")
    if spec.kind == "canary":
        _check_steps(spec)
    else:
        _check_surge(spec)
    for gate in spec.gates:
        _check_gate(spec, gate)
    names = [gate.name for gate in spec.gates]
    if len(names) != len(set(names)):
        raise _wrong(spec, "two of its gates have one name", "Name each gate differently.")
    return spec


def _check_steps(spec: StrategySpec) -> None:
    weights = [step.weight for step in spec.steps]
    if not weights:
        raise _wrong(spec, "it has no steps", "Give it some, for example 10, 50 and 100 percent.")
    if any(not 1 <= weight <= 100 for weight in weights):
        raise _wrong(spec, f"its weights are {_listed(weights)}", "A weight is from 1 to 100 percent.")
    if any(after <= before for before, after in pairwise(weights)):
        raise _wrong(spec, f"its weights {_listed(weights)} do not rise", "Order the steps by rising weight.")
    if weights[-1] != 100:
        raise _wrong(spec, f"its last weight is {weights[-1]}", "End with 100 percent.")
    if any(step.dwell < timedelta(0) for step in spec.steps):
        raise _wrong(spec, "a dwell is below zero", "Give a time of zero or more.")


def _check_surge(spec: StrategySpec) -> None:
    if spec.max_surge < 0 or spec.max_unavailable < 0:
        raise _wrong(spec, "max_surge or max_unavailable is below zero", "Give zero or more.")
    if spec.max_surge + spec.max_unavailable == 0:
        raise _wrong(spec, "max_surge and max_unavailable are both zero", "One of them has to be above zero.")


def _check_gate(spec: StrategySpec, gate: GateSpec) -> None:
    if gate.kind == "query" and not gate.query:
        raise _wrong(spec, f"gate {gate.name!r} has no query", "Give it the PromQL to ask.")
    if gate.minimum_samples > 0 and not gate.samples_query:
        raise _wrong(spec, f"gate {gate.name!r} counts no samples", "Give it a samples_query beside the minimum.")


def _with_steps(spec: StrategySpec, instances: int) -> StrategySpec:
    """The steps to take: a rolling strategy's batches, and approval at every step when a gate asks for it."""
    steps = spec.steps if spec.kind == "canary" else _batches(spec, instances)
    asked = any(gate.kind == "approval" for gate in spec.gates)
    return replace(
        spec,
        steps=tuple(replace(step, approval=step.approval or asked) for step in steps),
        gates=tuple(gate for gate in spec.gates if gate.kind != "approval"),
    )


def _batches(spec: StrategySpec, instances: int) -> tuple[CanaryStep, ...]:
    batch = spec.max_surge + spec.max_unavailable
    counts = [*range(batch, instances, batch), instances]
    return tuple(CanaryStep(max(1, round(100 * count / instances)), spec.warm_up) for count in counts)


def _listed(weights: list[int]) -> str:
    return ", ".join(str(weight) for weight in weights)


def _wrong(spec: StrategySpec, what: str, remedy: str) -> Invalid:
    return Invalid(f"Strategy {spec.name!r} cannot be carried out: {what}.", remedy, field="strategy")
