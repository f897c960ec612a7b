"""From a deployment and its facts over time to the shapes of its page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from alerting.errors import AlertingError
from alerting.metrics.ranges import Series
from bot.inputs.api import present_gates
from bot.inputs.api import schemas_deployments as shapes
from bot.inputs.api.chronicle import Chronicle
from bot.inputs.api.deployment_queries import Query
from bot.inputs.api.shape import Override
from engine.deployments.compare import Counts
from engine.deployments.deployment import Deployment, Measurement
from engine.deployments.strategies import STRATEGIES
from engine.strategy_specs import GateSpec

Point = tuple[float, float | None]


def told(one: Deployment) -> str:
    """The strategy in words."""
    if one.plan.first:
        return "first deployment, all traffic at once when healthy"
    known = STRATEGIES.get(one.plan.strategy.kind)  # an old deployment may be of a kind there is no more
    return known.told(one.plan) if known else one.plan.strategy.kind


def standing(one: Deployment) -> dict[str, Any]:
    """What else holds of the plan and of the deployment now."""
    return {
        "held": one.held,
        "kept_until": None if one.ended else one.kept_until,
        "backup": one.backup,
        "approval_group": one.plan.approval_group,
        "revision": one.plan.revision,
        "overrides": [Override.model_validate(each) for each in one.plan.overrides],
        "warnings": list(one.plan.warnings),
    }


def numbered(one: Measurement, number: int) -> shapes.NumberedMeasurement:
    """A measurement with its number, from 1."""
    return shapes.NumberedMeasurement(number=number, **dict(present_gates.measurement(one)))


def gate_pictures(one: Deployment, chronicle: Chronicle) -> list[shapes.GatePicture]:
    """Each gate of the plan over time, as far as it was asked."""
    gates = one.plan.strategy.gates
    return [picture for gate in gates for picture in _of_gate(gate, one, chronicle.of_gate(gate.name))]


def _of_gate(gate: GateSpec, one: Deployment, said: Sequence[Measurement]) -> Iterator[shapes.GatePicture]:
    verdicts = [shapes.VerdictPoint(at=each.at, verdict=each.verdict.value) for each in said]
    numeric = gate.kind == "query"
    yield shapes.GatePicture(
        gate=gate.name,
        name=gate.name,
        unit="ratio" if gate.compare else gate.unit,
        comparison=gate.comparison if numeric else "<=" if gate.compare else "",
        threshold=gate.threshold if numeric else gate.compare.ceiling if gate.compare else None,
        lines=_ratios(one, said) if gate.compare else [_values(one, said)] if numeric else [],
        verdicts=verdicts,
    )
    if gate.compare and gate.compare.latency:
        most = gate.compare.latency_ceiling
        yield shapes.GatePicture(
            gate=gate.name,
            name=f"{gate.name}, latency",
            unit="seconds",
            comparison="<=" if most else "",
            threshold=most.total_seconds() if most else None,
            lines=_latencies(one, said),
            verdicts=[],
        )


def _values(one: Deployment, said: Sequence[Measurement]) -> shapes.Line:
    return shapes.Line(name=str(one.plan.version), points=[(each.at.timestamp(), each.value) for each in said])


def _ratios(one: Deployment, said: Sequence[Measurement]) -> list[shapes.Line]:
    both = [(each.at.timestamp(), each.compared) for each in said]
    new: list[Point] = [(at, _ratio(found.new) if found else None) for at, found in both]
    stable: list[Point] = [(at, _ratio(found.stable) if found else None) for at, found in both]
    return _sides(one, new, stable)


def _ratio(counts: Counts | None) -> float | None:
    return counts.ratio if counts and counts.requests else None


def _latencies(one: Deployment, said: Sequence[Measurement]) -> list[shapes.Line]:
    both = [(each.at.timestamp(), each.compared) for each in said]
    new: list[Point] = [(at, found.latency if found else None) for at, found in both]
    stable: list[Point] = [(at, found.stable_latency if found else None) for at, found in both]
    return _sides(one, new, stable)


def _sides(one: Deployment, new: list[Point], stable: list[Point]) -> list[shapes.Line]:
    lines = [shapes.Line(name=str(one.plan.version), points=new)]
    return [*lines, shapes.Line(name=str(one.plan.previous), points=stable)] if one.plan.previous else lines


def picture(query: Query, lines: list[shapes.Line], failure: AlertingError | None) -> shapes.Picture:
    """What came of a query."""
    return shapes.Picture(
        name=query.name,
        query=query.asked[0][1],
        unit=query.unit,
        comparison=query.comparison,
        threshold=query.threshold,
        lines=lines,
        error=f"{failure.reason}." if failure else None,
        remedy=f"{failure.remedy}." if failure and failure.remedy else "",
    )


def line(series: Series, name: str) -> shapes.Line:
    """A series, by its name or by its labels; JSON makes null of values that are no number."""
    labels = ", ".join(f"{key}={value}" for key, value in series.labels.items() if key != "__name__")
    return shapes.Line(name=name or labels, points=list(series.points))
