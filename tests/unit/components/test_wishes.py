"""Every wish in every state: granted by arrows of the diagram, or refused with what to do; nothing in between."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.components import wishes
from engine.components.lifecycle import (
    LEADS_TO,
    MOVES,
    Chosen,
    Component,
    ComponentState,
    InstanceNote,
    Moved,
    fold,
)
from engine.components.sizes import check_number, with_choices
from engine.components.wishes import WAYS, Wish
from engine.errors import Invalid, NotNow
from engine.ports import InstanceHealth
from engine.targets import LambdaTarget
from storage.events import NewEvent
from tests.unit.components.house import CATALOG, PLACE, V1, name, stored

S = ComponentState
NOTES = {name("v1", number): InstanceNote(V1, InstanceHealth.HEALTHY) for number in (1, 2)}

# What each wish leads to; every pair that is missing is refused.
TABLE: dict[Wish, dict[ComponentState, ComponentState]] = {
    "scale": dict.fromkeys((S.RUNNING, S.SCALING, S.UPDATING), S.SCALING),
    "stop": dict.fromkeys((S.RUNNING, S.SCALING, S.UPDATING, S.DEPLOYING, S.FAILED), S.STOPPING),
    "start": {S.STOPPED: S.DEPLOYING},
    "retry": {S.FAILED: S.DEPLOYING},
    "unregister": {S.STOPPED: S.UNREGISTERED},
}
ASK: dict[Wish, Callable[[Component], list[NewEvent]]] = {
    "scale": lambda one: wishes.scale_wished(one, PLACE, 3, 2, "ada"),
    "stop": lambda one: wishes.stop_wished(one, PLACE, "ada"),
    "start": lambda one: wishes.start_wished(one, PLACE, "ada"),
    "retry": lambda one: wishes.retry_wished(one, PLACE, "ada"),
    "unregister": lambda one: wishes.unregister_wished(one, PLACE, "ada"),
}


def component(state: ComponentState) -> Component:
    """A component whose v1 is stable and runs twice, in this state."""
    return Component(PLACE.service, PLACE.environment, state, V1, desired=2, instances=NOTES, reason="It broke.")


def states_on_the_way(before: Component, events: list[NewEvent]) -> list[ComponentState]:
    return [before.state, *(LEADS_TO[Moved(event.type)] for event in events)]


@pytest.mark.parametrize("state", ComponentState)
@pytest.mark.parametrize("wish", ASK)
def test_every_wish_in_every_state(wish: Wish, state: ComponentState) -> None:
    before = component(state)
    if state not in TABLE[wish]:
        with pytest.raises(NotNow) as refused:
            ASK[wish](before)
        assert "shop in production" in refused.value.reason
        assert refused.value.remedy
        return
    events = ASK[wish](before)
    after = fold(before, [stored(event, number) for number, event in enumerate(events, 1)])
    assert after is not None
    assert after.state is TABLE[wish][state]
    assert {event.actor for event in events} == {"ada"}
    on_the_way = states_on_the_way(before, events)
    for old, new in itertools.pairwise(on_the_way):
        assert new in MOVES[old] or (old, new) == (S.UNREGISTERED, S.REGISTERED)


@pytest.mark.parametrize("wish", ASK)
@pytest.mark.parametrize("state", [S.DEPLOYING, S.UPDATING])
def test_nothing_is_wished_while_a_deployment_is_in_charge(wish: Wish, state: ComponentState) -> None:
    with pytest.raises(NotNow, match="Deployment d-7 is at shop in production") as refused:
        ASK[wish](replace(component(state), deployment="d-7"))
    assert "/ops abort d-7" in refused.value.remedy


def test_the_ways_are_those_of_the_table() -> None:
    assert {wish: set(ways) for wish, ways in WAYS.items()} == {wish: set(ends) for wish, ends in TABLE.items()}


def test_the_number_there_is_needs_no_scaling() -> None:
    with pytest.raises(NotNow, match="has 2 instances already"):
        wishes.scale_wished(component(S.RUNNING), PLACE, 2, 2, "ada")


def test_a_restart_under_way_is_not_cut_short_by_scaling() -> None:
    restarting = replace(component(S.UPDATING), pending=(name("v1", 2),))
    with pytest.raises(NotNow, match="being restarted"):
        wishes.scale_wished(restarting, PLACE, 3, 2, "ada")


def test_why_it_failed_is_told_with_the_refusal() -> None:
    with pytest.raises(NotNow, match="has failed: It broke") as refused:
        wishes.scale_wished(component(S.FAILED), PLACE, 3, 2, "ada")
    assert "/ops retry shop production" in refused.value.remedy


def test_with_nothing_stable_a_retry_only_resets_and_nothing_can_be_started() -> None:
    failed = replace(component(S.FAILED), version=None)
    assert [event.type for event in wishes.retry_wished(failed, PLACE, "ada")] == [Moved.RESET]
    with pytest.raises(NotNow, match="Nothing ever ran"):
        wishes.start_wished(replace(component(S.STOPPED), version=None), PLACE, "ada")


@pytest.mark.parametrize(("instances", "word"), [(0, "/ops stop"), (-1, "/ops stop"), (65, "At most 64")])
def test_numbers_that_cannot_be(instances: int, word: str) -> None:
    with pytest.raises(Invalid, match=word) as refused:
        check_number(PLACE, instances)
    assert refused.value.field == "instances"


def test_a_lambda_function_is_not_scaled() -> None:
    place = replace(PLACE, target=LambdaTarget("shop", "live", "shop:{version}", "eu-west-1"))
    with pytest.raises(Invalid, match="scales by itself"):
        check_number(place, 2)


def test_a_choice_holds_while_the_settings_say_the_same() -> None:
    chosen = replace(component(S.RUNNING), chosen=Chosen(5, 2))
    assert with_choices(CATALOG, [chosen]).placement("shop", "production").target.instances == 5
    assert with_choices(CATALOG, [replace(chosen, chosen=Chosen(5, 3))]).placement("shop", "production") == PLACE
    assert with_choices(CATALOG, [component(S.RUNNING)]) is CATALOG


def test_a_choice_survives_a_stop_and_a_new_life() -> None:
    stopped = replace(component(S.STOPPED), chosen=Chosen(5, 2))
    events = wishes.start_wished(stopped, PLACE, "ada")
    after = fold(stopped, [stored(event, number) for number, event in enumerate(events, 1)])
    assert after is not None
    assert (after.chosen, after.version, after.aim) == (Chosen(5, 2), None, V1)
