"""Which buttons a component and a train have, in each of their states."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.readings.offers import Offer, Wish, train_offered, wished
from engine.catalog import EnvironmentName, ServiceName, Version
from engine.commands import TrainId
from engine.components.lifecycle import Component, ComponentState
from engine.deployments.deployment import PersonId
from engine.ports import InstanceId
from engine.trains.train import Train, TrainPlan, TrainState

HERE = Component(ServiceName("shop"), EnvironmentName("production"), version=Version("v1"))
PLAN = TrainPlan(EnvironmentName("production"), (), approvals_needed=1, four_eyes=True, expires_at=None)
TRAIN = Train(TrainId("t-1"), PLAN, PersonId("ada"), datetime(2026, 1, 5, tzinfo=UTC))
S = ComponentState


@pytest.mark.parametrize(
    ("state", "offers"),
    [
        (S.REGISTERED, ()),
        (S.CONFIGURING, ()),
        (S.DEPLOYING, (Wish.STOP,)),
        (S.RUNNING, (Wish.SCALE, Wish.RESTART, Wish.STOP)),
        (S.SCALING, (Wish.SCALE, Wish.STOP)),
        (S.UPDATING, (Wish.SCALE, Wish.STOP)),
        (S.FAILED, (Wish.RETRY, Wish.RESTART, Wish.STOP)),
        (S.STOPPING, ()),
        (S.STOPPED, (Wish.START, Wish.UNREGISTER)),
        (S.UNREGISTERED, ()),
    ],
)
def test_a_component_is_offered_what_its_state_allows(state: ComponentState, offers: tuple[Wish, ...]) -> None:
    component = replace(HERE, state=state)
    assert wished(component, in_flight=False) == offers
    assert wished(component, in_flight=True) == ()
    assert wished(replace(component, deployment="d-1"), in_flight=False) == ()


def test_what_is_being_restarted_is_not_scaled_and_what_never_ran_not_restarted() -> None:
    updating = replace(HERE, state=S.UPDATING, pending=(InstanceId("shop-production-v1-1"),))
    assert wished(updating, in_flight=False) == (Wish.STOP,)
    assert wished(replace(HERE, state=S.FAILED, version=None), in_flight=False) == (Wish.RETRY, Wish.STOP)
    assert wished(None, in_flight=False) == ()


@pytest.mark.parametrize(
    ("state", "offers"),
    [
        (TrainState.PLANNED, (Offer.APPROVE, Offer.REJECT)),
        (TrainState.RUNNING, (Offer.ABORT,)),
        (TrainState.GOING_BACK, ()),
        (TrainState.SUCCEEDED, ()),
        (TrainState.TAKEN_BACK, ()),
        (TrainState.STUCK, (Offer.ABORT,)),
        (TrainState.CANCELLED, ()),
    ],
)
def test_a_train_is_offered_what_its_state_allows(state: TrainState, offers: tuple[Offer, ...]) -> None:
    assert train_offered(replace(TRAIN, state=state)) == offers
