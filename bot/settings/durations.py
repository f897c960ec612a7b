"""Durations and ratios as people write them: 30s, 1m30s, 2h, 1d; 5% or 0.05."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:\d+(?:ms|s|m|h|d|w))+")


def parse_duration(value: object) -> timedelta:
    """`value` as a timedelta. Raises ValueError with an example when it is not a duration."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise ValueError("has to be a duration such as 30s, 5m or 1h30m")
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value)))


def parse_number(value: object) -> float:
    """A number, or a percentage as its fraction. Raises ValueError."""
    if isinstance(value, str) and value.endswith("%"):
        return float(value[:-1]) / 100
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(  # noqa: TRY004  # pydantic reports ValueError only
            "has to be a number such as 0.05, or a percentage such as 5%"
        )
    return float(value)


def _lower_bound(value: Any) -> timedelta:
    duration = parse_duration(value)
    if duration <= timedelta(0):
        raise ValueError("has to be longer than nothing, such as 30s")
    return duration


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_lower_bound)]
Number = Annotated[float, BeforeValidator(parse_number)]
