"""Compares what was expected with what came, and tells the difference in promtool's form. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from alerting.metrics.duration import format_duration
from alerting.metrics.port import Sample
from alerting.rules.unit_tests.case import AlertCase, ExpectedAlert, ExpressionCase

_ESCAPES: Final = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}
Pairs = tuple[tuple[str, str], ...]


def alerts_differ(case: AlertCase, got: Iterable[ExpectedAlert], name: str) -> str | None:
    """How the alerts that fire differ from those expected; None when they do not."""
    expected, found = _sorted(case.expected), _sorted(got)
    if expected == found:
        return None
    in_test = "" if name.startswith("unnamed#") else f"    name: {name},\n"
    return (
        f"{in_test}    alertname: {case.alertname}, time: {format_duration(case.eval_time)}, \n"
        f"        exp:{_alerts(expected)}, \n        got:{_alerts(found)}"
    )


def _sorted(alerts: Iterable[ExpectedAlert]) -> list[tuple[Pairs, Pairs]]:
    return sorted((_pairs(alert.labels), _pairs(alert.annotations)) for alert in alerts)


def _pairs(labels: Mapping[str, str]) -> Pairs:
    return tuple(sorted(labels.items()))


def _alerts(alerts: Sequence[tuple[Pairs, Pairs]]) -> str:
    if not alerts:
        return "[]"
    pad = " " * 12
    shown = [
        f"{pad}{number}:\n{pad}  Labels:{_braces(labels)}\n{pad}  Annotations:{_braces(annotations)}"
        for number, (labels, annotations) in enumerate(alerts)
    ]
    return "[\n" + ",\n".join(shown) + f"\n{pad}]"


def samples_differ(case: ExpressionCase, got: Iterable[Sample], *, fuzzy: bool) -> str | None:
    """How the result of an expression differs from the one expected; None when it does not.

    As for promtool NaN equals nothing; `fuzzy` lets the last bit differ.
    """
    expected = sorted(((_pairs(one.labels), one.value) for one in case.expected), key=lambda pair: pair[0])
    found = sorted(((_pairs(one.labels), one.value) for one in got), key=lambda pair: pair[0])
    if len(expected) == len(found) and all(
        left == right and _equal(value, other, fuzzy=fuzzy)
        for (left, value), (right, other) in zip(expected, found, strict=True)
    ):
        return None
    return f"{_expression(case)},\n        exp: {_samples(expected)}\n        got: {_samples(found)}"


def expression_failed(case: ExpressionCase, reason: str) -> str:
    """That an expression could not be computed."""
    return f"{_expression(case)}, err: {reason}"


def rule_failed(name: str, since: timedelta, reason: str) -> str:
    """That a rule could not be evaluated `since` the epoch."""
    return f"    rule: {name}, time: {_in_go(since)}, err: {reason}"


def _in_go(duration: timedelta) -> str:
    """As Go writes durations: `1h0m0s`, `1m30.5s`, `500ms`."""
    milliseconds = round(abs(duration) / timedelta(milliseconds=1))
    sign = "-" if duration < timedelta(0) else ""
    if 0 < milliseconds < 1000:
        return f"{sign}{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest / 1000:g}s"
    if not minutes:
        return f"{sign}{seconds}"
    return f"{sign}{minutes // 60}h{minutes % 60}m{seconds}" if minutes >= 60 else f"{sign}{minutes}m{seconds}"


def _expression(case: ExpressionCase) -> str:
    return f"    expr: {_quoted(case.expr)}, time: {format_duration(case.eval_time)}"


def _equal(left: float, right: float, *, fuzzy: bool) -> bool:
    if left == right:
        return True
    return fuzzy and right in {math.nextafter(left, -math.inf), math.nextafter(left, math.inf)}


def _samples(samples: Sequence[tuple[Pairs, float]]) -> str:
    return ", ".join(f"{_braces(labels)} {_number(value)}" for labels, value in samples) or "nil"


def _braces(labels: Pairs) -> str:
    return "{" + ", ".join(f"{_label(name)}={_quoted(value)}" for name, value in labels) + "}"


def _label(name: str) -> str:
    return name if name.isascii() and name.isidentifier() else _quoted(name)


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


def _number(value: float) -> str:
    """The shortest digits that mean this number, with an exponent, as Go's format `E` writes them."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    shown = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) - 1 + int(exponent) if value else 0
    fraction = f".{shown[1:]}" if len(shown) > 1 else ""
    return f"{'-' if sign else ''}{shown[0]}{fraction}E{'-' if power < 0 else '+'}{abs(power):02d}"
