"""From facts to state: `apply` gives the deployment after one more event. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from engine.deployments.deployment import (
    BACKING_UP,
    Decision,
    Deployment,
    DeploymentId,
    Outcome,
    Purpose,
    State,
    Step,
    Verdict,
    latest,
)
from engine.deployments.events import (
    AbortAsked,
    BackedUp,
    BackupBegun,
    DeploymentApproved,
    DeploymentCancelled,
    DeploymentEvent,
    DeploymentExpired,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentOverridden,
    DeploymentPaused,
    DeploymentPlanned,
    DeploymentRejected,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    DeploymentSucceeded,
    InstanceDied,
    OldReleased,
    ProgressSeen,
    PromotionAsked,
    PromotionStarted,
    RollbackStarted,
    StepEntered,
    StepExtended,
    StepPassed,
    TroubleCleared,
    TroubleMet,
    WeightShifted,
)
from engine.deployments.story import line_of
from engine.deployments.words import sentence


def begin(id: DeploymentId, event: DeploymentPlanned, *, at: datetime) -> Deployment:  # noqa: A002
    """The deployment its first event makes."""
    new = Deployment(id=id, plan=event.plan, purpose=event.purpose, requested_by=event.requested_by, requested_at=at)
    return _written(new, new, event, at)


def apply(deployment: Deployment, event: DeploymentEvent, *, at: datetime) -> Deployment:
    """The deployment after `event`. Raises IllegalMove when its state does not allow it."""
    return _written(deployment, _changed(deployment, event, at), event, at)


def _written(before: Deployment, after: Deployment, event: DeploymentEvent, at: datetime) -> Deployment:
    text = line_of(event, before)
    history = (*before.history, Step(text, at)) if text else before.history
    return replace(after, history=history, updated_at=at, stream_version=before.stream_version + 1)


def _changed(deployment: Deployment, event: DeploymentEvent, at: datetime) -> Deployment:  # noqa: C901, PLR0911, PLR0912
    """One case an event; the complexity is that of the list."""
    match event:
        case DeploymentPlanned():
            raise ValueError(f"Deployment {deployment.id} was planned twice.")
        case DeploymentApproved(person, step):
            return replace(deployment, decisions=(*deployment.decisions, Decision(person, True, at, step)))
        case DeploymentRejected(person):
            refused = replace(deployment, decisions=(*deployment.decisions, Decision(person, False, at)))
            return _ended(refused, State.CANCELLED, Outcome.REJECTED, "", at)
        case DeploymentExpired():
            return _ended(deployment, State.CANCELLED, Outcome.EXPIRED, "Nobody decided in time.", at)
        case DeploymentOverridden():
            return deployment  # the plan holds it; the fact is for the record
        case DeploymentHeld(reason, in_line):
            since = (deployment.in_line_since or at) if in_line else None
            return replace(deployment, held=reason, in_line_since=since)
        case BackupBegun():
            return replace(deployment, held=BACKING_UP)
        case BackedUp(backup):
            return replace(deployment, held="", backup=backup)
        case DeploymentStarted(requests, lost, fence, well):
            begun = replace(deployment, counted=(requests, lost), fence=fence, well_before=well)
            begun = replace(begun, held="", in_line_since=None)
            return begun.moved(State.RUNNING, started_at=at, progressed_at=at)
        case StepEntered(step):
            return _entered(deployment, step, at)
        case WeightShifted(weight):
            return _shifted(deployment, weight, at)
        case ProgressSeen():
            return _progressed(deployment, event, at)
        case InstanceDied(_, run, _):
            return replace(deployment, deaths=(*deployment.deaths, run))
        case StepPassed():
            return replace(deployment, step_passed=True, progressed_at=at)
        case StepExtended():
            return replace(deployment, step_extended=True)
        case DeploymentPaused(reason, waiting):
            return deployment.moved(State.PAUSED, reason=reason, waiting_step=waiting, paused_at=at)
        case DeploymentResumed():
            return _resumed(deployment, at)
        case AbortAsked(person):
            return replace(deployment, abort_asked_by=person)
        case PromotionAsked(person):
            going = _resumed(deployment, at) if deployment.state is State.PAUSED else deployment
            return replace(going, promotion_asked_by=person, progressed_at=at)
        case PromotionStarted():
            return deployment.moved(State.PROMOTING, promoted_at=at, progressed_at=at)
        case OldReleased():
            return replace(deployment, released_at=at, progressed_at=at)
        case RollbackStarted(reason, outcome):
            return _turned_back(deployment, reason, outcome, at)
        case TroubleMet(reason):
            return replace(deployment, trouble=reason, trouble_since=deployment.trouble_since or at)
        case TroubleCleared(anew):
            since = at if anew else deployment.progressed_at
            return replace(deployment, trouble="", trouble_since=None, progressed_at=since)
        case DeploymentSucceeded():
            fast = deployment.purpose is Purpose.ROLL_BACK or deployment.promotion_asked_by is not None
            return _ended(deployment, State.SUCCEEDED, Outcome.FAST_PROMOTED if fast else Outcome.PROMOTED, "", at)
        case DeploymentRolledBack(but):
            outcome = deployment.outcome or Outcome.BROKEN
            return _ended(deployment, State.ROLLED_BACK, outcome, f"{sentence(deployment.reason)} {but}".strip(), at)
        case DeploymentFailed(reason):
            return _ended(deployment, State.FAILED, Outcome.BROKEN, reason, at)
        case DeploymentCancelled(reason, outcome, _):
            return _ended(deployment, State.CANCELLED, outcome, reason, at)
        case _:
            assert_never(event)


def _entered(deployment: Deployment, step: int, at: datetime) -> Deployment:
    return replace(
        deployment,
        step=step,
        step_entered_at=None,
        step_extended=False,
        step_passed=False,
        waiting_step=None,
        measurements=(),
        measured_at=None,
        gate_errors=0,
        progressed_at=at,
    )


def _shifted(deployment: Deployment, weight: int, at: datetime) -> Deployment:
    steps = deployment.plan.strategy.steps
    moving = deployment.state in {State.RUNNING, State.PAUSED} and 0 <= deployment.step < len(steps)
    reached = moving and steps[deployment.step].weight == weight
    judged_anew = (weight > 0 and deployment.weight == 0) or (reached and weight == 0)
    return replace(
        deployment,
        weight=weight,
        step_entered_at=deployment.step_entered_at or (at if reached else None),
        traffic_at=at if judged_anew else deployment.traffic_at,
        progressed_at=at,
    )


def _progressed(deployment: Deployment, event: ProgressSeen, at: datetime) -> Deployment:
    measurements = deployment.measurements
    for one in event.measurements:
        measurements = latest(measurements, one)
    failed = any(one.verdict is Verdict.ERROR for one in event.measurements)
    return replace(
        deployment,
        measurements=measurements,
        measured_at=at,
        gate_errors=deployment.gate_errors + 1 if failed else 0,
        figures=event.figures,
        requests=deployment.requests + _since(deployment.counted[0], event.requests),
        lost=deployment.lost + _since(deployment.counted[1], event.lost),
        counted=(event.requests, event.lost),
    )


def _since(before: int, now: int) -> int:
    """The growth of a counter that starts at zero again when the router does."""
    return now - before if now >= before else now


def _resumed(deployment: Deployment, at: datetime) -> Deployment:
    """The dwell begins anew, so that the gates judge what comes after the person's decision."""
    return deployment.moved(
        State.RUNNING,
        reason="",
        waiting_step=None,
        paused_at=None,
        step_entered_at=at if deployment.step_entered_at else None,
        step_extended=False,
        measurements=(),
        measured_at=None,
        gate_errors=0,
        progressed_at=at,
    )


def _turned_back(deployment: Deployment, reason: str, outcome: Outcome, at: datetime) -> Deployment:
    return deployment.moved(
        State.ROLLING_BACK,
        reason=reason,
        outcome=outcome,
        paused_at=None,
        waiting_step=None,
        trouble="",
        trouble_since=None,
        progressed_at=at,
    )


def _ended(deployment: Deployment, state: State, outcome: Outcome, reason: str, at: datetime) -> Deployment:
    return deployment.moved(
        state,
        outcome=outcome,
        reason=reason,
        ended_at=at,
        paused_at=None,
        held="",
        in_line_since=None,
        trouble="",
        trouble_since=None,
    )
