"""What people may decide about a deployment as it stands: the buttons of its message and of its page. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from engine.deployments.deployment import Deployment, State


class Offer(StrEnum):
    """A decision that makes sense now."""

    APPROVE = "approve"
    REJECT = "reject"
    RESUME = "resume"
    ABORT = "abort"
    ROLL_BACK = "roll_back"


_WORKING: Final = frozenset({State.PLANNED, State.RUNNING, State.PROMOTING})


def offered(deployment: Deployment) -> tuple[Offer, ...]:
    """The decisions, the likeliest first. Whether somebody may take them is checked when they do."""
    match deployment.state:
        case State.PLANNED if not deployment.approved:
            return (Offer.APPROVE, Offer.REJECT, Offer.ABORT)
        case State.PAUSED if deployment.waiting_step is not None:
            return (Offer.APPROVE, Offer.ABORT)
        case State.PAUSED:
            return (Offer.RESUME, Offer.ABORT)
        case state if state in _WORKING:
            return () if deployment.abort_asked_by else (Offer.ABORT,)
        case State.SUCCEEDED if deployment.plan.previous not in {None, deployment.plan.version}:
            return (Offer.ROLL_BACK,)
    return ()
