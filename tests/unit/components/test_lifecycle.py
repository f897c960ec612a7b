"""The component's lifecycle is the owner's diagram."""

import pytest

from engine.catalog import Version
from engine.components import changes
from engine.components.lifecycle import LEADS_TO, MOVES, Component, ComponentState, Moved, fold
from engine.errors import IllegalMove, NotNow, TemporaryFailure
from engine.ports import InstanceHealth
from storage.events import NewEvent
from tests.unit.components.house import PLACE, stored, unhealthy

DIAGRAM = """
    Registered --> Configuring: Apply Configuration
    Configuring --> Deploying: Start Deployment
    Deploying --> Running: Deployment Success
    Deploying --> Failed: Deployment Error
    Running --> Scaling: Scale Request
    Scaling --> Running: Scale Complete
    Running --> Updating: Update Request
    Updating --> Running: Update Success
    Updating --> Failed: Update Error
    Running --> Stopping: Stop Request
    Stopping --> Stopped: Stop Complete
    Failed --> Registered: Reset/Retry
"""
ARROWS = {
    (left.strip().lower(), right.partition(":")[0].strip().lower())
    for left, _, right in (line.partition("-->") for line in DIAGRAM.strip().splitlines())
}
V1, V2 = Version("v1"), Version("v2")


def grown(*steps: list[NewEvent]) -> Component:
    """The fold of all the events, in order."""
    events = [event for step in steps for event in step]
    component = fold(None, [stored(event, nth) for nth, event in enumerate(events, 1)])
    assert component is not None
    return component


def then(component: Component, events: list[NewEvent]) -> Component:
    after = fold(component, [stored(one, component.stream_version + nth) for nth, one in enumerate(events, 1)])
    assert after is not None
    return after


def running(version: Version = V1) -> Component:
    component = grown(changes.registered(None, PLACE))
    component = then(component, changes.begun(component, PLACE, version, "d1"))
    return then(component, changes.finished(component, version, "d1"))


def test_the_moves_are_the_arrows_of_the_diagram_and_its_end() -> None:
    moves = {(str(old), str(new)) for old, after in MOVES.items() for new in after}
    assert moves == ARROWS | {("stopped", "unregistered")}


@pytest.mark.parametrize("old", ComponentState)
@pytest.mark.parametrize("moved", Moved)
def test_every_other_move_is_an_error_that_names_both_states(old: ComponentState, moved: Moved) -> None:
    data = {"deployment": "", "target": "v1", "desired": 1, "pending": [], "reason": "", "version": "v1"}
    data |= {"service": "shop", "environment": "production"}
    component = Component(PLACE.service, PLACE.environment, state=old)
    reborn = old is ComponentState.UNREGISTERED and moved is Moved.REGISTERED
    if LEADS_TO[moved] in MOVES[old] or reborn:
        assert then(component, [NewEvent(moved, data)]).state is LEADS_TO[moved]
    else:
        with pytest.raises(IllegalMove):
            then(component, [NewEvent(moved, data)])


def test_a_first_deployment() -> None:
    registered = grown(changes.registered(None, PLACE))
    assert (registered.state, registered.health) == (ComponentState.REGISTERED, "not running")
    begun = then(registered, changes.begun(registered, PLACE, V1, "d1"))
    assert (begun.state, begun.target, begun.deployment) == (ComponentState.DEPLOYING, V1, "d1")
    assert begun.in_charge
    done = then(begun, changes.finished(begun, V1, "d1"))
    assert (done.state, done.version, done.previous, done.target) == (ComponentState.RUNNING, V1, None, None)
    assert not done.in_charge


def test_the_next_deployment_updates_and_keeps_the_former_version_in_mind() -> None:
    component = running()
    component = then(component, changes.begun(component, PLACE, V2, "d2"))
    assert (component.state, component.version, component.target) == (ComponentState.UPDATING, V1, V2)
    component = then(component, changes.finished(component, V2, "d2"))
    assert (component.state, component.version, component.previous) == (ComponentState.RUNNING, V2, V1)


def test_repeats_change_nothing() -> None:
    component = running()
    assert changes.registered(component, PLACE) == []
    assert changes.begun(component, PLACE, V1, "d1") == []
    assert changes.finished(component, V1, "d1") == []
    assert changes.failed(component, "late", "d1", restored=False) == []
    begun = then(component, changes.begun(component, PLACE, V2, "d2"))
    assert changes.begun(begun, PLACE, V2, "d2") == []


def test_two_deployments_cannot_be_in_charge() -> None:
    component = running()
    component = then(component, changes.begun(component, PLACE, V2, "d2"))
    with pytest.raises(NotNow, match="d2"):
        changes.begun(component, PLACE, V1, "d3")
    with pytest.raises(IllegalMove):
        changes.finished(component, V1, "d3")


def test_a_failed_update_whose_stable_version_runs_goes_the_whole_way_round() -> None:
    component = running()
    component = then(component, changes.begun(component, PLACE, V2, "d2"))
    events = changes.failed(component, "The gate failed.", "d2", restored=True)
    states = [LEADS_TO[Moved(event.type)] for event in events]
    assert states == ["failed", "registered", "configuring", "deploying", "running"]
    after = then(component, events)
    assert (after.version, after.deployment, after.last_deployment) == (V1, "", "d2")


def test_a_failed_deployment_stays_failed_until_the_next() -> None:
    component = grown(changes.registered(None, PLACE))
    component = then(component, changes.begun(component, PLACE, V1, "d1"))
    failed = then(component, changes.failed(component, "No such file.", "d1", restored=False))
    assert (failed.state, failed.reason, failed.version) == (ComponentState.FAILED, "No such file.", None)
    again = then(failed, changes.begun(failed, PLACE, V1, "d2"))
    assert again.state is ComponentState.DEPLOYING


def test_a_deployment_takes_over_a_repair() -> None:
    component = running()
    component = then(component, changes.repair_begun(component, "died"))
    assert (component.state, component.in_charge) == (ComponentState.UPDATING, False)
    component = then(component, changes.begun(component, PLACE, V2, "d2"))
    assert (component.state, component.deployment) == (ComponentState.UPDATING, "d2")


def test_a_stopped_component_is_registered_anew_before_it_is_deployed() -> None:
    stops = [NewEvent(moved, {}) for moved in (Moved.STOP_REQUESTED, Moved.STOPPED)]
    component = then(running(), stops)
    component = then(component, changes.begun(component, PLACE, V2, "d2"))
    assert (component.state, component.version) == (ComponentState.DEPLOYING, None)


def test_nothing_begins_while_it_is_being_stopped() -> None:
    component = then(running(), [NewEvent(Moved.STOP_REQUESTED, {})])
    with pytest.raises(TemporaryFailure, match="being stopped"):
        changes.begun(component, PLACE, V2, "d2")


def test_a_restart_needs_something_that_runs_and_no_deployment() -> None:
    fresh = grown(changes.registered(None, PLACE))
    with pytest.raises(NotNow, match="Nothing of shop runs"):
        changes.restart_asked(fresh, PLACE, [], "ada")
    component = then(running(), changes.begun(running(), PLACE, V2, "d2"))
    with pytest.raises(NotNow, match="Deployment d2"):
        changes.restart_asked(component, PLACE, [], "ada")


def test_health_in_words_counts_the_stable_version() -> None:
    component = then(running(), [unhealthy("shop-production-v1-0", InstanceHealth.HEALTHY)])
    assert (component.healthy, component.health) == (1, "1 of 2 healthy")


def test_nothing_comes_before_the_registration() -> None:
    with pytest.raises(IllegalMove):
        grown([NewEvent(Moved.CONFIGURED, {})])
