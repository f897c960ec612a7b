"""What the thread of a train says of each fact: one short line, or nothing. Pure."""

from __future__ import annotations

from engine.deployments.words import sentence
from engine.flows.saga import (
    OperationBegun,
    OperationDone,
    OperationFailed,
    OperationKept,
    OperationTroubled,
    OperationUndone,
    Outcome,
    SagaEnded,
    SagaEvent,
    SagaTurnedBack,
    State,
    UndoBegun,
    UndoGivenUp,
    UndoRetried,
)
from engine.trains.events import TrainAborted, TrainApproved, TrainEvent, TrainExpired, TrainPlanned, TrainRejected
from engine.trains.train import Component, Train, TrainPlan


def line_of(event: TrainEvent, train: Train) -> str:
    """The line for `event` on `train` as it was before it; empty when the thread need not tell it."""
    match event:
        case TrainPlanned(plan, person, _):
            return " ".join([f"Planned by {person}: {in_order(plan)}.", *passed(plan)])
        case TrainApproved(person):
            return f"Approved by {person}."
        case TrainRejected(person):
            return f"Rejected by {person}."
        case TrainExpired():
            return "Expired: nobody decided in time."
        case TrainAborted(person):
            return f"Aborted by {person}."
        case _:
            return _of_saga(event, train)


def in_order(plan: TrainPlan) -> str:
    """`db v2, then api v3 and web v5`"""
    versions = {str(one.service): one.version for one in plan.components}
    return ", then ".join(" and ".join(f"{name} {versions[name]}" for name in wave) for wave in plan.waves)


def passed(plan: TrainPlan) -> list[str]:
    """What its plan passes, each with who and why."""
    return [f"Overridden by {one.by}: {sentence(one.what)} Reason: {sentence(one.reason)}" for one in plan.overrides]


def _of_saga(event: SagaEvent, train: Train) -> str:  # noqa: C901, PLR0911  # one line an event
    match event:
        case OperationBegun(name):
            return f"{name} {train.plan.component(name).version} begins."
        case OperationDone(name):
            return f"{name} {train.plan.component(name).version} is out."
        case OperationFailed(name, reason, _):
            return f"{name} failed: {sentence(reason)}"
        case OperationTroubled(name, reason, _):
            return _trouble(train, name, reason)
        case SagaTurnedBack(reason):
            return f"Going back: {sentence(reason)}"
        case UndoBegun(name):
            return f"{name} is taken back."
        case OperationUndone(name, note):
            return f"{name} is as it was: {sentence(note)}"
        case UndoGivenUp(name, reason):
            return f"{name} could not be taken back: {sentence(reason)}"
        case OperationKept(name, needed_by):
            return f"{name} stays, because {needed_by} needs it."
        case UndoRetried():
            return "Going back is tried once more."
        case SagaEnded(outcome):
            return conditions(train) if outcome is Outcome.STUCK else _ENDINGS[outcome]
        case _:
            return ""


_ENDINGS = {Outcome.DONE: "Everything is out.", Outcome.UNDONE: "Everything is as it was."}


def _trouble(train: Train, name: str, reason: str) -> str:
    """Told once, not at each try."""
    return "" if train.operation(name).reason == reason else f"{name} is tried again: {sentence(reason)}"


def conditions(train: Train) -> str:
    """What runs of a train that could not be taken back, service by service."""
    return "Not everything could be taken back. " + " ".join(_condition(train, one.service) for one in _parts(train))


def _parts(train: Train) -> list[Component]:
    return [train.plan.component(name) for wave in train.plan.waves for name in wave]


def _condition(train: Train, service: str) -> str:
    part, operation = train.plan.component(service), train.operation(service)
    match operation.state:
        case State.STUCK:
            return f"{service}: {part.version} was not taken back ({operation.reason.rstrip('.')})."
        case State.KEPT:
            return f"{service}: {part.version} stays ({operation.reason.rstrip('.')})."
        case State.UNDONE | State.FAILED:
            return f"{service}: {part.previous or 'nothing'}, as before."
        case State.WAITING:
            return f"{service}: {part.previous or 'nothing'}, never touched."
        case _:
            return f"{service}: {operation.state}."
