"""Writes down how rules stood over the last days, for the picture that is drawn of them.

One record a rule and day, written only when something changed, and one a day that says when rules were evaluated at
all. Whoever evaluates the rules notes them, at least as often as they are evaluated; every replica reads the records.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from alerting.errors import PermanentFailure
from alerting.rules.rule import RuleId
from alerting.rules.status import RuleStatus
from alerting.rules.timeline import GAP, Book, RuleDay, Span, drawn, from_json, start_of, to_json
from storage.codec import JSON
from storage.records import Records

KEPT: Final = timedelta(days=7)
DAY: Final = timedelta(days=1)
EVALUATED: Final = "evaluated"  # the key of a day's record of when rules were evaluated
AWAY: Final = timedelta(seconds=10)  # without a note, after which another replica may have written some
_STEP: Final = timedelta(minutes=1)  # how often that record is written when nothing else is
_LOOK_BACK: Final = 14  # days before those kept that are searched for what to delete


class RuleHistory:
    """Call `note` from one place at a time. Every method may raise storage's errors."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._day: date | None = None
        self._books: dict[RuleId, Book] = {}
        self._spans: list[Span] = []
        self._noted: dict[RuleId, datetime] = {}
        self._unsaved: set[RuleId] = set()
        self._saved_at: datetime | None = None
        self._noted_at: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether the day has begun here and goes on; until then `note` must be told of every rule."""
        return at.date() == self._day and self._noted_at is not None and at - self._noted_at <= AWAY

    async def note(self, statuses: Sequence[RuleStatus], *, at: datetime) -> None:
        """Write down what changed: of those rules that were evaluated since the last call, at least."""
        if not self.is_open(at):
            await self._open(at.date())
            await self.sweep(at)
        self._noted_at = at
        day = at.date()
        for status in statuses:
            evaluated = status.health.last_evaluation
            if evaluated is None or evaluated == self._noted.get(status.rule.id):
                continue
            self._noted[status.rule.id] = evaluated
            if self._books.setdefault(status.rule.id, Book()).note(status, day):
                self._unsaved.add(status.rule.id)
        self._reach(at)
        await self._save(day, at)

    async def _open(self, day: date) -> None:
        """Begin the day, or go on with it after a restart or after another replica did."""
        kept = await self._records.all(_collection(day))
        self._spans = _spans(day, kept.pop(EVALUATED, None))
        self._books = {RuleId(rule): _book(day, rule, value) for rule, value in kept.items()}
        self._day, self._noted, self._unsaved, self._saved_at = day, {}, set(), None

    def _reach(self, at: datetime) -> None:
        if self._spans and at - self._spans[-1][1] <= GAP:
            self._spans[-1] = (self._spans[-1][0], max(at, self._spans[-1][1]))
        else:
            self._spans.append((at, at))

    async def _save(self, day: date, at: datetime) -> None:
        due = self._saved_at is None or at - self._saved_at >= _STEP
        if not due and not self._unsaved:
            return
        values: dict[str, JSON] = {str(rule): to_json(self._books[rule]) for rule in self._unsaved}
        midnight = start_of(day)
        spans = [[int((one - midnight).total_seconds()) for one in span] for span in self._spans]
        values[EVALUATED] = {"spans": spans}
        await self._records.put_many(_collection(day), values, at=at)
        self._unsaved.clear()
        self._saved_at = at

    async def day(self, rule: RuleId, at: datetime, *, back: timedelta = DAY) -> RuleDay:
        """The rule's line and those of its series over the time before `at`.

        Raises PermanentFailure for a record that cannot be read.
        """
        start = at - back
        books: dict[date, Book] = {}
        spans: list[Span] = []
        for day in _days(start, at):
            if (value := await self._records.get(_collection(day), rule)) is not None:
                books[day] = _book(day, rule, value)
            spans += _spans(day, await self._records.get(_collection(day), EVALUATED))
        return drawn(books, spans, start=start, end=at)

    async def sweep(self, at: datetime) -> None:
        """Delete what is older than it is kept."""
        last = at.date() - KEPT
        for collection in (_collection(last - timedelta(days=ago)) for ago in range(1, _LOOK_BACK)):
            if keys := list(await self._records.all(collection)):
                await self._records.put_many(collection, {}, at=at, delete=keys)


def _collection(day: date) -> str:
    """A collection a day, so that an old day is found and deleted as a whole."""
    return f"rule-history-{day.isoformat()}"


def _days(start: datetime, end: datetime) -> Iterable[date]:
    return (start.date() + timedelta(days=n) for n in range((end.date() - start.date()).days + 1))


def _spans(day: date, value: JSON | None) -> list[Span]:
    midnight = start_of(day)
    kept = value["spans"] if value else []
    return [(midnight + timedelta(seconds=since), midnight + timedelta(seconds=until)) for since, until in kept]


def _book(day: date, rule: str, value: JSON) -> Book:
    try:
        return from_json(value)
    except (KeyError, TypeError, ValueError) as wrong:
        where = f'the record "{rule}" of "{_collection(day)}"'
        raise PermanentFailure(
            f"{where} cannot be read: {wrong!r}", "delete it; the day is then drawn empty"
        ) from wrong
