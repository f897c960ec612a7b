"""How a version replaces another and what must hold meanwhile, as the settings say it. Frozen and free of I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Comparison = Literal["<", "<=", ">", ">="]
GateKind = Literal["rule", "query", "health", "approval"]
StrategyKind = Literal["canary", "rolling", "blue-green", "recreate"]
GateTime = Literal["always", "before", "after"]


@dataclass(frozen=True, slots=True)
class GateSpec:
    """One condition a step must meet. `query` and `rule` may use {service}, {environment}, {version}, {window}.

    A query gate passes while `value comparison threshold` holds; `minimum` is the PromQL count below which the
    verdict is inconclusive. A `when` of before or after asks only before or after the switch of a blue-green.
    """

    name: str
    kind: GateKind
    query: str = ""
    comparison: Comparison = "<"
    threshold: float = 0.0
    unit: Literal["", "ratio", "seconds"] = ""
    rule: str = ""
    samples_query: str = ""
    minimum_samples: int = 0
    when: GateTime = "always"


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """Send `weight` percent to the new version, then stay for `dwell`; `approval` waits for a person before it."""

    weight: int
    dwell: timedelta
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Pin:
    """Requests that carry this header or cookie go to the new version, whatever the weights, where a router can."""

    kind: Literal["header", "cookie"]
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """How a version replaces another.

    Canary uses `steps`; rolling uses `max_surge` and `max_unavailable`; blue-green keeps the old version for
    `keep_old` after the switch, and `approval` waits for a person before it.
    """

    name: str
    kind: StrategyKind
    steps: tuple[CanaryStep, ...] = ()
    gates: tuple[GateSpec, ...] = ()
    max_surge: int = 1
    max_unavailable: int = 0
    warm_up: timedelta = timedelta(seconds=0)
    progress_deadline: timedelta = timedelta(minutes=10)
    approval: bool = False
    keep_old: timedelta = timedelta(seconds=0)
    pin: Pin | None = None
