"""Who is on call when. Pure.

A rotation is a line of handoffs on the clock of one time zone; between two handoffs the shift belongs to one person, in
turn. `daily` and `weekly` hand over at the same local time all year, so the shifts around a change of the clocks are an
hour shorter or longer. A timedelta is elapsed time: its handoffs move on the local clock when the clocks change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import islice, pairwise
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerting.incidents.incident import PersonId

Length: TypeAlias = timedelta | Literal["daily", "weekly"]

_DAYS: Final = {"daily": 1, "weekly": 7}
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_DAY: Final = timedelta(days=1)
_INSTANT: Final = timedelta(microseconds=1)
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Override:
    """`person` is on call from `since` until `until` in place of whoever the rotation names."""

    person: PersonId
    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "since", _in_utc(self.since))
        object.__setattr__(self, "until", _in_utc(self.until))
        if self.since >= self.until:
            raise ValueError(f"The override of {self.person} ends before it starts; swap since and until")

    def covers(self, at: datetime) -> bool:
        """Whether `at` lies in it; the end does not."""
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class Shift:
    """`person` is on call from `since` (included) until `until` (not included), both in UTC."""

    person: PersonId
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Rotation:
    """People taking turns of `length`.

    The first handoff is the first local `handoff` ("HH:MM") at or after `starts_at`; the first person is on call from
    `starts_at` already. Without `handoff` it is `starts_at` itself. Of overlapping overrides the later one in the tuple
    counts. Raises ValueError when the pieces do not fit together.
    """

    name: str
    people: tuple[PersonId, ...]
    starts_at: datetime
    length: Length = "weekly"
    handoff: str | None = None
    timezone: str = "UTC"
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts_at", _in_utc(self.starts_at))
        if not self.people:
            raise ValueError(f"Rotation {self.name} has no people; name at least one")
        if self.handoff is not None and not _CLOCK.fullmatch(self.handoff):
            raise ValueError(f"Rotation {self.name} hands over at {self.handoff}; write it as 09:00")
        _check_length(self.name, self.length)
        _check_zone(self.name, self.timezone)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone whose clock the handoffs follow."""
        return ZoneInfo(self.timezone)

    @cached_property
    def first_handoff(self) -> datetime:
        """When shift 0 properly begins, in local time."""
        start = self.starts_at.astimezone(self.zone)
        if self.handoff is None:
            return start
        that_day = datetime.combine(start.date(), time.fromisoformat(self.handoff), self.zone)
        return that_day if _utc(that_day) >= self.starts_at else that_day + _DAY

    def boundary(self, number: int) -> datetime:
        """When shift `number` begins, in UTC."""
        if isinstance(self.length, timedelta):
            return _utc(self.first_handoff) + number * self.length
        # Adding days to a local time keeps the clock on the wall; only then the zone's offset of that day applies.
        return _utc(self.first_handoff + number * _DAYS[self.length] * _DAY)


def on_call(rotation: Rotation, at: datetime) -> Shift | None:
    """Return the shift at this time; None before the rotation starts, unless an override covers it."""
    at = _in_utc(at)
    owner = _owner(rotation, at)
    if owner is None:
        return None
    since, until = _span(rotation, at, owner)
    return Shift(_person(rotation, owner), since, until)


def shifts(rotation: Rotation, from_: datetime, until: datetime) -> Iterator[Shift]:
    """Yield every shift that touches [from_, until), in order; the first and last are not cut at the edges."""
    at = _in_utc(from_)
    while at < until:
        shift = on_call(rotation, at)
        if shift is not None:
            yield shift
        at = shift.until if shift else _first_after(rotation, at)


def next_on_call(rotation: Rotation, at: datetime) -> PersonId | None:
    """Return the next person who is another than the one on call now, the same when there is no other."""
    now = on_call(rotation, at)
    if now is None:
        return None
    coming = islice(shifts(rotation, now.until, _FOREVER), len(rotation.people) + 2 * len(rotation.overrides))
    return next((shift.person for shift in coming if shift.person != now.person), now.person)


Owner: TypeAlias = tuple[Literal["override", "turn"], int]


def _owner(rotation: Rotation, at: datetime) -> Owner | None:
    """Return whose time it is: that of an override, or that of a turn of the rotation."""
    for number in reversed(range(len(rotation.overrides))):
        if rotation.overrides[number].covers(at):
            return "override", number
    return ("turn", _turn(rotation, at)) if at >= rotation.starts_at else None


def _person(rotation: Rotation, owner: Owner) -> PersonId:
    kind, number = owner
    if kind == "override":
        return rotation.overrides[number].person
    return rotation.people[number % len(rotation.people)]


def _turn(rotation: Rotation, at: datetime) -> int:
    """Return the number of the rotation's own shift at this time; what is before the first handoff belongs to it."""
    length = rotation.length if isinstance(rotation.length, timedelta) else _DAYS[rotation.length] * _DAY
    number = (at - _utc(rotation.first_handoff)) // length
    # Changes of the clocks put the estimate off by one at most.
    while rotation.boundary(number + 1) <= at:
        number += 1
    while rotation.boundary(number) > at:
        number -= 1
    return max(0, number)


def _span(rotation: Rotation, at: datetime, owner: Owner) -> tuple[datetime, datetime]:
    """Return the longest time around `at` that has this one owner."""
    low, high = _bounds(rotation, owner)
    edges = {edge for override in rotation.overrides for edge in (override.since, override.until) if low < edge < high}
    cuts = [edge for edge in sorted(edges) if _owner(rotation, edge - _INSTANT) != _owner(rotation, edge)]
    return next((since, until) for since, until in pairwise([low, *cuts, high]) if since <= at < until)


def _bounds(rotation: Rotation, owner: Owner) -> tuple[datetime, datetime]:
    kind, number = owner
    if kind == "override":
        return rotation.overrides[number].since, rotation.overrides[number].until
    since = rotation.starts_at if number == 0 else rotation.boundary(number)
    return since, rotation.boundary(number + 1)


def _first_after(rotation: Rotation, at: datetime) -> datetime:
    """Return when somebody is on call next, given that nobody is at `at`."""
    return min(edge for edge in (rotation.starts_at, *(one.since for one in rotation.overrides)) if edge > at)


def _utc(local: datetime) -> datetime:
    """Comparing or subtracting local times of one zone ignores its offsets: go through UTC."""
    return local.astimezone(UTC)


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; give one, for example {at.isoformat()}Z")
    return _utc(at)


def _check_length(name: str, length: Length) -> None:
    if isinstance(length, timedelta):
        if length <= timedelta(0):
            raise ValueError(f"Rotation {name} has a length of {length}; it must be above zero")
    elif length not in _DAYS:
        raise ValueError(f"Rotation {name} has the length {length}; use daily, weekly or a duration")


def _check_zone(name: str, zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"Rotation {name} has the unknown time zone {zone}; use a name such as Europe/Berlin"
        ) from error
