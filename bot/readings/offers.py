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
    PROMOTE = "promote"
    FINISH = "finish"
    ABORT = "abort"
    ROLL_BACK = "roll_back"


_WORKING: Final = frozenset({State.PLANNED, State.RUNNING, State.PROMOTING})
_AT_STEPS: Final = frozenset({State.RUNNING, State.PAUSED})


def offered(deployment: Deployment) -> tuple[Offer, ...]:  # noqa: PLR0911  # a table
    """The decisions, the likeliest first. Whether somebody may take them is checked when they do."""
    match deployment.state:
        case State.PLANNED if not deployment.approved:
            return (Offer.APPROVE, Offer.REJECT, Offer.ABORT)
        case State.PAUSED if deployment.waiting_step is not None:
            return (Offer.APPROVE, Offer.ABORT)
        case State.PAUSED:
            return (Offer.RESUME, *_promotion(deployment), Offer.ABORT)
        case State.PROMOTING if deployment.kept_until is not None:
            return (Offer.FINISH, Offer.ABORT)
        case state if state in _WORKING:
            return () if deployment.abort_asked_by else (*_promotion(deployment), Offer.ABORT)
        case State.SUCCEEDED if deployment.plan.previous not in {None, deployment.plan.version}:
            return (Offer.ROLL_BACK,)
    return ()


def _promotion(deployment: Deployment) -> tuple[Offer, ...]:
    """Skipping what is left of the steps, where no approval is."""
    free = deployment.lacking_step is None and deployment.promotion_asked_by is None
    here = deployment.state in _AT_STEPS and deployment.step >= 0 and not deployment.plan.first
    return (Offer.PROMOTE,) if here and free else ()
