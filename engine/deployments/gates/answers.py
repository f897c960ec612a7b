"""How an answer becomes a measurement. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import isfinite

from engine.deployments.compare import Compared
from engine.deployments.deployment import Deployment, Measurement, Verdict
from engine.deployments.gates.templates import fill
from engine.deployments.words import render_number
from engine.errors import PermanentFailure
from engine.ports import MetricSample
from engine.strategy_specs import GateSpec


def number(samples: Sequence[MetricSample]) -> float | None:
    """The one number of an answer; none, or not a number (0/0), is no data. Raises PermanentFailure for several."""
    if len(samples) > 1:
        raise PermanentFailure(f"The query gives {len(samples)} series.", "Aggregate it to one, with sum() say.")
    return samples[0].value if samples and isfinite(samples[0].value) else None


def said(
    gate: GateSpec,
    now: datetime,
    verdict: Verdict,
    *,
    query: str,
    value: float | None = None,
    samples: int | None = None,
    note: str = "",
    compared: Compared | None = None,
    ask_after: datetime | None = None,
) -> Measurement:
    """The measurement of `gate` at `now`."""
    return Measurement(
        gate=gate.name,
        kind=gate.kind,
        query=query,
        value=value,
        threshold=_threshold(gate),
        samples=samples,
        verdict=verdict,
        at=now,
        unit="ratio" if gate.kind == "comparison" else gate.unit,
        note=note,
        compared=compared,
        ask_after=ask_after,
    )


def asked(gate: GateSpec, deployment: Deployment, now: datetime) -> str:
    """What the gate asks, for people."""
    match gate.kind:
        case "query":
            return fill(gate.query, deployment, now=now)
        case "rule":
            return fill(gate.rule, deployment, now=now) or "any alert of the service"
        case "comparison" if gate.compare:
            return fill(gate.compare.errors, deployment, now=now)
        case "hook" if gate.hook:
            return f"POST {gate.hook.url}"
        case _:
            return gate.kind


def before_of(gate: GateSpec, deployment: Deployment) -> Measurement | None:
    """What the gate said last in this step."""
    return next((one for one in deployment.measurements if one.gate == gate.name), None)


def unripe(one: Measurement) -> Measurement:
    """The same in the warm-up: nothing is judged on it, and no look is taken."""
    if one.verdict is Verdict.ERROR:
        return one
    return replace(one, verdict=Verdict.INCONCLUSIVE, note="warming up", compared=None)


def _threshold(gate: GateSpec) -> str:
    match gate.kind:
        case "query":
            return f"{gate.comparison} {render_number(gate.threshold, gate.unit)}"
        case "rule":
            return "not firing"
        case "health":
            return "all healthy"
        case "approval":
            return "approved"
        case "comparison":
            return f"at most {gate.compare.margin * 100:.3g} points above stable" if gate.compare else ""
        case "hook":
            return "succeeded"
