"""The sections of pilothouse.yaml that say who may deploy when, and how much at once."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from bot.settings.parts import Part, Title
from engine.permits.windows import DAY, DatedWindow, FreezeWindow, WeeklyWindow

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKLY: Final = re.compile(rf"({'|'.join(DAYS)}) ([01]\d|2[0-3]):([0-5]\d)")


def _moment(value: object) -> str:
    """A day of the week and a time, or a date with or without a time, in one form. Raises ValueError."""
    text = value.isoformat() if isinstance(value, date) else str(value).strip()  # YAML reads some dates itself
    if WEEKLY.fullmatch(text.lower()):
        return text.lower()
    try:
        return datetime.fromisoformat(text).isoformat(" ")
    except ValueError:
        raise ValueError("has to be a time of the week such as `fri 16:00`, or a date such as 2026-12-20") from None


Moment = Annotated[str, BeforeValidator(_moment)]


class FreezePart(Part):
    """When nothing is deployed: `from` and `to` are times of the week, or dates with or without a time."""

    name: Title
    from_: Moment = Field(alias="from")
    to: Moment
    timezone: str = "UTC"

    @property
    def weekly(self) -> bool:
        """Whether it comes every week."""
        return WEEKLY.fullmatch(self.from_) is not None


class DeploymentsPart(Part):
    """What holds for deployments to every environment."""

    max_concurrent: int | None = Field(default=None, ge=1, le=1000)


def freeze_fault(part: FreezePart) -> tuple[str, str] | None:
    """(field, what is wrong with it), None when nothing is; the zone is known to exist."""
    if part.weekly != (WEEKLY.fullmatch(part.to) is not None):
        return "to", "has to be of the same kind as `from`: both times of the week, or both dates"
    if part.from_ == part.to:
        return "to", "is the same as `from`, so nothing lies between"
    if not part.weekly and _dated(part.from_, part.timezone) > _dated(part.to, part.timezone):
        return "to", "is before `from`"
    return None


def to_window(part: FreezePart) -> FreezeWindow:
    """The window in the engine's words."""
    if part.weekly:
        return WeeklyWindow(part.name, _minute(part.from_), _minute(part.to), part.timezone)
    return DatedWindow(part.name, _dated(part.from_, part.timezone), _dated(part.to, part.timezone))


def _minute(moment: str) -> int:
    """Minutes since Monday 00:00."""
    day, _, time = moment.partition(" ")
    hour, _, minute = time.partition(":")
    return DAYS.index(day) * DAY + int(hour) * 60 + int(minute)


def _dated(moment: str, timezone: str) -> datetime:
    """A date without a time is its first moment; one without an offset is told by the clock of `timezone`."""
    at = datetime.fromisoformat(moment)
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
