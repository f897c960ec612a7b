"""Time intervals: when a route is muted or active. Pure.

Source of the rules: timeinterval of Alertmanager.
"""

from dataclasses import dataclass
from datetime import datetime

Range = tuple[int, int]


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
        raise NotImplementedError
