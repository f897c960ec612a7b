"""What the thread of a deployment says of each fact: one short line, or nothing. Pure."""

from __future__ import annotations

from typing import assert_never

from engine.deployments.deployment import Deployment, Purpose, State
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
from engine.deployments.words import render_time, stage, step_name


def line_of(event: DeploymentEvent, deployment: Deployment) -> str:  # noqa: C901, PLR0911, PLR0912
    """The line for `event` on `deployment` as it was before it; empty when the thread need not tell it."""
    version = deployment.plan.version
    match event:
        case DeploymentPlanned():
            return _planned(deployment)
        case DeploymentApproved(person, None):
            return f"Approved by {person}."
        case DeploymentApproved(person, step):
            return f"{step_name(deployment.plan, step or 0)} approved by {person}."
        case DeploymentRejected(person):
            return f"Rejected by {person}."
        case DeploymentExpired():
            return "Expired: nobody decided in time."
        case DeploymentOverridden(person, what, reason):
            return f"Overridden by {person}: {what} Reason: {reason}"
        case DeploymentHeld(reason, _):
            return f"Waits: {reason}"
        case BackupBegun():
            return "Backing up the data before anything is touched."
        case BackedUp(backup, size, seconds):
            return f"Backed up as {backup}: {size:,} bytes in {seconds:g} s."
        case DeploymentStarted():
            return f"Started: bringing up {version}."
        case StepEntered(step, weight, reason):
            why = f", for {reason}" if reason else ""
            return f"{_entered(deployment, step)}: {_aim(weight)}{why}."
        case WeightShifted(0) if deployment.previewing and deployment.state is not State.ROLLING_BACK:
            return f"{version} is up and gets no traffic yet."
        case WeightShifted(weight):
            return f"The router sends {weight} % to {version}."
        case InstanceDied(instance, _, note):
            return f"{instance} ended by itself: {note}" if note else f"{instance} ended by itself."
        case StepPassed(step):
            return f"{step_name(deployment.plan, step)} passed."
        case StepExtended(step, reason):
            return f"{step_name(deployment.plan, step)} stays once more: {reason}"
        case DeploymentPaused(reason, _):
            return f"Paused: {reason}"
        case DeploymentResumed(person):
            return f"Resumed by {person}."
        case AbortAsked(person):
            return f"Abort asked by {person}."
        case PromotionAsked(person):
            return f"Promoted at once by {person}: what is left of the steps is skipped."
        case PromotionStarted():
            return _promoting(deployment)
        case OldReleased(person):
            why = f"let go early by {person}" if person else "kept long enough"
            return f"{deployment.plan.previous} was {why}: its instances stop."
        case RollbackStarted(reason, _):
            return f"Rolling back: {reason}"
        case TroubleMet(reason):
            return f"Trouble, trying again: {reason}" if reason != deployment.trouble else ""
        case TroubleCleared():
            return "Works again."
        case DeploymentSucceeded():
            return f"Done: {version} runs alone."
        case DeploymentRolledBack(but):
            said = f"{deployment.plan.previous} runs as before." if deployment.plan.previous else "nothing runs."
            return f"Rolled back: {said} {but}".strip()
        case DeploymentFailed(reason):
            return f"Failed: {reason}"
        case DeploymentCancelled(reason, _, _):
            return f"Cancelled: {reason}"
        case ProgressSeen():
            return ""
        case _:
            assert_never(event)


def _planned(deployment: Deployment) -> str:
    plan = deployment.plan
    verb = "roll back to" if deployment.purpose is Purpose.ROLL_BACK else "deploy"
    return f"{deployment.requested_by} asked to {verb} {plan.version} of {plan.service} in {plan.environment}."


def _entered(deployment: Deployment, step: int) -> str:
    name = step_name(deployment.plan, step)
    return name if stage(deployment.plan, step) else f"{name} of {len(deployment.plan.strategy.steps)}"


def _aim(weight: int) -> str:
    return f"aiming at {weight} %" if weight else "bringing it up whole, without traffic"


def _promoting(deployment: Deployment) -> str:
    plan = deployment.plan
    if plan.previous and plan.strategy.keep_old:
        kept = render_time(plan.strategy.keep_old)
        return f"Promoting {plan.version}: {plan.previous} is kept for {kept} from its first traffic, then it stops."
    if plan.first:
        return f"Promoting {plan.version}: it takes all traffic."
    return f"Promoting {plan.version}: it takes all traffic, then the old instances stop."
