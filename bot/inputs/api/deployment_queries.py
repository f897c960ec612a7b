"""What a deployment's pictures ask of the metrics server: its gates' queries and the service's figures. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import Figure, Version
from engine.deployments.deployment import Deployment
from engine.deployments.gates.templates import fill
from engine.strategy_specs import CompareSpec, GateSpec

MOST: Final = 12


@dataclass(frozen=True, slots=True)
class Query:
    """One picture: its name, each line's name with its PromQL, and the limit drawn in where there is one."""

    name: str
    asked: tuple[tuple[str, str], ...]
    unit: str = ""
    comparison: str = ""
    threshold: float | None = None


def queries_of(one: Deployment, figures: Sequence[Figure], *, window: timedelta, now: datetime) -> Sequence[Query]:
    """The pictures, gates first; a query that names the version is asked of the previous one as well.

    {window} becomes `window`: over time a window that grows with the deployment would mix what was long ago in.
    """
    asking = _Asking(one, window, now)
    gates = [query for gate in one.plan.strategy.gates for query in asking.of_gate(gate)]
    shown = [Query(each.name, asking.lines(each.query), each.unit) for each in figures]
    known = {query.asked for query in gates}
    return [*gates, *(query for query in shown if query.asked not in known)][:MOST]


@dataclass(frozen=True, slots=True)
class _Asking:
    deployment: Deployment
    window: timedelta
    now: datetime

    def of_gate(self, gate: GateSpec) -> Iterator[Query]:
        if gate.kind == "query":
            yield Query(gate.name, self.lines(gate.query), gate.unit, gate.comparison, gate.threshold)
        if gate.compare is not None:
            yield from self._of_comparison(gate.name, gate.compare)

    def _of_comparison(self, name: str, spec: CompareSpec) -> Iterator[Query]:
        yield Query(name, self.lines(f"({spec.errors}) / ({spec.requests})"), "ratio", "<=", spec.ceiling)
        if spec.latency:
            most = spec.latency_ceiling
            ceiling = most.total_seconds() if most else None
            yield Query(f"{name}, latency", self.lines(spec.latency), "seconds", "<=" if most else "", ceiling)

    def lines(self, text: str) -> tuple[tuple[str, str], ...]:
        """The query of the new version, and of the previous one where it asks about versions."""
        plan = self.deployment.plan
        both = plan.previous is not None and plan.previous != plan.version and "{version}" in text
        versions = [plan.version, *([plan.previous] if both and plan.previous else [])]
        return tuple((str(version) if "{version}" in text else "", self._filled(text, version)) for version in versions)

    def _filled(self, text: str, version: Version) -> str:
        return fill(text, self.deployment, now=self.now, version=version, window=self.window)
