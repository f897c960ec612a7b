"""Numbers as people read them: ratios with their counts, seconds, bars. Pure."""

from __future__ import annotations

import math

from bot.views.blocks import cut, plain
from engine.deployments.deployment import Measurement, Verdict

FULL, EMPTY = "▰", "▱"
MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "…", Verdict.ERROR: "!"}


def number(value: float | None, unit: str) -> str:
    """`0.8 %`, `250 ms`, `1.2 s`, `1,234`; `no data` for nothing."""
    if value is None or math.isnan(value):
        return "no data"
    if unit == "ratio":
        return f"{value * 100:.3g} %"
    if unit == "seconds":
        return f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    if abs(value) < 1000:
        return f"{value:.4g}"
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"


def bar(percent: int, *, width: int = 10) -> str:
    """Ten squares, filled from the left; never full before 100 and never empty after 0."""
    filled = min(width, percent * width // 100)
    if percent > 0 and filled == 0:
        filled = 1
    return FULL * filled + EMPTY * (width - filled)


def measured(one: Measurement) -> str:
    """`✓ pass · error ratio 0.8 % · needs < 5 % · n=250`; the word stands beside the mark, never the mark alone."""
    parts = [f"{MARKS[one.verdict]} {one.verdict.value}", f"*{plain(cut(one.gate, 60))}*{_value(one)}"]
    parts += [f"needs {plain(cut(one.threshold, 60))}"] if one.threshold else []
    parts += [_count(one)] if one.samples is not None else []
    parts += [plain(cut(one.note, 300))] if one.note else []
    return " · ".join(parts)


def _value(one: Measurement) -> str:
    # A note says why there is no value better than "no data" does.
    unknown = one.value is None and one.note
    return f" {number(one.value, one.unit)}" if one.kind in {"query", "comparison"} and not unknown else ""


def _count(one: Measurement) -> str:
    if one.kind == "health":
        return f"{one.samples} instance" if one.samples == 1 else f"{one.samples:,} instances"
    return f"n={one.samples:,}"
