"""Time intervals: when a route is muted or active. Pure.

Source of the rules: timeinterval of Alertmanager and its documentation.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

Range = tuple[int, int]
NEVER: Final[tuple[Range, ...]] = ((1, 0),)
"""The part of a specification that is written as an empty list: no moment is within."""
LOCAL: Final = "Local"
"""The zone of the machine."""


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """One specification: all of its parts must hold; an empty part holds always.

    `times` are minutes of the day as [start, end); `weekdays` 0 (Sunday) to 6, `days` of the month -31 to 31,
    `months` 1 to 12 and `years` are closed ranges. `location` is an IANA zone.
    """

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    location: str = "UTC"

    def contains(self, at: datetime) -> bool:
        """Whether the moment (aware) lies within."""
        there = at.astimezone(None if self.location == LOCAL else ZoneInfo(self.location))
        minute = there.hour * 60 + there.minute
        return (
            (not self.times or any(start <= minute < end for start, end in self.times))
            and _within(self.weekdays, there.isoweekday() % 7)
            and _within(self.months, there.month)
            and _within(self.years, there.year)
            and _on_day(self.days, there)
        )


def holding(names: Iterable[str], intervals: Mapping[str, tuple[TimeInterval, ...]], at: datetime) -> tuple[str, ...]:
    """Those of the named intervals that contain the moment (aware)."""
    return tuple(name for name in names if any(one.contains(at) for one in intervals[name]))


def _within(ranges: tuple[Range, ...], number: int) -> bool:
    return not ranges or any(first <= number <= last for first, last in ranges)


def _on_day(ranges: tuple[Range, ...], there: datetime) -> bool:
    if not ranges:
        return True
    length = monthrange(there.year, there.month)[1]
    return any(_from_start(first, length) <= there.day <= _from_start(last, length) for first, last in ranges)


def _from_start(day: int, length: int) -> int:
    """The day of the month; negative ones count from its end, and may lie before its start."""
    return length + day + 1 if day < 0 else day
