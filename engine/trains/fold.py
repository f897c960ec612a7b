"""From facts to state: `apply` gives the train after one more event. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from engine.commands import TrainId
from engine.deployments.deployment import Decision, Step
from engine.errors import IllegalMove
from engine.flows import saga
from engine.flows.saga import Outcome, Saga, SagaBegun, SagaEnded, SagaEvent, SagaTurnedBack, UndoRetried
from engine.trains.events import TrainAborted, TrainApproved, TrainEvent, TrainExpired, TrainPlanned, TrainRejected
from engine.trains.story import line_of
from engine.trains.train import Train, TrainState

ENDS: Final = {
    Outcome.DONE: TrainState.SUCCEEDED,
    Outcome.UNDONE: TrainState.TAKEN_BACK,
    Outcome.STUCK: TrainState.STUCK,
}


def begin(id: TrainId, event: TrainPlanned, *, at: datetime) -> Train:  # noqa: A002
    """The train its first event makes."""
    new = Train(id, event.plan, event.requested_by, at)
    return _written(new, new, event, at)


def apply(train: Train, event: TrainEvent, *, at: datetime) -> Train:
    """The train after `event`. Raises IllegalMove when its state does not allow it."""
    return _written(train, _changed(train, event, at), event, at)


def _written(before: Train, after: Train, event: TrainEvent, at: datetime) -> Train:
    text = line_of(event, before)
    history = (*before.history, Step(text, at)) if text else before.history
    return replace(after, history=history, updated_at=at, stream_version=before.stream_version + 1)


def _changed(train: Train, event: TrainEvent, at: datetime) -> Train:
    match event:
        case TrainPlanned():
            raise IllegalMove(f"Train {train.id}", train.state, TrainState.PLANNED)
        case TrainApproved(person):
            return replace(train, decisions=(*train.decisions, Decision(person, True, at)))
        case TrainRejected(person):
            refused = replace(train, decisions=(*train.decisions, Decision(person, False, at)))
            return refused.moved(TrainState.CANCELLED, reason=f"Rejected by {person}.", ended_at=at)
        case TrainExpired():
            return train.moved(TrainState.CANCELLED, reason="Nobody decided in time.", ended_at=at)
        case TrainAborted(person) if train.state is TrainState.PLANNED:
            reason = f"Aborted by {person} before it began."
            return train.moved(TrainState.CANCELLED, reason=reason, aborted_by=person, ended_at=at)
        case TrainAborted(person):
            return replace(train, aborted_by=person)
        case _:
            return _of_saga(train, event, at)


def _of_saga(train: Train, event: SagaEvent, at: datetime) -> Train:
    if isinstance(event, SagaBegun):
        return train.moved(TrainState.RUNNING, saga=saga.begin(event), started_at=at)
    after = replace(train, saga=saga.apply(saga_of(train), event, at=at))
    match event:
        case SagaTurnedBack(reason):
            return after.moved(TrainState.GOING_BACK, reason=reason)
        case UndoRetried():
            return after.moved(TrainState.GOING_BACK, retries=train.retries + 1, ended_at=None)
        case SagaEnded(outcome):
            return after.moved(ENDS[outcome], ended_at=at)
    return after


def saga_of(train: Train) -> Saga:
    """The saga of a train that has begun. Raises IllegalMove for one that has not."""
    if train.saga is None:
        raise IllegalMove(f"Train {train.id}", train.state, TrainState.RUNNING)
    return train.saga
