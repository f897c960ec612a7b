"""Asks a deployment's gates and figures. What could not be asked is an error, what has no data is inconclusive."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

from engine.catalog import Figure
from engine.deployments.action import Observation
from engine.deployments.deployment import Deployment, Measurement, Verdict
from engine.deployments.judge import warm
from engine.deployments.words import render_number
from engine.errors import PermanentFailure, TemporaryFailure
from engine.ports import FiringAlert, FiringAlerts, InstanceHealth, MetricQueries, MetricSample
from engine.strategy_specs import Comparison, GateSpec

SHORTEST_WINDOW: Final = timedelta(seconds=10)
LONGEST_WINDOW: Final = timedelta(minutes=10)
COMPARE: Final[Mapping[Comparison, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PLACEHOLDER: Final = re.compile(r"\{(service|environment|version|previous|window)\}")


class Gates:
    """Asks the metrics server and the alerts on behalf of deployments."""

    def __init__(self, metrics: MetricQueries, alerts: FiringAlerts) -> None:
        self._metrics = metrics
        self._alerts = alerts

    async def measure(self, deployment: Deployment, seen: Observation, *, now: datetime) -> tuple[Measurement, ...]:
        """One measurement of each gate of the plan; those of the warm-up are inconclusive whatever they say."""
        taken = [await self._ask(gate, deployment, seen, now) for gate in deployment.plan.strategy.gates]
        return tuple(taken if warm(deployment, now=now) else map(_unripe, taken))

    async def figures(
        self, figures: Sequence[Figure], deployment: Deployment, *, now: datetime
    ) -> tuple[tuple[str, str], ...]:
        """Label and rendered number of each figure; a dash where there is none."""
        return tuple([(one.name, await self._figure(one, deployment, now)) for one in figures])

    async def _figure(self, figure: Figure, deployment: Deployment, now: datetime) -> str:
        try:
            value = _number(await self._metrics.instant(fill(figure.query, deployment, now=now), now))
        except (TemporaryFailure, PermanentFailure):
            return "–"  # a figure decides nothing; the gates say when metrics are away
        return render_number(value, figure.unit)

    async def _ask(self, gate: GateSpec, deployment: Deployment, seen: Observation, now: datetime) -> Measurement:
        try:
            match gate.kind:
                case "query":
                    return await self._query(gate, deployment, now)
                case "rule":
                    return await self._rule(gate, deployment, now)
                case "health":
                    return _health(gate, deployment, seen, now)
                case "approval":
                    return _said(gate, now, Verdict.INCONCLUSIVE, query="approval", note="people approve steps")
        except (TemporaryFailure, PermanentFailure) as failure:
            return _said(gate, now, Verdict.ERROR, query=_asked(gate, deployment, now), note=str(failure))

    async def _query(self, gate: GateSpec, deployment: Deployment, now: datetime) -> Measurement:
        query = _asked(gate, deployment, now)
        value = _number(await self._metrics.instant(query, now))
        samples = await self._samples(gate, deployment, now)
        if value is None:
            return _said(gate, now, Verdict.INCONCLUSIVE, query=query, samples=samples, note="no data")
        if gate.minimum_samples and (samples or 0) < gate.minimum_samples:
            note = f"{samples or 0} of {gate.minimum_samples} samples"
            return _said(gate, now, Verdict.INCONCLUSIVE, query=query, value=value, samples=samples, note=note)
        verdict = Verdict.PASS if COMPARE[gate.comparison](value, gate.threshold) else Verdict.FAIL
        return _said(gate, now, verdict, query=query, value=value, samples=samples)

    async def _samples(self, gate: GateSpec, deployment: Deployment, now: datetime) -> int | None:
        if not gate.samples_query:
            return None
        count = _number(await self._metrics.instant(fill(gate.samples_query, deployment, now=now), now))
        return None if count is None else round(count)

    async def _rule(self, gate: GateSpec, deployment: Deployment, now: datetime) -> Measurement:
        plan = deployment.plan
        labels = {"service": str(plan.service), "environment": str(plan.environment)}
        name = fill(gate.rule, deployment, now=now)
        firing = [
            one
            for one in await self._alerts.firing(labels)
            if name in {"", one.name} and one.labels.get("version", plan.version) == plan.version
        ]
        query = _asked(gate, deployment, now)
        if firing:
            note = f"Alert {_names(firing)} is firing."
            return _said(gate, now, Verdict.FAIL, query=query, value=firing[0].value, note=note)
        # Nothing fires under a rule that nobody evaluates either.
        evaluated = await self._alerts.evaluated_at(name)
        if evaluated is None or evaluated < (deployment.traffic_at or now):
            note = "not evaluated since the new version got traffic"
            return _said(gate, now, Verdict.INCONCLUSIVE, query=query, note=note)
        return _said(gate, now, Verdict.PASS, query=query, value=0.0)


def fill(text: str, deployment: Deployment, *, now: datetime) -> str:
    """`text` with {service}, {environment}, {version}, {previous} and {window} put in.

    Values are escaped for a double-quoted PromQL string. Other braces belong to PromQL and stay. The window reaches
    back to the first request of the new version after its warm-up, from SHORTEST_WINDOW to LONGEST_WINDOW.
    """
    plan = deployment.plan
    values = {
        "service": _quoted(plan.service),
        "environment": _quoted(plan.environment),
        "version": _quoted(plan.version),
        "previous": _quoted(plan.previous or ""),
        "window": f"{round(_window(deployment, now).total_seconds())}s",
    }
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], text)


def _window(deployment: Deployment, now: datetime) -> timedelta:
    since = (deployment.traffic_at or now) + deployment.plan.strategy.warm_up
    return min(LONGEST_WINDOW, max(SHORTEST_WINDOW, now - since))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(samples: Sequence[MetricSample]) -> float | None:
    """The one number of an answer; none, or not a number (0/0), is no data."""
    if len(samples) > 1:
        raise PermanentFailure(f"The query gives {len(samples)} series.", "Aggregate it to one, with sum() say.")
    return samples[0].value if samples and isfinite(samples[0].value) else None


def _health(gate: GateSpec, deployment: Deployment, seen: Observation, now: datetime) -> Measurement:
    own = [one for one in seen.instances if one.version == deployment.plan.version]
    ill = [one for one in own if one.health in {InstanceHealth.UNHEALTHY, InstanceHealth.DEAD}]
    starting = any(one.health is InstanceHealth.STARTING for one in own)
    verdict = Verdict.FAIL if ill else Verdict.INCONCLUSIVE if starting or not own else Verdict.PASS
    well = sum(one.health is InstanceHealth.HEALTHY for one in own)
    note = ", ".join(f"{one.id} is {one.health}" + (f" ({one.note})" if one.note else "") for one in ill)
    return _said(gate, now, verdict, query="health", value=float(well), samples=len(own), note=note)


def _said(
    gate: GateSpec,
    now: datetime,
    verdict: Verdict,
    *,
    query: str,
    value: float | None = None,
    samples: int | None = None,
    note: str = "",
) -> Measurement:
    return Measurement(
        gate=gate.name,
        kind=gate.kind,
        query=query,
        value=value,
        threshold=_threshold(gate),
        samples=samples,
        verdict=verdict,
        at=now,
        unit=gate.unit,
        note=note,
    )


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


def _asked(gate: GateSpec, deployment: Deployment, now: datetime) -> str:
    match gate.kind:
        case "query":
            return fill(gate.query, deployment, now=now)
        case "rule":
            return fill(gate.rule, deployment, now=now) or "any alert of the service"
        case _:
            return gate.kind


def _names(firing: Sequence[FiringAlert]) -> str:
    return ", ".join(sorted({one.name for one in firing}))


def _unripe(one: Measurement) -> Measurement:
    if one.verdict is Verdict.ERROR:
        return one
    return Measurement(
        one.gate,
        one.kind,
        one.query,
        one.value,
        one.threshold,
        one.samples,
        Verdict.INCONCLUSIVE,
        one.at,
        one.unit,
        "warming up",
    )
