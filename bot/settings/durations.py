"""Durations and ratios as people write them: 30s, 1m30s, 2h, 1d; 5% or 0.05."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"([0-9]{1,12})(ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:[0-9]{1,12}(?:ms|s|m|h|d|w))+")
_LONGEST = timedelta(days=366)


def parse_duration(value: object) -> timedelta:
    """`value` as a timedelta. Raises ValueError with an example when it is not a duration."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise ValueError("has to be a duration such as 30s, 5m or 1h30m")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    if seconds > _LONGEST.total_seconds():
        raise ValueError("is longer than a year; write a duration such as 30s, 5m or 1h30m")
    return timedelta(seconds=seconds)


def parse_number(value: object) -> float:
    """A finite number, or a percentage as its fraction. Raises ValueError."""
    number = _number(value)
    if number is None or not math.isfinite(number):
        raise ValueError("has to be a number such as 0.05, or a percentage such as 5%")
    return number


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        if isinstance(value, str):
            return float(value[:-1]) / 100 if value.endswith("%") else None
        return float(value)
    except (ValueError, OverflowError):
        return None


def _lower_bound(value: Any) -> timedelta:
    duration = parse_duration(value)
    if duration <= timedelta(0):
        raise ValueError("has to be longer than nothing, such as 30s")
    return duration


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_lower_bound)]
Number = Annotated[float, BeforeValidator(parse_number)]
