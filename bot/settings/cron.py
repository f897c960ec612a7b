"""Times by cron expressions, as crontab(5) means them. Pure.

APScheduler finds the times; what it reads another way than cron is put right here: its days of the week begin on
Monday, and it wants both the day of the month and the day of the week to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MINUTE: Final = timedelta(minutes=1)
_LEAP_YEAR: Final = datetime(2024, 1, 1, tzinfo=UTC)
_PROBES: Final = 181  # minutes: no clock is set back by more than three hours


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due. `hourly` schedules go by the time that passes, others by the clock on the wall."""

    trigger: Any
    zone: ZoneInfo
    hourly: bool

    def next_after(self, after: datetime) -> datetime | None:
        """The first slot later than `after`, None when there is none in the years to come.

        A time that the clock shows twice, as when summer time ends, is one slot; one that it skips comes an hour later.
        """
        probe = after + timedelta(microseconds=1)
        for _ in range(_PROBES):
            found = self.trigger.get_next_fire_time(None, probe.astimezone(self.zone))
            if found is None:
                return None
            at = found.astimezone(after.tzinfo)
            if at > after and (self.hourly or not at.astimezone(self.zone).fold):
                return datetime.fromtimestamp(at.timestamp(), after.tzinfo)
            probe = max(probe, at) + MINUTE
        return None


def parse_cron(text: str, zone: str) -> Cron:
    """The times of a cron expression. Raises ValueError with what is wrong with it."""
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"has {len(fields)} fields; write five: minute, hour, day of month, month, day of week")
    minute, hour, day, month, week = fields
    if "*" not in (day[:1], week[:1]):
        raise ValueError("says both a day of the month and a day of the week; say one, and * for the other")
    try:
        trigger = CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=_days(week), timezone=ZoneInfo(zone)
        )
    except ValueError as error:
        raise ValueError(f"can't be read: {error}") from error
    if trigger.get_next_fire_time(None, _LEAP_YEAR) is None:
        raise ValueError("never comes: no such month has such a day")
    return Cron(trigger, ZoneInfo(zone), hour.startswith("*"))


def _days(field: str) -> str:
    """The days of the week by name: cron counts from Sunday, and 7 is Sunday as well."""
    if field == "*":
        return field
    return ",".join(name for part in field.split(",") for name in _named(part))


def _named(part: str) -> list[str]:
    days, _, step = part.lower().partition("/")
    first, _, last = days.partition("-")
    if days == "*":
        first, last = "0", "6"
    begin = _number(first)
    end = _number(last) if last else (6 if step else begin)
    end = end + 7 if end < begin else end
    every = int(step) if step.isdecimal() and int(step) > 0 else 0 if step else 1
    if not every:
        raise ValueError(f"{part!r} is no step of days")
    return [DAYS[number % 7] for number in range(begin, end + 1, every)]


def _number(word: str) -> int:
    if word[:3] in DAYS:
        return DAYS.index(word[:3])
    if len(word) == 1 and word in "01234567":
        return int(word)
    raise ValueError(f"{word!r} is no day of the week")
