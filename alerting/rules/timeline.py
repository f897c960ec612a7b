"""What state a rule and its series were in over a day, from the moves that were written down. Pure.

A day is a UTC day, and the book of one day says everything about it: what went on over midnight is opened anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from alerting.rules.state import Alert, State
from alerting.rules.status import RuleStatus
from storage.codec import JSON

MOST_SERIES: Final = 30
MOST_MOVES: Final = 2000
GAP: Final = timedelta(minutes=2)  # without any evaluation, after which nobody knows

Move = tuple[int, str]  # the second of the day, and the state from then on
Span = tuple[datetime, datetime]


class Line(StrEnum):
    """What is drawn. ERROR: it could not be evaluated; UNKNOWN: nobody evaluated anything."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    ERROR = "error"
    UNKNOWN = "unknown"


_SIGN: Final = {Line.INACTIVE: "i", Line.PENDING: "p", Line.FIRING: "f", Line.ERROR: "e"}
_LINE: Final = {sign: line for line, sign in _SIGN.items()}


@dataclass(frozen=True, slots=True)
class Segment:
    """One state from `start` to `end`."""

    state: Line
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """The segments of one series, without gaps."""

    labels: Mapping[str, str]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class RuleDay:
    """A rule from `start` to `end`: its own line (the worst of its series), and theirs.

    `more_series` is how many had no place; after `cut` the changes of a day were too many to keep.
    """

    start: datetime
    end: datetime
    rule: tuple[Segment, ...]
    series: tuple[SeriesLine, ...]
    more_series: int = 0
    cut: datetime | None = None


@dataclass(slots=True)
class Track:
    """The moves of one series."""

    labels: Mapping[str, str]
    moves: list[Move] = field(default_factory=list)


@dataclass(slots=True)
class Book:
    """What is kept of one rule and day; changed in place as the day goes on."""

    rule: list[Move] = field(default_factory=list)
    series: dict[str, Track] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    cut: int | None = None

    def note(self, status: RuleStatus, day: date) -> bool:
        """Write down how the rule stands after its last evaluation; whether that was news."""
        if self.cut is not None:
            return False
        line = _line_of(status)
        if not status.alerts and not self.series and _last(self.rule) is line:
            return False  # most rules at most times
        at = _second(status.health.last_evaluation, day)
        news = _move(self.rule, at, line)
        now = {alert.fingerprint: alert for alert in status.alerts if alert.state is not State.INACTIVE}
        resolved = {alert.fingerprint: alert for alert in status.alerts if alert.state is State.INACTIVE}
        for mark, track in self.series.items():
            if mark not in now:
                ended = resolved[mark].resolved_at if mark in resolved else None
                news |= _move(track.moves, _second(ended, day) if ended else at, Line.INACTIVE)
        for mark, alert in now.items():
            news |= self._see(mark, alert, day)
        if self._size() >= MOST_MOVES:
            self.cut = at
        return news

    def _see(self, mark: str, alert: Alert, day: date) -> bool:
        track = self.series.get(mark)
        if track is None:
            if len(self.series) >= MOST_SERIES:
                before = len(self.left)
                self.left.add(mark)
                return len(self.left) > before
            labels = {name: value for name, value in alert.labels.items() if name != "alertname"}
            track = self.series[mark] = Track(labels)
        news, last = False, _last(track.moves)
        if alert.state is State.FIRING and last is Line.FIRING:
            return False
        if alert.state is State.FIRING and alert.fired_at is not None:
            if alert.active_at < alert.fired_at and last is Line.INACTIVE:
                news = _move(track.moves, _second(alert.active_at, day), Line.PENDING)
            return _move(track.moves, _second(alert.fired_at, day), Line.FIRING) or news
        return _move(track.moves, _second(alert.active_at, day), Line.PENDING)

    def _size(self) -> int:
        return len(self.rule) + sum(len(track.moves) for track in self.series.values())


def _line_of(status: RuleStatus) -> Line:
    return Line.ERROR if status.health.state == "err" else Line(status.state.value)


def _last(moves: Sequence[Move]) -> Line:
    return _LINE[moves[-1][1]] if moves else Line.INACTIVE


def _move(moves: list[Move], second: int, line: Line) -> bool:
    """Add the move unless it is none. Time never goes back, and of two moves in one second the later one counts."""
    if _last(moves) is line:
        return False
    at = max(second, moves[-1][0]) if moves else second
    if moves and moves[-1][0] == at:
        moves.pop()
    if _last(moves) is not line:
        moves.append((at, _SIGN[line]))
    return True


def _second(at: datetime | None, day: date) -> int:
    """The second of the day; what began before it counts from its first."""
    midnight = start_of(day)
    return 0 if at is None else max(0, min(86_399, int((at - midnight).total_seconds())))


def start_of(day: date) -> datetime:
    """Its first moment, UTC."""
    return datetime.combine(day, time(), UTC)


def to_json(book: Book) -> JSON:
    """The book as it is kept."""
    series = [[mark, dict(track.labels), track.moves] for mark, track in book.series.items()]
    return {"rule": book.rule, "series": series, "left": sorted(book.left)[:MOST_MOVES], "cut": book.cut}


def from_json(value: JSON) -> Book:
    """The book as it was kept. Raises KeyError, TypeError, ValueError when it is none."""
    series = {mark: Track(labels, [(at, sign) for at, sign in moves]) for mark, labels, moves in value["series"]}
    rule = [(at, sign) for at, sign in value["rule"]]
    return Book(rule, series, set(value["left"]), value["cut"])


def drawn(books: Mapping[date, Book], known: Iterable[Span], *, start: datetime, end: datetime) -> RuleDay:
    """The picture from `start` to `end`; `known` is when rules were evaluated at all."""
    gaps = list(_gaps(known, start, end))
    marks = {mark: track.labels for day in sorted(books) for mark, track in books[day].series.items()}
    lines = [
        SeriesLine(labels, _segments({day: _moves(book, mark) for day, book in books.items()}, gaps, start, end))
        for mark, labels in marks.items()
    ]
    shown = [one for one in lines if any(each.state in {Line.PENDING, Line.FIRING} for each in one.segments)]
    left = {mark for book in books.values() for mark in book.left if mark not in marks}
    cuts = [start_of(day) + timedelta(seconds=book.cut) for day, book in books.items() if book.cut is not None]
    rule = _segments({day: book.rule for day, book in books.items()}, gaps, start, end)
    return RuleDay(start, end, rule, tuple(shown), len(left), min((at for at in cuts if at > start), default=None))


def _moves(book: Book, mark: str) -> Sequence[Move]:
    return book.series[mark].moves if mark in book.series else ()


def _gaps(known: Iterable[Span], start: datetime, end: datetime) -> Iterator[Span]:
    """When nobody evaluated anything. A short while is no gap: evaluations are noted now and then."""
    reached = start
    for since, until in sorted(known):
        if since - reached > GAP:
            yield reached, min(since, end)
        reached = max(reached, until)
    if end - reached > GAP:
        yield reached, end


def _segments(
    moves: Mapping[date, Sequence[Move]], gaps: Sequence[Span], start: datetime, end: datetime
) -> tuple[Segment, ...]:
    """Each day begins inactive unless its moves say otherwise."""
    turns: list[tuple[datetime, Line]] = []
    day = start.date()
    while day <= end.date():
        midnight = start_of(day)
        first = [] if moves.get(day) and moves[day][0][0] == 0 else [(midnight, Line.INACTIVE)]
        turns += first + [(midnight + timedelta(seconds=at), _LINE[sign]) for at, sign in moves.get(day, ())]
        day += timedelta(days=1)
    plain = [
        Segment(line, at, after) for (at, line), after in zip(turns, [*(at for at, _ in turns[1:]), end], strict=True)
    ]
    return tuple(_joined(_with_gaps(plain, gaps, start, end)))


def _with_gaps(plain: Iterable[Segment], gaps: Sequence[Span], start: datetime, end: datetime) -> Iterator[Segment]:
    """The segments within the picture, those parts that lie in a gap as unknown."""
    for one in plain:
        at, until = max(one.start, start), min(one.end, end)
        for since, to in gaps:
            if at < until and since < until and to > at:
                yield Segment(one.state, at, max(at, since))
                yield Segment(Line.UNKNOWN, max(at, since), min(to, until))
                at = min(to, until)
        yield Segment(one.state, at, until)


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Neighbours of one state as one, none that last no time."""
    open_: Segment | None = None
    for one in segments:
        if one.start >= one.end:
            continue
        if open_ is not None and open_.state is one.state:
            open_ = Segment(open_.state, open_.start, one.end)
            continue
        if open_ is not None:
            yield open_
        open_ = one
    if open_ is not None:
        yield open_
