"""Time intervals of a configuration.

Source of the rules: timeinterval of Alertmanager.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from alerting.routing import document
from alerting.routing.document import Section
from alerting.routing.intervals import LOCAL, NEVER, Range, TimeInterval
from alerting.rules.document import Node

WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_NAMED: Final = frozenset({"name", "time_intervals"})
_FIELDS: Final = frozenset({"times", "weekdays", "days_of_month", "months", "years", "location"})
_CLOCK: Final = re.compile(r"(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}")

Member = Callable[[str], int]


def parse_named(section: Section, node: Node) -> tuple[str, Node, tuple[TimeInterval, ...]]:
    """One name, where it stands, and its specifications."""
    given = document.fields(section, node, _NAMED, "time_interval")
    name = document.text(section, given.get("name"))
    if not name:
        section.complain(node, "missing name in time interval")
    specs = document.items(section.at("time_intervals"), given.get("time_intervals"), "time_interval")
    return name, given.get("name", node), tuple(_parse(part, item) for part, item in specs)


def _parse(section: Section, node: Node) -> TimeInterval:
    given = document.fields(section, node, _FIELDS, "time_interval")
    return TimeInterval(
        times=_ranges(section.at("times"), given.get("times"), _times),
        weekdays=_ranges(section.at("weekdays"), given.get("weekdays"), _weekdays),
        days=_ranges(section.at("days_of_month"), given.get("days_of_month"), _days),
        months=_ranges(section.at("months"), given.get("months"), _months),
        years=_ranges(section.at("years"), given.get("years"), _years),
        location=_location(section.at("location"), given),
    )


def _ranges(section: Section, node: Node | None, read: Callable[[Section, Node], Range]) -> tuple[Range, ...]:
    found = []
    for part, item in document.items(section, node, "range"):
        try:
            found.append(read(part, item))
        except ValueError as wrong:
            part.complain(item, str(wrong))
    # A list that is written and empty holds never.
    return tuple(found) if found or node is None else NEVER


def _times(section: Section, node: Node) -> Range:
    given = document.fields(section, node, {"start_time", "end_time"}, "time_range")
    start, end = (document.text(section, given.get(name)) for name in ("start_time", "end_time"))
    if not start or not end:
        raise ValueError("both start and end times must be provided")
    first, last = _minutes(start), _minutes(end)
    if first >= last:
        raise ValueError("start time cannot be equal or greater than end time")
    return first, last


def _minutes(clock: str) -> int:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise ValueError(f"couldn't parse timestamp {clock[:20]}, invalid format, write 09:30")
    hours, minutes = (found[1], found[2]) if found[1] else (found[3], found[4])
    return int(hours) * 60 + int(minutes)


def _weekdays(section: Section, node: Node) -> Range:
    first, last = _pair(section, node, _weekday)
    if first > last:
        raise ValueError("start day cannot be before end day")
    return first, last


def _weekday(word: str) -> int:
    if word not in WEEKDAYS:
        raise ValueError(f"{word[:20]} is not a valid weekday")
    return WEEKDAYS.index(word)


def _days(section: Section, node: Node) -> Range:
    first, last = _pair(section, node, _number)
    for day in (first, last):
        if day == 0 or not -31 <= day <= 31:
            raise ValueError(f"{day} is not a valid day of the month: out of range")
    if first < 0 < last:
        raise ValueError("end day must be negative if start day is negative")
    # The shortest month tells what is wrong in every month.
    if (28 + first if first < 0 else first) > (28 + last if last < 0 else last):
        raise ValueError(f"end day {last} is always before start day {first}")
    return first, last


def _months(section: Section, node: Node) -> Range:
    first, last = _pair(section, node, _month)
    if first > last:
        raise ValueError(f"end month {last} is before start month {first}")
    return first, last


def _month(word: str) -> int:
    if word in MONTHS:
        return MONTHS.index(word) + 1
    if _NUMBER.fullmatch(word):
        return int(word)
    raise ValueError(f"{word[:20]} is not a valid month")


def _years(section: Section, node: Node) -> Range:
    first, last = _pair(section, node, _number)
    if first > last:
        raise ValueError(f"end year {last} is before start year {first}")
    return first, last


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise ValueError(f"{word[:20]!r} is no number")
    return int(word)


def _pair(section: Section, node: Node, member: Member) -> Range:
    words = document.text(section, node).lower().split(":")
    if len(words) > 2:
        raise ValueError(f"couldn't parse range {':'.join(words)[:40]}, invalid format")
    return member(words[0]), member(words[-1])


def _location(section: Section, given: Mapping[str, Node]) -> str:
    name = document.text(section, given.get("location")) or "UTC"
    if name == LOCAL:
        return name
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        section.complain(given["location"], f"unknown time zone {name[:40]}")
    return name
