"""What exactly will be done, fixed before anything is: approvals are given to this. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Final

from engine.catalog import Environment, Placement, Version
from engine.deployments.deployment import Override, Plan
from engine.deployments.releases import Release, configuration_of, placement_data
from engine.deployments.strategies import STRATEGIES, strategy_of
from engine.errors import Invalid
from engine.ports import Artifact
from engine.strategy_specs import GateSpec, StrategySpec
from engine.targets import COUNTING

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
    place: Placement,
    environment: Environment,
    artifact: Artifact,
    stable: Version | None,
    *,
    now: datetime,
    overrides: tuple[Override, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Plan:
    """How `artifact` replaces `stable` (None: nothing ran before). Raises Invalid for a strategy that cannot be.

    With overrides somebody other than who asked has to agree, whatever the environment asks for.
    """
    needed = max(environment.approvals, 1 if overrides else 0)
    return Plan(
        service=place.service,
        environment=place.environment,
        version=artifact.version,
        digest=artifact.digest,
        previous=stable,
        instances=place.target.instances,
        strategy=_with_steps(check_strategy(place.strategy), place.target.instances),
        approvals_needed=needed,
        four_eyes=environment.four_eyes or bool(overrides),
        expires_at=now + environment.approval_expires if needed else None,
        configuration=configuration_of(place, environment),
        approval_group=environment.group.name if environment.group else "",
        overrides=overrides,
        warnings=warnings,
        placement=placement_data(place),
        counted=isinstance(place.target, COUNTING),
    )


def make_return_plan(
    place: Placement, artifact: Artifact, stable: Version | None, release: Release | None = None
) -> Plan:
    """How to go back to `artifact` as fast as is safe: one step, no gates, nobody's approval.

    With a `release` its configuration comes back too; `place` is that already.
    """
    changed = release is not None and release.digest != artifact.digest
    told = f"{artifact.version} is no longer what it was in revision {release.revision if release else 0}."
    spec = strategy_of(place.strategy.kind).way_back(place.strategy)
    return Plan(
        service=place.service,
        environment=place.environment,
        version=artifact.version,
        digest=artifact.digest,
        previous=stable,
        instances=place.target.instances,
        strategy=_with_steps(spec, place.target.instances),
        approvals_needed=0,
        four_eyes=False,
        expires_at=None,
        revision=release.revision if release else None,
        warnings=(told,) if changed else (),
        counted=isinstance(place.target, COUNTING),
    )


def check_strategy(spec: StrategySpec) -> StrategySpec:
    """`spec`, when it can be carried out. Raises Invalid naming what cannot."""
    if spec.kind not in STRATEGIES:
        raise _wrong(spec, f"there is no kind {spec.kind!r}", f"Known: {', '.join(STRATEGIES)}.")
    if spec.progress_deadline <= timedelta(0):
        raise _wrong(spec, "its progress deadline is not above zero", "Give it some minutes.")
    for fault in strategy_of(spec.kind).faults(spec):
        raise _wrong(spec, fault.what, f"{fault.remedy[0].upper()}{fault.remedy[1:]}.")
    for gate in spec.gates:
        _check_gate(spec, gate)
    names = [gate.name for gate in spec.gates]
    if len(names) != len(set(names)):
        raise _wrong(spec, "two of its gates have one name", "Name each gate differently.")
    return spec


def _check_gate(spec: StrategySpec, gate: GateSpec) -> None:
    if gate.kind == "query" and not gate.query:
        raise _wrong(spec, f"gate {gate.name!r} has no query", "Give it the PromQL to ask.")
    if gate.kind == "comparison" and gate.compare is None:
        raise _wrong(
            spec, f"gate {gate.name!r} says nothing to compare", "Give it the errors and the requests to count."
        )
    if gate.kind == "hook" and gate.hook is None:
        raise _wrong(spec, f"gate {gate.name!r} has nobody to ask", "Give it the url of the check.")
    if gate.minimum_samples > 0 and not gate.samples_query:
        raise _wrong(spec, f"gate {gate.name!r} counts no samples", "Give it a samples_query beside the minimum.")


def _with_steps(spec: StrategySpec, instances: int) -> StrategySpec:
    """The steps to take; gates by people have become steps that wait for them."""
    return replace(
        spec,
        steps=strategy_of(spec.kind).steps(spec, instances),
        gates=tuple(gate for gate in spec.gates if gate.kind != "approval"),
    )


def _wrong(spec: StrategySpec, what: str, remedy: str) -> Invalid:
    return Invalid(f"Strategy {spec.name!r} cannot be carried out: {what}.", remedy, field="strategy")
