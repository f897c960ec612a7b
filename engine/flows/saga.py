"""Several operations that are one: all are done, or those that were are taken back. Pure.

Each operation has an action and a compensation. What is about to be asked for is written down first, what came of it
afterwards; both are asked again after a crash, so both have to be safe to repeat. Going back, the last wave is taken
back first. What could not be taken back for good is stuck, and what that one needs is kept: taking it away would
break what is still there. (Sagas: Garcia-Molina and Salem, 1987; the waves and the keeping are ours.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from engine.errors import IllegalMove
from engine.flows.waves import waves


class State(StrEnum):
    """Where an operation is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # surely without an effect
    UNSURE = "unsure"  # given up without knowing whether it took effect
    UNDOING = "undoing"
    UNDONE = "undone"
    STUCK = "stuck"  # its compensation does not work
    KEPT = "kept"  # not taken back, for one that is stuck needs it


MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.WAITING: frozenset({State.RUNNING}),
    State.RUNNING: frozenset({State.DONE, State.FAILED, State.UNSURE, State.UNDOING, State.KEPT}),
    State.DONE: frozenset({State.UNDOING, State.KEPT}),
    State.FAILED: frozenset(),
    State.UNSURE: frozenset({State.UNDOING, State.KEPT}),
    State.UNDOING: frozenset({State.UNDONE, State.STUCK}),
    State.UNDONE: frozenset(),
    State.STUCK: frozenset({State.UNDOING}),
    State.KEPT: frozenset({State.UNDOING}),
}
TO_UNDO: Final = frozenset({State.RUNNING, State.DONE, State.UNSURE, State.UNDOING})
LEFT: Final = frozenset({State.STUCK, State.KEPT})
"""Going back is over for these, and their effect is still there."""


class Outcome(StrEnum):
    """How a saga ended."""

    DONE = "done"
    UNDONE = "undone"
    STUCK = "stuck"  # something could not be taken back


@dataclass(frozen=True, slots=True)
class Patience:
    """How often what fails for a moment is asked for, and how long after each time: doubling from `first`."""

    tries: int = 8
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=1)

    def pause(self, failures: int) -> timedelta:
        """How long to wait after this many failures in a row, from 1."""
        return min(self.longest, self.first * (1 << min(failures - 1, 30)))


@dataclass(frozen=True, slots=True)
class Operation:
    """One part. `note` is what it is at, `effect` names what it made, `reason` is why it failed or is troubled.

    `failures` counts those in a row; it is asked for again at `due`.
    """

    name: str
    needs: tuple[str, ...] = ()
    state: State = State.WAITING
    note: str = ""
    effect: str = ""
    reason: str = ""
    failures: int = 0
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Saga:
    """The fold of a saga's events. `turned_back` is why it goes back; "" while it goes forward."""

    operations: Mapping[str, Operation]
    forward: Patience
    back: Patience
    turned_back: str = ""
    outcome: Outcome | None = None

    @property
    def waves(self) -> tuple[tuple[str, ...], ...]:
        """The operations in the order of what they need."""
        return waves({one.name: one.needs for one in self.operations.values()})

    def of(self, *states: State) -> tuple[Operation, ...]:
        """The operations in these states, in the order of the saga."""
        return tuple(one for one in self.operations.values() if one.state in states)


@dataclass(frozen=True, slots=True)
class SagaBegun:
    """What each operation needs, in order, and how patient it is asked for in both directions."""

    needs: tuple[tuple[str, tuple[str, ...]], ...]
    forward: Patience = Patience()
    back: Patience = Patience(tries=20)


@dataclass(frozen=True, slots=True)
class OperationBegun:
    """Its action is about to be asked for."""

    operation: str


@dataclass(frozen=True, slots=True)
class OperationSeen:
    """Its action or compensation is under way."""

    operation: str
    note: str
    effect: str = ""


@dataclass(frozen=True, slots=True)
class OperationTroubled:
    """It did not work this time, forward or back; it is asked for again, not before `after`."""

    operation: str
    reason: str
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class OperationDone:
    """Its action took effect."""

    operation: str
    note: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class OperationFailed:
    """Its action did not and will not take effect; not `surely` when it was given up without an answer."""

    operation: str
    reason: str
    surely: bool = True


@dataclass(frozen=True, slots=True)
class SagaTurnedBack:
    """From here on everything is taken back."""

    reason: str


@dataclass(frozen=True, slots=True)
class UndoBegun:
    """Its compensation is about to be asked for."""

    operation: str


@dataclass(frozen=True, slots=True)
class OperationUndone:
    """Nothing of it is left."""

    operation: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class UndoGivenUp:
    """Its compensation does not work; its effect is still there."""

    operation: str
    reason: str


@dataclass(frozen=True, slots=True)
class OperationKept:
    """It is not taken back, because `needed_by` could not be."""

    operation: str
    needed_by: str


@dataclass(frozen=True, slots=True)
class UndoRetried:
    """What is stuck or was kept is tried once more."""


@dataclass(frozen=True, slots=True)
class SagaEnded:
    """Nothing more is done."""

    outcome: Outcome


SagaEvent = (
    SagaBegun
    | OperationBegun
    | OperationSeen
    | OperationTroubled
    | OperationDone
    | OperationFailed
    | SagaTurnedBack
    | UndoBegun
    | OperationUndone
    | UndoGivenUp
    | OperationKept
    | UndoRetried
    | SagaEnded
)


def begin(event: SagaBegun) -> Saga:
    """The saga its first event makes. Raises Invalid when operations wait for one another."""
    waves(dict(event.needs))
    return Saga({name: Operation(name, needs) for name, needs in event.needs}, event.forward, event.back)


def apply(saga: Saga, event: SagaEvent, *, at: datetime) -> Saga:  # noqa: C901, PLR0911, PLR0912
    """The saga after one more event. Raises IllegalMove when a state does not allow it. One case an event."""
    match event:
        case SagaBegun():
            raise IllegalMove("The saga", "begun", "begun")
        case OperationBegun(name):
            return _moved(saga, name, State.RUNNING)
        case OperationSeen(name, note, effect):
            return _changed(saga, name, note=note, effect=effect or saga.operations[name].effect, **_CALM)
        case OperationTroubled(name, reason, after):
            return _troubled(saga, name, reason, after, at)
        case OperationDone(name, note, effect):
            return _moved(saga, name, State.DONE, note=note, effect=effect or saga.operations[name].effect)
        case OperationFailed(name, reason, surely):
            return _moved(saga, name, State.FAILED if surely else State.UNSURE, reason=reason)
        case SagaTurnedBack(reason):
            return replace(saga, turned_back=reason)
        case UndoBegun(name):
            return _moved(saga, name, State.UNDOING, note="")
        case OperationUndone(name, note):
            return _moved(saga, name, State.UNDONE, note=note)
        case UndoGivenUp(name, reason):
            return _moved(saga, name, State.STUCK, reason=reason)
        case OperationKept(name, needed_by):
            return _moved(saga, name, State.KEPT, reason=f"{needed_by} needs it and could not be taken back.")
        case UndoRetried():
            return _retried(saga)
        case SagaEnded(outcome):
            return replace(saga, outcome=outcome)
        case _:
            assert_never(event)


_CALM: Final[Mapping[str, object]] = {"reason": "", "failures": 0, "due": None}


def _changed(saga: Saga, name: str, **changes: object) -> Saga:
    operation = replace(saga.operations[name], **changes)  # type: ignore[arg-type]  # its own fields
    return replace(saga, operations={**saga.operations, name: operation})


def _moved(saga: Saga, name: str, new: State, **changes: object) -> Saga:
    old = saga.operations[name].state
    if new not in MOVES[old]:
        raise IllegalMove(f"Operation {name}", old, new)
    return _changed(saga, name, **{**_CALM, "state": new, **changes})


def _troubled(saga: Saga, name: str, reason: str, after: timedelta, at: datetime) -> Saga:
    operation = saga.operations[name]
    failures = operation.failures + 1
    patience = saga.back if operation.state is State.UNDOING else saga.forward
    return _changed(saga, name, reason=reason, failures=failures, due=at + max(after, patience.pause(failures)))


def _retried(saga: Saga) -> Saga:
    for one in saga.of(*LEFT):
        saga = _moved(saga, one.name, State.UNDOING)
    return replace(saga, outcome=None)
