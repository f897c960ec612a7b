"""Go's moments and spans of time, with the methods that templates can call on them.

Source of the rules: package time of Go. Times are in UTC, as Prometheus hands them to templates.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from alerting.errors import TemplateError

SECOND: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = (int((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) for year in (2, 9999))
_UNITS: Final = (("h", 3600 * SECOND), ("m", 60 * SECOND))
_LAYOUT: Final = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07"
    r"|002|01|02|03|04|05|06|15|_2006|__2|_2|PM|pm|[.,]0+(?![0-9])|[.,]9+(?![0-9])|[1-5]"
)


class Month(int):
    """A month of the year, from 1."""

    go_type: ClassVar[str] = "time.Month"

    def __str__(self) -> str:
        return f"{datetime(2000, int(self), 1, tzinfo=UTC):%B}" if 1 <= self <= 12 else f"%!Month({int(self)})"


class Weekday(int):
    """A day of the week, Sunday being 0."""

    go_type: ClassVar[str] = "time.Weekday"

    def __str__(self) -> str:
        return f"{datetime(2000, 1, 2 + int(self), tzinfo=UTC):%A}" if 0 <= self <= 6 else f"%!Weekday({int(self)})"


@dataclass(frozen=True, slots=True)
class Span:
    """A time.Duration of `ns` nanoseconds, or a pointer to one."""

    ns: int
    pointer: bool = False

    @property
    def go_type(self) -> str:
        """Its type in Go."""
        return "*time.Duration" if self.pointer else "time.Duration"

    def __str__(self) -> str:
        """As Go writes it: `1h0m0.5s`, `1.5ms`."""
        size, sign = abs(self.ns), "-" if self.ns < 0 else ""
        if size < SECOND:
            return sign + _small(size)
        text = ""
        for unit, worth in _UNITS:
            if text or size >= worth:
                text += f"{size // worth}{unit}"
            size %= worth
        return f"{sign}{text}{_decimal(size, SECOND)}s"

    def over(self, unit: int) -> float:
        """How many units of so many nanoseconds it is."""
        whole, rest = divmod(abs(self.ns), unit)
        return math.copysign(whole + rest / unit, self.ns) if self.ns else 0.0


def _small(size: int) -> str:
    for unit, worth in (("ms", 1_000_000), ("µs", 1000)):
        if size >= worth:
            return _decimal(size, worth) + unit
    return f"{size}ns" if size else "0s"


def _decimal(size: int, worth: int) -> str:
    whole, rest = divmod(size, worth)
    digits = str(rest).rjust(len(str(worth)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time.Time `ns` nanoseconds after 1970, or a pointer to one."""

    ns: int
    pointer: bool = False

    @property
    def go_type(self) -> str:
        """Its type in Go."""
        return "*time.Time" if self.pointer else "time.Time"

    @property
    def calendar(self) -> datetime:
        """Its date and time without the fraction of the second; raises TemplateError beyond the years 2 to 9998."""
        seconds = self.ns // SECOND
        if not _FIRST <= seconds < _LAST:
            raise TemplateError("the time is outside the years 2 to 9998")
        return _EPOCH + timedelta(seconds=seconds)

    @property
    def fraction(self) -> int:
        """Nanoseconds within its second."""
        return self.ns % SECOND

    def __str__(self) -> str:
        """As Go writes it: `2015-03-15 13:30:00.5 +0000 UTC`."""
        return self.text("2006-01-02 15:04:05.999999999 -0700 MST")

    def text(self, layout: str) -> str:
        """Its text in a layout, which shows how Go would write the second of January 2006."""
        calendar = self.calendar
        return _LAYOUT.sub(lambda found: self._piece(calendar, found[0]), layout)

    def _piece(self, at: datetime, piece: str) -> str:
        if piece[0] in ".," and piece[-1] in "09":
            return self._fraction_text(piece)
        if piece.startswith("_2006"):
            return f"_{at.year:04d}"
        if piece in _ZONES:
            return _ZONES[piece]
        return _pieces(at).get(piece, piece)

    def _fraction_text(self, piece: str) -> str:
        digits = f"{self.fraction:09d}"[: len(piece) - 1].ljust(len(piece) - 1, "0")
        if piece[1] == "9":
            digits = digits.rstrip("0")
        return piece[0] + digits if digits else ""


_ZONES: Final = {
    "MST": "UTC", "Z07:00:00": "Z", "Z070000": "Z", "Z07:00": "Z", "Z0700": "Z", "Z07": "Z",
    "-07:00:00": "+00:00:00", "-070000": "+000000", "-07:00": "+00:00", "-0700": "+0000", "-07": "+00",
}  # fmt: skip


def _pieces(at: datetime) -> dict[str, str]:
    hour = at.hour % 12 or 12
    day_of_year = at.timetuple().tm_yday
    return {
        "January": f"{at:%B}", "Jan": f"{at:%b}", "1": str(at.month), "01": f"{at.month:02d}",
        "Monday": f"{at:%A}", "Mon": f"{at:%a}", "2": str(at.day), "02": f"{at.day:02d}", "_2": f"{at.day:2d}",
        "002": f"{day_of_year:03d}", "__2": f"{day_of_year:3d}", "2006": f"{at.year:04d}", "06": f"{at.year % 100:02d}",
        "15": f"{at.hour:02d}", "3": str(hour), "03": f"{hour:02d}", "4": str(at.minute), "04": f"{at.minute:02d}",
        "5": str(at.second), "05": f"{at.second:02d}", "PM": "PM" if at.hour >= 12 else "AM",
        "pm": "pm" if at.hour >= 12 else "am",
    }  # fmt: skip
