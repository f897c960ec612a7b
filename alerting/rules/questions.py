"""Answers the queries that templates ask with `query`, at the time of the evaluation."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from alerting.errors import AlertingError
from alerting.metrics.port import Metrics, Sample, Vector
from alerting.rules.template import Answers, QueriesNeeded, QueryFailed

Made = TypeVar("Made")

_AT_ONCE: Final = 4
_MOST: Final = 200  # queries of one evaluation
_TOO_MANY: Final = QueryFailed(f"more than {_MOST} queries in the templates of one evaluation")


class Questions:
    """The queries of one evaluation, each asked once."""

    def __init__(self, metrics: Metrics, at: datetime, timeout: timedelta) -> None:
        self._metrics = metrics
        self._at = at
        self._timeout = timeout
        self._answers: dict[str, Sequence[Sample] | QueryFailed] = {}

    async def answered(self, make: Callable[[Answers], Made]) -> Made:
        """What `make` makes once it has the answers it needs."""
        while True:
            try:
                return make(self._answers)
            except QueriesNeeded as need:
                await self._ask(need.queries)

    async def _ask(self, queries: Sequence[str]) -> None:
        room = max(_MOST - len(self._answers), 0)
        self._answers |= dict.fromkeys(queries[room:], _TOO_MANY)
        waiting = iter(queries[:room])
        async with asyncio.TaskGroup() as group:
            for n in range(min(_AT_ONCE, room, len(queries))):
                group.create_task(self._work(waiting), name=f"template queries {n}")

    async def _work(self, queries: Iterator[str]) -> None:
        for query in queries:
            self._answers[query] = await self._one(query)

    async def _one(self, query: str) -> Sequence[Sample] | QueryFailed:
        try:
            answer = await self._metrics.instant(query, self._at, self._timeout)
        except AlertingError as failed:
            return QueryFailed(failed.reason)
        return answer.samples if isinstance(answer, Vector) else (Sample({}, answer.value, answer.timestamp),)
