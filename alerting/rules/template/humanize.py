"""Numbers as people read them, and texts of times and durations as Prometheus reads them.

Source of the rules: template/template.go of Prometheus, helpers/templates and model/time.go of prometheus/common.
"""

import math
import re
from collections.abc import Sequence
from typing import Final

from alerting.errors import TemplateError
from alerting.rules.template.floats import float_text
from alerting.rules.template.literals import parse_float, quoted
from alerting.rules.template.times import SECOND, Moment, Span
from alerting.rules.template.values import Byte, Html, Value, go_type

_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_PIECE: Final = re.compile(r"([0-9]+)([^0-9]+)")
_UNITS: Final = {
    "y": (1, 365 * 86_400_000), "w": (2, 7 * 86_400_000), "d": (3, 86_400_000), "h": (4, 3_600_000),
    "m": (5, 60_000), "s": (6, 1000), "ms": (7, 1),
}  # fmt: skip
_WHOLE: Final = float(2**63)


def number(value: Value) -> float:
    """A number, or the number a text holds; raises TemplateError."""
    match value:
        case float():
            return value
        case bool() | Byte() | Html():
            raise TemplateError(f"can't convert {go_type(value)} to float")
        case int():
            return float(value)
        case str():
            return _parsed(value)
        case Span(pointer=False):
            return value.over(SECOND)
        case _:
            raise TemplateError(f"can't convert {go_type(value)} to float")


def _parsed(text: str) -> float:
    try:
        return parse_float(text)
    except ValueError as wrong:
        raise TemplateError(str(wrong)) from wrong


def _four(value: float) -> str:
    return float_text(value, "g", 4)


def _scaled(value: float, prefixes: Sequence[str], step: float) -> tuple[float, str]:
    prefix = ""
    for larger in prefixes:
        if abs(value) < step:
            break
        prefix, value = larger, value / step
    return value, prefix


def _raised(value: float) -> tuple[float, str]:
    prefix = ""
    for smaller in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = smaller, value * 1000
    return value, prefix


def humanize(value: Value) -> str:
    """A number with a metric prefix: `1.235M`, `12m`."""
    given = number(value)
    if given == 0 or not math.isfinite(given):
        return _four(given)
    scaled, prefix = _scaled(given, _LARGE, 1000) if abs(given) >= 1 else _raised(given)
    return _four(scaled) + prefix


def humanize1024(value: Value) -> str:
    """A number with a binary prefix: `1.5ki`."""
    given = number(value)
    if abs(given) <= 1 or not math.isfinite(given):
        return _four(given)
    scaled, prefix = _scaled(given, _BINARY, 1024)
    return _four(scaled) + prefix


def humanize_percentage(value: Value) -> str:
    """A ratio as a percentage: `12.5%`."""
    return f"{_four(number(value) * 100)}%"


def humanize_duration(value: Value) -> str:
    """Seconds as `1d 2h 3m 4s`, or with a metric prefix below one second."""
    seconds = number(value)
    if not math.isfinite(seconds):
        return _four(seconds)
    if seconds != 0 and abs(seconds) < 1:
        raised, prefix = _raised(seconds)
        return f"{_four(raised)}{prefix}s"
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    whole = _to_int64(size)
    if 0 <= whole < 60:
        return f"{sign}{_four(-0.0 if math.copysign(1, seconds) < 0 and not seconds else size)}s"
    days, hours, minutes = (_rest(whole, 86_400, 0), _rest(whole, 3600, 24), _rest(whole, 60, 60))
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (_rest(whole, 1, 60), "s")]
    first = next((at for at, (count, _) in enumerate(parts[:3]) if count), None)
    if first is None:
        return f"{sign}{_four(size)}s"
    return sign + " ".join(f"{count}{unit}" for count, unit in parts[first:])


def _to_int64(value: float) -> int:
    """As the usual processors convert: what does not fit is the smallest number there is."""
    return int(value) if math.isfinite(value) and -_WHOLE <= value < _WHOLE else -(2**63)


def _rest(whole: int, unit: int, most: int) -> int:
    """Units in a number of seconds, less those of the next greater unit; toward zero, as Go divides."""
    count = abs(whole) // unit
    return (count % most if most else count) * (-1 if whole < 0 else 1)


def humanize_timestamp(value: Value) -> str:
    """Unix seconds as Go writes a time in UTC: `2015-03-15 13:30:00.5 +0000 UTC`."""
    seconds = number(value)
    return str(to_time(seconds)) if math.isfinite(seconds) else _four(seconds)


def to_time(value: Value) -> Moment:
    """Unix seconds as a moment, exact to the millisecond."""
    seconds = number(value)
    if not math.isfinite(seconds):
        raise TemplateError("value is NaN or Inf")
    nanoseconds = seconds * 1e9
    if nanoseconds > _WHOLE or nanoseconds < -_WHOLE:
        told = float_text(seconds, "g", None)
        raise TemplateError(f"{told} cannot be represented as a nanoseconds timestamp since it overflows int64")
    whole = _to_int64(nanoseconds)
    milliseconds = abs(whole) // 1_000_000 * (-1 if whole < 0 else 1)
    return Moment(milliseconds * 1_000_000, pointer=True)


def to_duration(value: Value) -> Span:
    """Seconds as a span."""
    return Span(_to_int64(number(value) * 1e9), pointer=True)


def parse_duration(text: str) -> float:
    """Seconds of a text such as `1h30m` or `-5m`."""
    negative = text.startswith("-")
    milliseconds = _milliseconds(text[1:] if negative else text)
    return -milliseconds / 1000 if negative else milliseconds / 1000


def _milliseconds(text: str) -> int:
    if text == "0":
        return 0
    if not text:
        raise TemplateError("empty duration string")
    total, last, at = 0, 0, 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None or len(found[1]) > 20 or int(found[1]) >= 2**64:
            raise TemplateError(f"not a valid duration string: {quoted(text)}")
        if found[2] not in _UNITS:
            raise TemplateError(f"unknown unit {quoted(found[2])} in duration {quoted(text)}")
        order, worth = _UNITS[found[2]]
        if order <= last:
            raise TemplateError(f"not a valid duration string: {quoted(text)}")
        total += int(found[1]) * worth
        if total * 1_000_000 > 2**63 - 1:
            raise TemplateError("duration out of range")
        last, at = order, found.end()
    return total
