"""Asks a metrics source for many expressions at one time, in batches that learn from failures.

A query that the source refuses is halved at once until the offender is found; the offender is asked alone from
then on. A batch that is too slow is halved for the next time, and grows again when it answers. A term whose
expressions the source cannot answer together is taken apart until their groups are reloaded. How many share a query
where all is well is learned too (`Width`).
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from alerting.errors import AlertingError, BadQuery, QueryTimeout, TemporaryFailure
from alerting.metrics.port import Metrics, Sample
from alerting.rules.batch import USUAL, Batch, Mixed, batches
from alerting.rules.expression import Expression
from alerting.rules.term import Term
from alerting.rules.width import Width

Answer = tuple[Sample, ...] | AlertingError

_AT_ONCE: Final = 4
_QUICK: Final = 0.1  # seconds
_GIVE_UP_AFTER: Final = 3  # failed queries, after which the rest of a round is not asked
_PLANS: Final = 1000
_REST: Final = 20  # answers, after which a batch that was too slow may grow


class Asker:
    """One metrics source, and how wide a batch each expression has stood."""

    def __init__(self, metrics: Metrics, *, timeout: timedelta) -> None:
        self._metrics = metrics
        self._timeout = timeout
        self._width = Width()
        self._widths: dict[str, _Narrow] = {}
        self._alone: set[str] = set()
        self._apart: set[str] = set()
        # The same expressions come together at every turn of their groups.
        self._plans: dict[tuple[str, ...], list[Batch]] = {}

    async def ask(self, expressions: Sequence[Expression], at: datetime) -> Mapping[str, Answer]:
        """The samples or the failure of each expression, by its text."""
        round_, queue = _Round(at), deque(self._plan(expressions))
        # Where answers come at once, asking one by one costs both sides less.
        while queue and round_.slowest < _QUICK:
            await self._ask(queue.popleft(), round_)
        if queue:
            async with asyncio.TaskGroup() as group:
                for n in range(min(_AT_ONCE, len(queue))):
                    group.create_task(self._work(queue, round_), name=f"rule queries {n}")
        self._learn(round_)
        return round_.answers

    def forget(self, texts: Iterable[str]) -> None:
        """Trust these expressions again, as after their group was reloaded."""
        for text in texts:
            self._alone.discard(text)
            self._apart.discard(text)
            self._widths.pop(text, None)
        self._plans.clear()

    def _plan(self, expressions: Sequence[Expression]) -> list[Batch]:
        key = tuple([expression.text for expression in expressions])
        if key not in self._plans:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            widths = {**self._shares(), **dict.fromkeys(self._alone, 1)}
            apart = self._apart | self._alone
            self._plans[key] = list(batches(expressions, widths, self._width.size, apart=apart))
        return self._plans[key]

    def _shares(self) -> Mapping[str, int]:
        return {text: one.width for text, one in self._widths.items()}

    async def _work(self, queue: deque[Batch], round_: "_Round") -> None:
        while queue:
            batch = queue.popleft()
            if round_.failed >= _GIVE_UP_AFTER and round_.last is not None:
                round_.refuse(batch, TemporaryFailure(f"not asked, since other queries failed: {round_.last.reason}"))
            else:
                await self._ask(batch, round_)

    async def _ask(self, batch: Batch, round_: "_Round") -> bool:
        """Whether the source refused one of the batch's expressions for itself."""
        begin = asyncio.get_running_loop().time()
        try:
            answer = batch.split(
                await self._metrics.instant(batch.query, round_.at, self._timeout), round_.at.timestamp()
            )
        except BadQuery as refused:
            return await self._isolate(batch, refused, round_)
        except Mixed as mixed:
            return await self._ask_apart(batch, mixed.term, round_)
        except AlertingError as failed:
            round_.fail(batch, failed)
        else:
            took = asyncio.get_running_loop().time() - begin
            round_.slowest = max(round_.slowest, took)
            round_.succeeded.append((batch, took))
            round_.failed = 0
            round_.answers.update(answer)
        return False

    async def _isolate(self, batch: Batch, refused: BadQuery, round_: "_Round") -> bool:
        halves = batch.halves()
        if not halves:
            self._alone.update(expression.text for expression in batch.expressions)
            round_.offenders = True
            round_.refuse(batch, refused)
            return True
        found = [await self._ask(half, round_) for half in halves]
        if not any(found) and round_.failed == 0:
            round_.too_much.append(batch)
        return any(found)

    async def _ask_apart(self, batch: Batch, term: Term, round_: "_Round") -> bool:
        """Ask the batch again, the expressions of this term as they are written."""
        round_.mixed.append(term)
        apart = self._apart.union(*({one.text for one in mixed.expressions} for mixed in round_.mixed))
        anew = batches(batch.expressions, self._shares(), self._width.size, apart=apart)
        return any([await self._ask(one, round_) for one in anew])

    def _learn(self, round_: "_Round") -> None:
        before, narrow, apart = self._width.size, self._shares(), len(self._apart)
        self._learn_width(round_)
        self._learn_widths(round_)
        if round_.offenders or before != self._width.size or narrow != self._shares() or apart != len(self._apart):
            self._plans.clear()

    def _learn_width(self, round_: "_Round") -> None:
        for batch, seconds in round_.succeeded:
            self._width.answered(len(batch.terms), seconds)
        for batch in round_.too_much:
            self._width.refused(len(batch.terms))

    def _learn_widths(self, round_: "_Round") -> None:
        for batch, _ in round_.succeeded if self._widths else ():
            self._widen(batch)
        # When nothing else answered either, it is the source that is slow, not the batch.
        if round_.succeeded or len(round_.slow) == 1:
            for batch in round_.slow:
                self._narrow(batch)
        refused = [batch.terms[0] for batch in round_.too_much if len(batch.terms) == 1]
        self._apart.update(one.text for term in (*refused, *round_.mixed) for one in term.expressions)

    def _narrow(self, batch: Batch) -> None:
        texts = [one.text for one in batch.expressions]
        if len(batch.terms) == 1 and len(texts) > 1:
            self._apart.update(texts)
        width = max(len(batch.terms) // 2, 1) if len(batch.terms) > 1 else max(min(len(texts), USUAL) // 2, 1)
        self._widths |= dict.fromkeys(texts, _Narrow(width))

    def _widen(self, batch: Batch) -> None:
        for text in [one.text for one in batch.expressions if one.text in self._widths]:
            wider = self._widths[text].answered()
            if wider.width >= self._width.size:
                del self._widths[text]
            else:
                self._widths[text] = wider


@dataclass(frozen=True, slots=True)
class _Narrow:
    """How many terms may share a query with an expression that was in a slow one, and for how many answers more."""

    width: int
    rest: int = _REST

    def answered(self) -> "_Narrow":
        return _Narrow(self.width * 2) if self.rest <= 1 else _Narrow(self.width, self.rest - 1)


@dataclass(slots=True)
class _Round:
    """What happened in one call of `ask`."""

    at: datetime
    answers: dict[str, Answer] = field(default_factory=dict)
    succeeded: list[tuple[Batch, float]] = field(default_factory=list)
    slow: list[Batch] = field(default_factory=list)
    too_much: list[Batch] = field(default_factory=list)
    mixed: list[Term] = field(default_factory=list)
    offenders: bool = False
    slowest: float = 0.0  # seconds
    failed: int = 0
    last: AlertingError | None = None

    def fail(self, batch: Batch, why: AlertingError) -> None:
        self.failed += 1
        self.last = why
        self.slowest = math.inf
        if isinstance(why, QueryTimeout):
            self.slow.append(batch)
        self.refuse(batch, why)

    def refuse(self, batch: Batch, why: AlertingError) -> None:
        self.answers.update((expression.text, why) for expression in batch.expressions)
