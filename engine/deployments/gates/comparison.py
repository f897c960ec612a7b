"""Asks for what both versions answered, and has it weighed."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.catalog import Version
from engine.deployments.compare import Compared, Counts
from engine.deployments.deployment import Deployment, Measurement, Verdict
from engine.deployments.gates.answers import before_of, number, said
from engine.deployments.gates.templates import compared_window, fill
from engine.deployments.gates.weighing import Names, Sides, weigh
from engine.errors import PermanentFailure
from engine.ports import MetricQueries
from engine.strategy_specs import CompareSpec, GateSpec

# increase() extrapolates each series to the edges of its window, so two counts of the same requests differ a little.
_SLACK = 1.1


class _NoData(Exception):  # it is an answer, not a fault
    """The metrics server knows nothing of it. Says of what."""


async def compare(gate: GateSpec, deployment: Deployment, metrics: MetricQueries, *, now: datetime) -> Measurement:
    """What the comparison says now. Raises TemporaryFailure and PermanentFailure when it could not be asked."""
    spec = _spec(gate)
    stable = _stable(deployment)
    window = compared_window(deployment, now, beside=stable is not None)
    asking = _Asking(spec, deployment, metrics, window, now)
    query = asking.text(spec.errors, deployment.plan.version)
    last = before_of(gate, deployment)
    before = last.compared if last else None
    try:
        sides = await asking.sides(stable)
    except _NoData as none:
        return said(gate, now, Verdict.INCONCLUSIVE, query=query, note=str(none), compared=before)
    weighed = weigh(
        spec,
        sides,
        before,
        names=Names(deployment.plan.version, stable or ""),
        steps=sum(0 < step.weight < 100 for step in deployment.plan.strategy.steps),
        dwell_over=_dwell_over(deployment, before, now),
        now=now,
    )
    return said(
        gate,
        now,
        weighed.verdict,
        query=query,
        value=sides.new.ratio,
        samples=sides.new.requests,
        note=weighed.note,
        compared=weighed.compared,
    )


def _spec(gate: GateSpec) -> CompareSpec:
    if gate.compare is None:
        raise PermanentFailure(f"Gate {gate.name!r} does not say what to compare.", "Give it `errors` and `requests`.")
    return gate.compare


def _stable(deployment: Deployment) -> Version | None:
    """The version that has traffic beside the new one now."""
    return deployment.plan.previous if deployment.weight < 100 else None


def _dwell_over(deployment: Deployment, before: Compared | None, now: datetime) -> bool:
    """Whether the dwell, extended or not, has ended since the last look."""
    if deployment.step_left(now) > timedelta(0):
        return False
    looked = before.looked_at if before else None
    return looked is None or deployment.step_left(looked) > timedelta(0)


class _Asking:
    """The queries of one comparison at one time."""

    def __init__(
        self, spec: CompareSpec, deployment: Deployment, metrics: MetricQueries, window: timedelta, now: datetime
    ) -> None:
        self._spec = spec
        self._deployment = deployment
        self._metrics = metrics
        self._window = window
        self._now = now

    def text(self, template: str, version: Version) -> str:
        return fill(template, self._deployment, now=self._now, version=version, window=self._window)

    async def sides(self, stable: Version | None) -> Sides:
        new = self._deployment.plan.version
        return Sides(
            new=await self._counts(new),
            stable=await self._counts(stable) if stable else None,
            latency=await self._latency(new),
            stable_latency=await self._latency(stable) if stable else None,
        )

    async def _counts(self, version: Version) -> Counts:
        requests = await self._count("requests", self._spec.requests, version)
        errors = await self._count("errors", self._spec.errors, version)
        if errors > requests * _SLACK + 1:
            told = f"{version} has {errors} errors and {requests} requests."
            raise PermanentFailure(told, "Let `requests` count all that `errors` counts.")
        return Counts(min(errors, requests), requests)

    async def _count(self, what: str, template: str, version: Version) -> int:
        count = await self._number(template, version)
        if count is None:
            hint = "; end the query with `or vector(0)` if the first error makes the series" if what == "errors" else ""
            raise _NoData(f"no data on {what} of {version}{hint}")
        if count < 0:
            raise PermanentFailure(f"The {what} of {version} are {count:g}.", "Count with increase() over {window}.")
        return round(count)

    async def _latency(self, version: Version) -> float | None:
        return await self._number(self._spec.latency, version) if self._spec.latency else None

    async def _number(self, template: str, version: Version) -> float | None:
        return number(await self._metrics.instant(self.text(template, version), self._now))
