"""Freeze windows of the settings: the times at which nothing is deployed, weekly or once. Pure.

The idea is that of Alertmanager's time intervals; a window may cross midnight and the end of the week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = 24 * 60
WEEK: Final = 7 * DAY


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """From `starts` to `ends`, each in minutes since Monday 00:00 on the clock of `timezone`, every week.

    An end before its start is in the week after.
    """

    name: str
    starts: int
    ends: int
    timezone: str = "UTC"

    def until(self, at: datetime) -> datetime | None:
        """When the window that holds at `at` (aware) ends, in UTC; None when none does."""
        there = at.astimezone(ZoneInfo(self.timezone))
        minute = there.weekday() * DAY + there.hour * 60 + there.minute
        if (minute - self.starts) % WEEK >= self._length:
            return None
        midnight = there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        days, rest = divmod(there.weekday() * DAY + there.hour * 60 + there.minute + self._left(minute), DAY)
        # By the calendar, not by hours that pass: an hour may be put on or back meanwhile.
        end = (midnight + timedelta(days=days - there.weekday())).replace(hour=rest // 60, minute=rest % 60)
        return end.astimezone(UTC)

    @property
    def _length(self) -> int:
        return (self.ends - self.starts) % WEEK or WEEK

    def _left(self, minute: int) -> int:
        return self._length - (minute - self.starts) % WEEK


@dataclass(frozen=True, slots=True)
class DatedWindow:
    """Once, from `starts` to `ends` (aware, UTC)."""

    name: str
    starts: datetime
    ends: datetime

    def until(self, at: datetime) -> datetime | None:
        """When the window ends, if it holds at `at` (aware)."""
        return self.ends if self.starts <= at < self.ends else None


FreezeWindow = WeeklyWindow | DatedWindow
