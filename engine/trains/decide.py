"""What a person's decision on a train leads to, given the train as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from engine.catalog import ApprovalGroup
from engine.commands import ApproveTrain
from engine.deployments.deployment import Override, PersonId
from engine.deployments.words import sentence
from engine.errors import Denied, NotNow
from engine.flows.saga import SagaTurnedBack, UndoRetried
from engine.trains.events import TrainAborted, TrainApproved, TrainEvent, TrainExpired, TrainRejected
from engine.trains.train import Train, TrainPlan, TrainState

Events = tuple[TrainEvent, ...]


def approve_events(
    train: Train, person: PersonId, seen: ApproveTrain, group: ApprovalGroup | None, *, now: datetime
) -> Events:
    """Agreeing to the plan that was seen; nothing when this person has agreed already."""
    if person in train.approvers:
        return ()
    _check_waits(train)
    if expired(train, now):
        return (TrainExpired(),)
    if train.plan.four_eyes and person == train.requested_by:
        raise Denied("Another person has to approve this: you asked for it.", "Ask a colleague.")
    if group is not None and person not in group.people:
        raise Denied(f"Only approvals by members of {group.name} count here.", "Ask one of them.")
    if seen.digest not in {"", train.plan.digest}:
        raise void(train, "The plan")
    return (TrainApproved(person),)


def reject_events(train: Train, person: PersonId, *, now: datetime) -> Events:
    """Refusing the plan."""
    if any(one.person == person and not one.approved for one in train.decisions):
        return ()
    _check_waits(train)
    return (TrainExpired(),) if expired(train, now) else (TrainRejected(person),)


def abort_events(train: Train, person: PersonId) -> Events:
    """Ending it and taking back what is out; where that did not work, once more."""
    match train.state:
        case TrainState.PLANNED:
            return (TrainAborted(person),)
        case TrainState.RUNNING:
            return (TrainAborted(person), SagaTurnedBack(f"Aborted by {person}."))
        case TrainState.GOING_BACK:
            return ()
        case TrainState.STUCK:
            return (TrainAborted(person), UndoRetried())
        case TrainState.SUCCEEDED:
            raise NotNow(f"Train {train.id} has ended: everything is out.", "Roll the services back one by one.")
        case _:
            raise NotNow(f"Train {train.id} has ended: {train.reason}", "Nothing of it is left to take back.")


def expired(train: Train, now: datetime) -> bool:
    """Whether nobody decided in time."""
    expires = train.plan.expires_at
    return train.state is TrainState.PLANNED and not train.approved and expires is not None and now >= expires


def check_same(train: Train, present: TrainPlan) -> None:
    """Raises NotNow when what would be deployed now is not what was planned."""
    for then, now in zip(train.plan.components, present.components, strict=True):
        if (then.digest, then.configuration, then.previous) != (now.digest, now.configuration, now.previous):
            raise void(train, f"{then.service} in {train.plan.environment}")
    check_passed(train, present.overrides)


def check_passed(train: Train, overrides: Iterable[Override]) -> None:
    """Raises NotNow for what stands in the way by now and was not passed by the plan that people agree to."""
    known = {one.key for one in train.plan.overrides}
    for one in overrides:
        if one.key not in known:
            told = f"{sentence(one.what)} Train {train.id} was planned before that."
            raise NotNow(told, "Reject it and ask for it anew.")


def void(train: Train, what: str) -> NotNow:
    """Why an approval does not count."""
    reason = f"{what} has changed since train {train.id} was planned; the approval is void."
    return NotNow(reason, "Reject this one and ask for it anew.")


def _check_waits(train: Train) -> None:
    if train.state is not TrainState.PLANNED:
        raise NotNow(f"Train {train.id} no longer waits for approval: it is {train.state.replace('_', ' ')}.")
