"""What a comparison with the stable version comes to. Pure.

In this order: a ceiling that counts at any volume, the least that has to be there, then, at a look, Fisher's test with
a margin and the ratio of latencies. Between two looks the last one stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from engine.deployments.compare import Compared, Counts, chance_of, level, look_due
from engine.deployments.deployment import Verdict
from engine.deployments.words import render_number
from engine.strategy_specs import CompareSpec

CEILING_ERRORS: Final = 5  # fewer say nothing, however few the requests
SLOW_LOOKS: Final = 2  # a quantile of few requests jumps: one look that is too slow asks for another


@dataclass(frozen=True, slots=True)
class Sides:
    """What was counted. `stable` is None where nothing runs beside the new version; latencies in seconds."""

    new: Counts
    stable: Counts | None
    latency: float | None = None
    stable_latency: float | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """The versions, for people."""

    new: str
    stable: str = ""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The verdict with its reason, and what it stood on."""

    verdict: Verdict
    note: str
    compared: Compared


def weigh(
    spec: CompareSpec,
    sides: Sides,
    before: Compared | None,
    *,
    names: Names,
    steps: int,
    dwell_over: bool,
    now: datetime,
) -> Weighed:
    """The verdict on `sides`. `before` is what the last measurement of this step stood on.

    `steps` is how many share alpha; `dwell_over` says that the dwell ended since the last look.
    """
    old = before or Compared(sides.new)
    compared = replace(
        old, new=sides.new, stable=sides.stable, latency=sides.latency, stable_latency=sides.stable_latency
    )
    over = _over_ceiling(spec, sides, names)
    if over:
        return Weighed(Verdict.FAIL, over, compared)
    missing = _missing(spec, sides, names)
    if missing:
        return Weighed(Verdict.INCONCLUSIVE, missing, compared)
    if sides.stable is None:
        note = f"{_counted(names.new, sides.new)}; nothing runs beside it, so only the ceilings count"
        return Weighed(Verdict.PASS, note, compared)
    if not look_due(before, sides.new.requests, dwell_over=dwell_over):
        return _standing(compared, sides, sides.stable, names)
    return _looked(spec, sides, sides.stable, compared, names, steps, now)


def _over_ceiling(spec: CompareSpec, sides: Sides, names: Names) -> str:
    new, most = sides.new, spec.latency_ceiling
    if new.errors >= CEILING_ERRORS and new.ratio > spec.ceiling:
        return f"{_counted(names.new, new)}, more than the ceiling of {_percent(spec.ceiling)}."
    if most and sides.latency is not None and new.requests >= spec.minimum and sides.latency > most.total_seconds():
        ceiling = render_number(most.total_seconds(), "seconds")
        return f"{names.new} takes {_seconds(sides.latency)}, more than the ceiling of {ceiling}."
    return ""


def _missing(spec: CompareSpec, sides: Sides, names: Names) -> str:
    """What there is too little of to compare; empty when there is enough."""
    if sides.new.requests < spec.minimum:
        return f"{sides.new.requests} of {spec.minimum} requests of {names.new}"
    if sides.stable and sides.stable.requests < spec.minimum:
        return f"{sides.stable.requests} of {spec.minimum} requests of {names.stable}"
    if spec.latency and sides.latency is None:
        return f"no latency of {names.new}"
    if spec.latency and sides.stable and sides.stable_latency is None:
        return f"no latency of {names.stable}"
    return ""


def _looked(
    spec: CompareSpec, sides: Sides, stable: Counts, compared: Compared, names: Names, steps: int, now: datetime
) -> Weighed:
    look = compared.looks + 1
    chance, held = chance_of(sides.new, stable), level(spec.alpha, steps, look)
    after = replace(
        compared,
        chance=chance,
        level=held,
        looks=look,
        looked_at=now,
        looked_requests=sides.new.requests,
        slow=compared.slow + 1 if _slower(spec, sides) else 0,
    )
    if chance <= held and sides.new.ratio - stable.ratio > spec.margin:
        note = f"{_both(sides, stable, names)}: more than {_percent(spec.margin)} worse, {_chance(after)}."
        return Weighed(Verdict.FAIL, note, after)
    if after.slow >= SLOW_LOOKS:
        limit = f"more than {spec.latency_ratio:g} times as long at {after.slow} looks in a row"
        return Weighed(Verdict.FAIL, f"{_latencies(sides, names)}: {limit}.", after)
    return _standing(after, sides, stable, names)


def _standing(compared: Compared, sides: Sides, stable: Counts, names: Names) -> Weighed:
    if compared.slow:
        note = f"{_latencies(sides, names)}, too slow at the last look; another one decides"
        return Weighed(Verdict.INCONCLUSIVE, note, compared)
    return Weighed(Verdict.PASS, f"{_both(sides, stable, names)}, {_chance(compared)}", compared)


def _slower(spec: CompareSpec, sides: Sides) -> bool:
    if not spec.latency or sides.latency is None or sides.stable_latency is None:
        return False
    return sides.latency > spec.latency_ratio * sides.stable_latency


def _both(sides: Sides, stable: Counts, names: Names) -> str:
    return f"{_counted(names.new, sides.new)}, {_counted(names.stable, stable)}"


def _counted(name: str, counts: Counts) -> str:
    return f"{name} {_percent(counts.ratio)} errors ({counts.errors:,} of {counts.requests:,})"


def _latencies(sides: Sides, names: Names) -> str:
    return f"{names.new} takes {_seconds(sides.latency)}, {names.stable} {_seconds(sides.stable_latency)}"


def _chance(compared: Compared) -> str:
    return f"p = {compared.chance or 0.0:.2g}, limit {compared.level or 0.0:.2g}"


def _percent(ratio: float) -> str:
    return render_number(ratio, "ratio")


def _seconds(value: float | None) -> str:
    return render_number(value, "seconds")
