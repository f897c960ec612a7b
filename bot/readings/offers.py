"""What people may decide about a deployment, a train or a component as it stands: the buttons they are shown. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from enum import StrEnum
from typing import Final

from engine.components.lifecycle import Component, ComponentState
from engine.components.wishes import WAYS
from engine.deployments.deployment import Deployment, State
from engine.trains.train import Train, TrainState


class Offer(StrEnum):
    """A decision that makes sense now."""

    APPROVE = "approve"
    REJECT = "reject"
    RESUME = "resume"
    PROMOTE = "promote"
    FINISH = "finish"
    ABORT = "abort"
    ROLL_BACK = "roll_back"


class Wish(StrEnum):
    """A change of a component's life that makes sense now."""

    RETRY = "retry"
    START = "start"
    SCALE = "scale"
    RESTART = "restart"
    STOP = "stop"
    UNREGISTER = "unregister"


_WAYS: Final[Mapping[str, Container[ComponentState]]] = dict(WAYS.items())
_RESTARTS: Final = frozenset({ComponentState.RUNNING, ComponentState.FAILED})
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


def train_offered(train: Train) -> tuple[Offer, ...]:
    """The decisions about a train; aborting one that is stuck tries once more to take it back."""
    match train.state:
        case TrainState.PLANNED if not train.approved:
            return (Offer.APPROVE, Offer.REJECT)
        case TrainState.PLANNED | TrainState.RUNNING | TrainState.STUCK:
            return (Offer.ABORT,)
    return ()


def wished(component: Component | None, *, in_flight: bool) -> tuple[Wish, ...]:
    """The changes, the likeliest first; none while a deployment is at it or waits (`in_flight`)."""
    if component is None or component.in_charge or in_flight:
        return ()
    return tuple(one for one in Wish if _granted(component, one))


def _granted(component: Component, wish: Wish) -> bool:
    if wish is Wish.RESTART:
        return component.state in _RESTARTS and component.version is not None
    if wish is Wish.SCALE and component.pending:
        return False
    return component.state in _WAYS[wish.value]
