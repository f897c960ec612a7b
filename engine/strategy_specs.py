"""How a version replaces another and what must hold meanwhile, as the settings say it. Frozen and free of I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Comparison = Literal["<", "<=", ">", ">="]
GateKind = Literal["rule", "query", "health", "approval", "comparison", "hook"]
GateTime = Literal["always", "before", "after"]


@dataclass(frozen=True, slots=True)
class CompareSpec:
    """How the new version is compared with the stable one beside it.

    `errors`, `requests` (counts in {window}) and `latency` (a quantile in seconds) are PromQL, asked once with the new
    and once with the previous version as {version}. `minimum` requests of each are needed. `alpha` is the chance that
    a version just as good is given up, over the whole deployment. `margin` and `ceiling` are error ratios: what may
    come on top of the stable version's, and what is too much at any volume. `latency_ratio` is new to stable.
    """

    errors: str
    requests: str
    latency: str = ""
    minimum: int = 100
    alpha: float = 0.05
    margin: float = 0.005
    ceiling: float = 0.2
    latency_ratio: float = 1.5
    latency_ceiling: timedelta | None = None


@dataclass(frozen=True, slots=True)
class HookSpec:
    """A check of somebody else, asked by a POST to `url`. `secret` names the variable that holds the signing secret."""

    url: str
    secret: str = ""
    timeout: timedelta = timedelta(seconds=5)


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
    compare: CompareSpec | None = None
    hook: HookSpec | None = None


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """Send `weight` percent to the new version, then stay for `dwell`; `approval` waits for a person before it.

    A weight of 0 is a preview: the new version runs whole and gets no requests but those that name it.
    """

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
    """How a version replaces another. `kind` names one of the strategies there are.

    Canary uses `steps`, rolling `max_surge` and `max_unavailable`. Blue-green is watched for `dwell` before and after
    its switch, and `approval` waits for a person before it; rolling and recreate are watched for `dwell` as well.
    Blue-green and canary keep the old version for `keep_old` after the new one first got requests, so that going back
    is one switch.
    """

    name: str
    kind: str
    steps: tuple[CanaryStep, ...] = ()
    gates: tuple[GateSpec, ...] = ()
    max_surge: int = 1
    max_unavailable: int = 0
    warm_up: timedelta = timedelta(seconds=0)
    progress_deadline: timedelta = timedelta(minutes=10)
    approval: bool = False
    dwell: timedelta = timedelta(seconds=0)
    keep_old: timedelta = timedelta(seconds=0)
    pin: Pin | None = None
