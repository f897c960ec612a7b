"""Asks a deployment's gates and figures."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from engine.catalog import Figure
from engine.deployments.action import Observation
from engine.deployments.deployment import Deployment, Measurement, Verdict
from engine.deployments.gates.answers import asked, before_of, number, said, unripe
from engine.deployments.gates.comparison import compare
from engine.deployments.gates.hook import ask_hook
from engine.deployments.gates.templates import fill
from engine.deployments.judge import warm
from engine.deployments.words import render_number
from engine.errors import PermanentFailure, TemporaryFailure
from engine.hooks import HookCalls
from engine.ports import FiringAlert, FiringAlerts, InstanceHealth, MetricQueries
from engine.strategy_specs import Comparison, GateSpec

COMPARE: Final[Mapping[Comparison, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Gates:
    """Asks the metrics server, the alerts and the team's own checks on behalf of deployments. Keeps nothing."""

    def __init__(self, metrics: MetricQueries, alerts: FiringAlerts, hooks: HookCalls) -> None:
        self._metrics = metrics
        self._alerts = alerts
        self._hooks = hooks

    async def measure(self, deployment: Deployment, seen: Observation, *, now: datetime) -> tuple[Measurement, ...]:
        """One measurement of each gate that is asked now; those of the warm-up are inconclusive whatever they say."""
        async with asyncio.TaskGroup() as group:  # a hook that hangs holds up no other gate
            tasks = [
                group.create_task(self._ask(gate, deployment, seen, now), name=f"gate {gate.name}")
                for gate in deployment.gates_now
            ]
        taken = [task.result() for task in tasks]
        return tuple(taken if warm(deployment, now=now) else map(unripe, taken))

    async def figures(
        self, figures: Sequence[Figure], deployment: Deployment, *, now: datetime
    ) -> tuple[tuple[str, str], ...]:
        """Label and rendered number of each figure; a dash where there is none."""
        return tuple([(one.name, await self._figure(one, deployment, now)) for one in figures])

    async def _figure(self, figure: Figure, deployment: Deployment, now: datetime) -> str:
        try:
            value = number(await self._metrics.instant(fill(figure.query, deployment, now=now), now))
        except (TemporaryFailure, PermanentFailure):
            return "–"  # a figure decides nothing; the gates say when metrics are away
        return render_number(value, figure.unit)

    async def _ask(self, gate: GateSpec, deployment: Deployment, seen: Observation, now: datetime) -> Measurement:
        try:
            return await self._answer(gate, deployment, seen, now)
        except (TemporaryFailure, PermanentFailure) as failure:
            last = before_of(gate, deployment)
            wait = failure.retry_after if isinstance(failure, TemporaryFailure) else None
            return said(
                gate,
                now,
                Verdict.ERROR,
                query=asked(gate, deployment, now),
                note=str(failure),
                compared=last.compared if last else None,  # the looks taken stay taken
                ask_after=now + wait if wait and gate.kind == "hook" else None,
            )

    async def _answer(self, gate: GateSpec, deployment: Deployment, seen: Observation, now: datetime) -> Measurement:
        match gate.kind:
            case "query":
                return await self._query(gate, deployment, now)
            case "rule":
                return await self._rule(gate, deployment, now)
            case "health":
                return _health(gate, deployment, seen, now)
            case "comparison":
                return await compare(gate, deployment, self._metrics, now=now)
            case "hook":
                return await ask_hook(gate, deployment, self._hooks, now=now)
            case "approval":
                return said(gate, now, Verdict.INCONCLUSIVE, query="approval", note="people approve steps")

    async def _query(self, gate: GateSpec, deployment: Deployment, now: datetime) -> Measurement:
        query = asked(gate, deployment, now)
        value = number(await self._metrics.instant(query, now))
        samples = await self._samples(gate, deployment, now)
        if value is None:
            return said(gate, now, Verdict.INCONCLUSIVE, query=query, samples=samples, note="no data")
        if gate.minimum_samples and (samples or 0) < gate.minimum_samples:
            note = f"{samples or 0} of {gate.minimum_samples} samples"
            return said(gate, now, Verdict.INCONCLUSIVE, query=query, value=value, samples=samples, note=note)
        verdict = Verdict.PASS if COMPARE[gate.comparison](value, gate.threshold) else Verdict.FAIL
        return said(gate, now, verdict, query=query, value=value, samples=samples)

    async def _samples(self, gate: GateSpec, deployment: Deployment, now: datetime) -> int | None:
        if not gate.samples_query:
            return None
        count = number(await self._metrics.instant(fill(gate.samples_query, deployment, now=now), now))
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
        query = asked(gate, deployment, now)
        if firing:
            note = f"Alert {_names(firing)} is firing."
            return said(gate, now, Verdict.FAIL, query=query, value=firing[0].value, note=note)
        # Nothing fires under a rule that nobody evaluates either.
        evaluated = await self._alerts.evaluated_at(name)
        if evaluated is None or evaluated < (deployment.traffic_at or now):
            note = "not evaluated since the new version got traffic"
            return said(gate, now, Verdict.INCONCLUSIVE, query=query, note=note)
        return said(gate, now, Verdict.PASS, query=query, value=0.0)


def _health(gate: GateSpec, deployment: Deployment, seen: Observation, now: datetime) -> Measurement:
    own = [one for one in seen.instances if one.version == deployment.plan.version]
    ill = [one for one in own if one.health in {InstanceHealth.UNHEALTHY, InstanceHealth.DEAD}]
    starting = any(one.health is InstanceHealth.STARTING for one in own)
    verdict = Verdict.FAIL if ill else Verdict.INCONCLUSIVE if starting or not own else Verdict.PASS
    well = sum(one.health is InstanceHealth.HEALTHY for one in own)
    note = ", ".join(f"{one.id} is {one.health}" + (f" ({one.note})" if one.note else "") for one in ill)
    return said(gate, now, verdict, query="health", value=float(well), samples=len(own), note=note)


def _names(firing: Sequence[FiringAlert]) -> str:
    return ", ".join(sorted({one.name for one in firing}))
