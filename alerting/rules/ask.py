"""Asks a metrics source for many expressions at one time, in batches that learn from failures.

A query that the source refuses is halved at once until the offender is found; the offender is asked alone from
then on. A batch that is too slow is halved for the next time, and grows again when it answers.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from alerting.errors import AlertingError, BadQuery, QueryTimeout, TemporaryFailure
from alerting.metrics.port import Metrics, Sample
from alerting.rules.batch import LARGEST, Batch, batches
from alerting.rules.expression import Expression

Answer = tuple[Sample, ...] | AlertingError

_AT_ONCE: Final = 4
_GIVE_UP_AFTER: Final = 3  # failed queries, after which the rest of a round is not asked


class Asker:
    """One metrics source, and how wide a batch each expression has stood."""

    def __init__(self, metrics: Metrics, *, timeout: timedelta) -> None:
        self._metrics = metrics
        self._timeout = timeout
        self._widths: dict[str, int] = {}
        self._alone: set[str] = set()

    async def ask(self, expressions: Sequence[Expression], at: datetime) -> Mapping[str, Answer]:
        """The samples or the failure of each expression, by its text."""
        round_ = _Round(at)
        waiting = list(batches(expressions, {**self._widths, **dict.fromkeys(self._alone, 1)}))
        queue = iter(waiting)
        async with asyncio.TaskGroup() as group:
            for n in range(min(_AT_ONCE, len(waiting))):
                group.create_task(self._work(queue, round_), name=f"rule queries {n}")
        self._learn(round_)
        return round_.answers

    def forget(self, texts: Iterable[str]) -> None:
        """Trust these expressions again, as after their group was reloaded."""
        for text in texts:
            self._alone.discard(text)
            self._widths.pop(text, None)

    async def _work(self, queue: Iterable[Batch], round_: "_Round") -> None:
        for batch in queue:
            if round_.failed >= _GIVE_UP_AFTER and round_.last is not None:
                round_.refuse(batch, TemporaryFailure(f"not asked, since other queries failed: {round_.last.reason}"))
            else:
                await self._ask(batch, round_)

    async def _ask(self, batch: Batch, round_: "_Round") -> None:
        try:
            answer = await self._metrics.instant(batch.query, round_.at, self._timeout)
        except BadQuery as refused:
            await self._isolate(batch, refused, round_)
        except AlertingError as failed:
            round_.fail(batch, failed)
        else:
            round_.succeed(batch)
            round_.answers.update(batch.split(answer))

    async def _isolate(self, batch: Batch, refused: BadQuery, round_: "_Round") -> None:
        halves = batch.halves()
        if not halves:
            self._alone.update(expression.text for expression in batch.expressions)
            round_.refuse(batch, refused)
        for half in halves:
            await self._ask(half, round_)

    def _learn(self, round_: "_Round") -> None:
        for batch in round_.succeeded:
            self._set_widths(batch, max(self._narrowest(batch), len(batch.expressions)) * 2)
        # When nothing else answered either, it is the source that is slow, not the batch.
        if round_.succeeded or len(round_.slow) == 1:
            for batch in round_.slow:
                self._set_widths(batch, max(len(batch.expressions) // 2, 1))

    def _narrowest(self, batch: Batch) -> int:
        return min(self._widths.get(expression.text, LARGEST) for expression in batch.expressions)

    def _set_widths(self, batch: Batch, width: int) -> None:
        for expression in batch.expressions:
            if width >= LARGEST:
                self._widths.pop(expression.text, None)
            else:
                self._widths[expression.text] = width


@dataclass(slots=True)
class _Round:
    """What happened in one call of `ask`."""

    at: datetime
    answers: dict[str, Answer] = field(default_factory=dict)
    succeeded: list[Batch] = field(default_factory=list)
    slow: list[Batch] = field(default_factory=list)
    failed: int = 0
    last: AlertingError | None = None

    def succeed(self, batch: Batch) -> None:
        self.failed = 0
        self.succeeded.append(batch)

    def fail(self, batch: Batch, why: AlertingError) -> None:
        self.failed += 1
        self.last = why
        if isinstance(why, QueryTimeout):
            self.slow.append(batch)
        self.refuse(batch, why)

    def refuse(self, batch: Batch, why: AlertingError) -> None:
        self.answers.update((expression.text, why) for expression in batch.expressions)
