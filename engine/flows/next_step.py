"""What follows from a saga as it is: facts to write down, operations to ask for, or how long to wait. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.flows.saga import (
    LEFT,
    TO_UNDO,
    Operation,
    OperationBegun,
    OperationFailed,
    OperationKept,
    Outcome,
    Saga,
    SagaEnded,
    SagaEvent,
    SagaTurnedBack,
    State,
    UndoBegun,
    UndoGivenUp,
)


def next_events(saga: Saga) -> tuple[SagaEvent, ...]:
    """What is so without asking anybody; nothing when operations have to be asked first, or it has ended."""
    if saga.outcome is not None:
        return ()
    return _back(saga) if saga.turned_back else _forward(saga)


def to_ask(saga: Saga, *, now: datetime) -> tuple[Operation, ...]:
    """The operations whose action, or compensation when it goes back, is to be asked for now, in that order."""
    asked = [one for one in _asked(saga) if one.due is None or one.due <= now]
    return tuple(reversed(asked) if saga.turned_back else asked)


def soonest(saga: Saga, *, now: datetime) -> timedelta | None:
    """How long until one that did not work is asked for again; None when none waits for that."""
    due = [one.due - now for one in _asked(saga) if one.due is not None and one.due > now]
    return min(due, default=None)


def _asked(saga: Saga) -> tuple[Operation, ...]:
    return saga.of(State.UNDOING if saga.turned_back else State.RUNNING)


def _forward(saga: Saga) -> tuple[SagaEvent, ...]:
    failed = saga.of(State.FAILED, State.UNSURE)
    if failed:
        return (SagaTurnedBack(f"{failed[0].name}: {failed[0].reason}"),)
    exhausted = [one for one in saga.of(State.RUNNING) if one.failures >= saga.forward.tries]
    if exhausted:
        return tuple(OperationFailed(one.name, one.reason, surely=False) for one in exhausted)
    wave = next((wave for wave in _operations(saga) if any(one.state is not State.DONE for one in wave)), None)
    if wave is None:
        return (SagaEnded(Outcome.DONE),)
    return tuple(OperationBegun(one.name) for one in wave if one.state is State.WAITING)


def _back(saga: Saga) -> tuple[SagaEvent, ...]:
    exhausted = [one for one in saga.of(State.UNDOING) if one.failures >= saga.back.tries]
    if exhausted:
        return tuple(UndoGivenUp(one.name, one.reason) for one in exhausted)
    for wave in reversed(_operations(saga)):
        left = [one for one in wave if one.state in TO_UNDO]
        if left:  # the wave before has to wait for this one
            return tuple(_begun_back(saga, one) for one in reversed(left) if one.state is not State.UNDOING)
    return (SagaEnded(Outcome.STUCK if saga.of(State.STUCK) else Outcome.UNDONE),)


def _begun_back(saga: Saga, operation: Operation) -> SagaEvent:
    """The beginning of its compensation; not while something that needs it is still there."""
    needing = next((one for one in saga.of(*LEFT) if operation.name in one.needs), None)
    return OperationKept(operation.name, needing.name) if needing else UndoBegun(operation.name)


def _operations(saga: Saga) -> Sequence[Sequence[Operation]]:
    return [[saga.operations[name] for name in wave] for wave in saga.waves]
