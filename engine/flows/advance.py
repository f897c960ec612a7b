"""Takes a saga as far as it goes now: decide, write down, ask, write down. May be cut off and repeated anywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from engine.errors import PermanentFailure, Refused, TemporaryFailure
from engine.flows.next_step import next_events, soonest, to_ask
from engine.flows.saga import (
    Operation,
    OperationDone,
    OperationFailed,
    OperationSeen,
    OperationTroubled,
    OperationUndone,
    Saga,
    SagaEvent,
    UndoGivenUp,
)


@dataclass(frozen=True, slots=True)
class Finished:
    """It is done, or taken back. `effect` names what it made."""

    note: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Underway:
    """It takes time; ask again after `again`."""

    note: str
    again: timedelta
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """An action ended without having been done, and something of it may be left; its compensation has to look."""

    reason: str


class Deeds(Protocol):
    """What the operations of a saga do. Every call may come again after it took effect, and has to do no more then.

    Both raise TemporaryFailure when trying again may help. PermanentFailure and Refused say of an action that it did
    not and will not take effect, of a compensation that it never will. A compensation also comes for an action that
    was begun and perhaps never took effect; then there is nothing to do.
    """

    async def act(self, operation: Operation) -> Finished | Underway | Broken:
        """Do it, or go on with it."""
        ...

    async def undo(self, operation: Operation) -> Finished | Underway:
        """Take it back, or go on with that."""
        ...


Record = Callable[[Sequence[SagaEvent]], Awaitable[Saga]]
"""Writes facts down and gives the saga after them; raises when somebody else wrote first."""

ASLEEP: Final = timedelta(minutes=1)


async def advance(saga: Saga, deeds: Deeds, record: Record, *, now: Callable[[], datetime]) -> timedelta | None:
    """How long until the next turn, None when the saga has ended. Whatever `record` raises ends the turn."""
    waits: dict[str, timedelta] = {}
    while saga.outcome is None:
        events = next_events(saga)
        if events:
            saga = await record(events)
            continue
        operation = next((one for one in to_ask(saga, now=now()) if one.name not in waits), None)
        if operation is None:
            return min((*waits.values(), soonest(saga, now=now()) or ASLEEP))
        answer, events = await _ask(saga, operation, deeds)
        if answer is not None:
            waits[operation.name] = answer
        if events:
            saga = await record(events)
    return None


async def _ask(saga: Saga, operation: Operation, deeds: Deeds) -> tuple[timedelta | None, tuple[SagaEvent, ...]]:
    """How long it takes yet, when it does; and what to write down."""
    back = bool(saga.turned_back)
    try:
        answer = await (deeds.undo(operation) if back else deeds.act(operation))
    except TemporaryFailure as failure:
        after = failure.retry_after or timedelta(0)
        return None, (OperationTroubled(operation.name, str(failure), after),)
    except (PermanentFailure, Refused) as failure:
        return None, ((UndoGivenUp if back else OperationFailed)(operation.name, str(failure)),)
    if isinstance(answer, Underway):
        return answer.again, _seen(operation, answer)
    if isinstance(answer, Broken):
        return None, (OperationFailed(operation.name, answer.reason, surely=False),)
    if back:
        return None, (OperationUndone(operation.name, answer.note),)
    return None, (OperationDone(operation.name, answer.note, answer.effect),)


def _seen(operation: Operation, answer: Underway) -> tuple[SagaEvent, ...]:
    same = (operation.note, operation.failures) == (answer.note, 0) and answer.effect in {"", operation.effect}
    return () if same else (OperationSeen(operation.name, answer.note, answer.effect),)
