"""What a person's decision leads to, given the deployment as it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.catalog import ApprovalGroup
from engine.commands import WHATEVER_WAITS, Approve, Promote, Reject
from engine.deployments.deployment import Decision, Deployment, Outcome, PersonId, State
from engine.deployments.events import (
    AbortAsked,
    DeploymentApproved,
    DeploymentCancelled,
    DeploymentEvent,
    DeploymentExpired,
    DeploymentRejected,
    DeploymentResumed,
    OldReleased,
    PromotionAsked,
    RollbackStarted,
)
from engine.deployments.words import entering
from engine.errors import Denied, NotNow
from engine.permits.clearance import Hindrance


class DeploymentNotNow(NotNow):
    """The deployment's state does not allow it; `deployment` is that state, for whoever shows the refusal."""

    def __init__(self, reason: str, remedy: str = "", *, deployment: Deployment) -> None:
        super().__init__(reason, remedy)
        self.deployment = deployment


@dataclass(frozen=True, slots=True)
class Present:
    """What would be done now, beside what was planned: the version's digest and the configuration of its place.

    `group` are those whose approval counts (None: everybody's), `hindrance` is what stands in the way since.
    """

    digest: str
    configuration: str
    group: ApprovalGroup | None = None
    hindrance: Hindrance | None = None


def approve_events(
    deployment: Deployment, person: PersonId, seen: Approve, present: Present, *, now: datetime
) -> tuple[DeploymentEvent, ...]:
    """Agreeing to the plan, or to the step that waits; nothing when this person has agreed already.

    What was seen has to be what waits now: an old button decides nothing that came after it.
    """
    step = _meant(deployment, seen.step)
    mine = DeploymentApproved(person, step)
    if any(one.approved and (one.person, one.step) == (person, step) for one in deployment.decisions):
        return ()
    if not _waits(deployment, step):
        raise _decided(deployment)
    if _expired(deployment, now):
        return (DeploymentExpired(),)
    if deployment.plan.four_eyes and person == deployment.requested_by:
        raise Denied("Another person has to approve this: you asked for it.", "Ask a colleague.")
    if present.group is not None and person not in present.group.people:
        raise Denied(f"Only approvals by members of {present.group.name} count here.", "Ask one of them.")
    _check_same(deployment, seen, present)
    if step is None:
        return (mine,)
    agreed = {one.person for one in deployment.decisions if one.approved and one.step == step} | {person}
    enough = len(agreed) >= max(1, deployment.plan.approvals_needed)
    return (mine, DeploymentResumed(person)) if enough else (mine,)


def reject_events(
    deployment: Deployment, person: PersonId, seen: Reject, *, now: datetime
) -> tuple[DeploymentEvent, ...]:
    """Refusing the plan; refusing a step that waits takes the deployment back."""
    step = _meant(deployment, seen.step)
    if any(not one.approved and one.person == person for one in deployment.decisions):
        return ()
    if not _waits(deployment, step):
        raise _decided(deployment)
    if step is not None:
        return abort_events(deployment, person)
    return (DeploymentExpired(),) if _expired(deployment, now) else (DeploymentRejected(person),)


def abort_events(deployment: Deployment, person: PersonId) -> tuple[DeploymentEvent, ...]:
    """Ending it from any state; nothing when it is on its way back already."""
    match deployment.state:
        case State.PLANNED:
            reason = f"Aborted by {person} before it began."
            return (AbortAsked(person), DeploymentCancelled(reason, Outcome.ABORTED, person))
        case State.RUNNING | State.PAUSED | State.PROMOTING:
            return (AbortAsked(person), RollbackStarted(f"Aborted by {person}.", Outcome.ABORTED))
        case State.ROLLING_BACK:
            return ()
        case State.SUCCEEDED:
            raise DeploymentNotNow(_state(deployment), "Roll it back instead.", deployment=deployment)
        case _:
            raise DeploymentNotNow(_state(deployment), "Nothing is left to abort.", deployment=deployment)


def return_events(deployment: Deployment, person: PersonId) -> tuple[DeploymentEvent, ...]:
    """Ending it because what is stable was asked for anew: the quick way back."""
    if deployment.state in {State.RUNNING, State.PAUSED, State.PROMOTING}:
        reason = f"{person} asked for {deployment.plan.previous} again."
        return (RollbackStarted(reason, Outcome.SUPERSEDED),)
    return abort_events(deployment, person)


def resume_events(deployment: Deployment, person: PersonId) -> tuple[DeploymentEvent, ...]:
    """Going on from the step it stands at; nothing when it is going on already."""
    match deployment.state:
        case State.RUNNING | State.PROMOTING:
            return ()
        case State.PAUSED if deployment.waiting_step is not None:
            reason = f"{entering(deployment.plan, deployment.waiting_step)} waits for approval."
            raise DeploymentNotNow(reason, "Approve it instead.", deployment=deployment)
        case State.PAUSED:
            return (DeploymentResumed(person),)
        case _ if deployment.ended:
            raise DeploymentNotNow(_state(deployment), "Deploy again instead.", deployment=deployment)
        case _:
            raise DeploymentNotNow(f"It is {deployment.state}, not paused.", "Nothing to do.", deployment=deployment)


def promote_events(deployment: Deployment, person: PersonId, seen: Promote) -> tuple[DeploymentEvent, ...]:
    """Skipping what is left of the steps; nothing when it is promoted already, or this was said before.

    Approvals are not skipped, and where another person has to approve another person has to skip the gates.
    """
    match deployment.state:
        case State.PROMOTING:
            return ()
        case State.RUNNING | State.PAUSED:
            return () if deployment.promotion_asked_by else _promoted(deployment, person, seen)
        case State.PLANNED:
            raise DeploymentNotNow("It has not begun.", "It begins once it is approved.", deployment=deployment)
        case _:
            raise DeploymentNotNow(_state(deployment), "Nothing is left to promote.", deployment=deployment)


def _promoted(deployment: Deployment, person: PersonId, seen: Promote) -> tuple[DeploymentEvent, ...]:
    plan, lacking = deployment.plan, deployment.lacking_step
    if lacking is not None:
        reason = f"{entering(plan, lacking)} still needs approval, which nothing skips."
        raise DeploymentNotNow(reason, "Approve it when it waits.", deployment=deployment)
    if seen.step not in {None, deployment.step} or seen.paused_at not in {None, _paused_at(deployment)}:
        raise DeploymentNotNow(
            "It has gone on since that was shown.", "Look again, then decide.", deployment=deployment
        )
    if plan.four_eyes and plan.approvals_needed and person == deployment.requested_by:
        raise Denied("Another person has to skip its gates: you asked for it.", "Ask a colleague.")
    return (PromotionAsked(person),)


def release_events(deployment: Deployment, person: PersonId) -> tuple[DeploymentEvent, ...]:
    """Letting the former version go before its time; nothing when it is let go already."""
    if deployment.state is State.PROMOTING and deployment.kept_until is not None:
        return (OldReleased(person),)
    if deployment.released_at is not None and deployment.state in {State.PROMOTING, State.SUCCEEDED}:
        return ()
    reason = f"No former version is kept. {_state(deployment)}"
    raise DeploymentNotNow(reason, "There is nothing to finish.", deployment=deployment)


def _paused_at(deployment: Deployment) -> int:
    return int(deployment.paused_at.timestamp()) if deployment.paused_at else 0


def _expired(deployment: Deployment, now: datetime) -> bool:
    expires = deployment.plan.expires_at
    return deployment.state is State.PLANNED and expires is not None and now >= expires


def _check_same(deployment: Deployment, seen: Approve, present: Present) -> None:
    """Raises DeploymentNotNow when what would be done is not what was planned and seen, or may not be done now."""
    plan = deployment.plan
    if {plan.digest} != {present.digest, seen.digest or present.digest}:
        raise _void(deployment, str(plan.version))
    if plan.configuration and plan.configuration != present.configuration:
        raise _void(deployment, f"The configuration of {plan.service} in {plan.environment}")
    if present.hindrance is not None:
        raise DeploymentNotNow(present.hindrance.reason, present.hindrance.remedy, deployment=deployment)


def _void(deployment: Deployment, what: str) -> DeploymentNotNow:
    return DeploymentNotNow(
        f"{what} has changed since this was planned; the approval is void.",
        "Reject this one and ask for it anew.",
        deployment=deployment,
    )


def _meant(deployment: Deployment, seen: int | None) -> int | None:
    waiting = deployment.waiting_step if deployment.state is State.PAUSED else None
    return waiting if seen == WHATEVER_WAITS else seen


def _waits(deployment: Deployment, step: int | None) -> bool:
    """Whether the plan (None) or this step is what waits for people now."""
    if step is None:
        return deployment.state is State.PLANNED
    return deployment.state is State.PAUSED and deployment.waiting_step == step


def _decided(deployment: Deployment) -> DeploymentNotNow:
    decisions = [one for one in deployment.decisions if one.step is None]
    said = ", ".join(_said(one) for one in decisions)
    return DeploymentNotNow(f"This was decided: {said}." if said else _state(deployment), deployment=deployment)


def _said(decision: Decision) -> str:
    verb = "approved" if decision.approved else "rejected"
    return f"{verb} by {decision.person} at {decision.at:%H:%M:%S} UTC"


def _state(deployment: Deployment) -> str:
    outcome = f" ({deployment.outcome})" if deployment.outcome else ""
    return f"The deployment is {deployment.state}{outcome}.".replace("_", " ")
