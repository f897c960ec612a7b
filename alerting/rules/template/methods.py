"""The methods that templates can call on moments and spans of time, months and weekdays.

Source of the rules: package time of Go. Those that need a location or give several results are left out.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from alerting.errors import TemplateError
from alerting.rules.template.signature import Function, Param
from alerting.rules.template.times import SECOND, Moment, Month, Span, Weekday
from alerting.rules.template.values import Long, Value

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_ONE: Final = 62_135_596_800 * SECOND  # from the zero time of Go to 1970


def _add_date(moment: Moment, years: int, months: int, days: int) -> Moment:
    """The calendar's date so many years, months and days on; the 31st of a short month is in the next."""
    at = moment.calendar
    month = at.month - 1 + months
    year = at.year + years + month // 12
    if not 2 <= year < 9999:
        raise TemplateError("the time is outside the years 2 to 9998")
    first = at.replace(year=year, month=month % 12 + 1, day=1)
    seconds = int((first - _EPOCH).total_seconds()) + (at.day - 1 + days) * 86_400
    return Moment(seconds * SECOND + moment.fraction)


def _rounded(size: int, unit: int) -> int:
    """To the nearest multiple of a unit, half away from zero."""
    return (abs(size) + unit // 2) // unit * unit * (-1 if size < 0 else 1) if unit > 0 else size


def _truncated(size: int, unit: int) -> int:
    return abs(size) // unit * unit * (-1 if size < 0 else 1) if unit > 0 else size


def _on_grid(moment: Moment, unit: int, *, nearest: bool) -> Moment:
    since = moment.ns + _YEAR_ONE
    if unit <= 0:
        return Moment(moment.ns)
    return Moment((since + (unit // 2 if nearest else 0)) // unit * unit - _YEAR_ONE)


def _iso_safe(moment: Moment) -> Value:
    return Weekday((moment.calendar.weekday() + 1) % 7)


_NEXT, _SPAN, _WHEN = (Param.INT, Param.INT, Param.INT), (Param.DURATION,), (Param.TIME,)
_MOMENT: Final[Mapping[str, Function]] = {
    "String": Function(str),
    "Format": Function(lambda at, layout: at.text(layout), (Param.STRING,)),
    "Unix": Function(lambda at: Long(at.ns // SECOND)),
    "UnixMilli": Function(lambda at: Long(at.ns // 1_000_000)),
    "UnixMicro": Function(lambda at: Long(at.ns // 1000)),
    "UnixNano": Function(lambda at: Long(at.ns)),
    "Year": Function(lambda at: at.calendar.year),
    "Month": Function(lambda at: Month(at.calendar.month)),
    "Day": Function(lambda at: at.calendar.day),
    "Hour": Function(lambda at: at.calendar.hour),
    "Minute": Function(lambda at: at.calendar.minute),
    "Second": Function(lambda at: at.calendar.second),
    "Nanosecond": Function(lambda at: at.fraction),
    "Weekday": Function(_iso_safe),
    "YearDay": Function(lambda at: at.calendar.timetuple().tm_yday),
    "UTC": Function(lambda at: Moment(at.ns)),
    "Add": Function(lambda at, span: Moment(at.ns + span.ns), _SPAN),
    "AddDate": Function(_add_date, _NEXT),
    "Sub": Function(lambda at, other: Span(max(-(2**63), min(2**63 - 1, at.ns - other.ns))), _WHEN),
    "After": Function(lambda at, other: at.ns > other.ns, _WHEN),
    "Before": Function(lambda at, other: at.ns < other.ns, _WHEN),
    "Equal": Function(lambda at, other: at.ns == other.ns, _WHEN),
    "Compare": Function(lambda at, other: (at.ns > other.ns) - (at.ns < other.ns), _WHEN),
    "IsZero": Function(lambda at: at.ns == -_YEAR_ONE),
    "Truncate": Function(lambda at, span: _on_grid(at, span.ns, nearest=False), _SPAN),
    "Round": Function(lambda at, span: _on_grid(at, span.ns, nearest=True), _SPAN),
}
_SPANS: Final[Mapping[str, Function]] = {
    "String": Function(str),
    "Hours": Function(lambda span: span.over(3600 * SECOND)),
    "Minutes": Function(lambda span: span.over(60 * SECOND)),
    "Seconds": Function(lambda span: span.over(SECOND)),
    "Milliseconds": Function(lambda span: Long(_truncated(span.ns, 1_000_000) // 1_000_000)),
    "Microseconds": Function(lambda span: Long(_truncated(span.ns, 1000) // 1000)),
    "Nanoseconds": Function(lambda span: Long(span.ns)),
    "Abs": Function(lambda span: Span(min(abs(span.ns), 2**63 - 1))),
    "Round": Function(lambda span, unit: Span(_rounded(span.ns, unit.ns)), _SPAN),
    "Truncate": Function(lambda span, unit: Span(_truncated(span.ns, unit.ns)), _SPAN),
}
METHODS: Final[Mapping[type, Mapping[str, Function]]] = {
    Moment: _MOMENT,
    Span: _SPANS,
    Month: {"String": Function(str)},
    Weekday: {"String": Function(str)},
}
