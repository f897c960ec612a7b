"""What people ask of a component's life, as the events to append: each decides from the fold. Pure.

Every way is one of the owner's diagram. It has no arrow from failed, or from the end of a start that is under way, to
stopping, nor one back from stopped: such a wish goes round by the arrows there are, and each is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from engine.catalog import Placement
from engine.components.changes import choice, named
from engine.components.lifecycle import Chosen, Component, ComponentState, Moved, wanted
from engine.errors import NotNow
from storage.codec import JSON
from storage.events import NewEvent

Wish = Literal["scale", "stop", "start", "retry", "unregister"]

_S = ComponentState
WAYS: Final[Mapping[Wish, Mapping[ComponentState, tuple[Moved, ...]]]] = {
    "scale": {_S.RUNNING: (), _S.SCALING: (Moved.SCALED,), _S.UPDATING: (Moved.UPDATED,)},
    "stop": {
        _S.RUNNING: (),
        _S.SCALING: (Moved.SCALED,),
        _S.UPDATING: (Moved.UPDATED,),
        _S.DEPLOYING: (Moved.DEPLOYED,),
        _S.FAILED: (Moved.RESET, Moved.CONFIGURED, Moved.DEPLOYMENT_STARTED, Moved.DEPLOYED),
    },
    "start": {_S.STOPPED: (Moved.UNREGISTERED, Moved.REGISTERED, Moved.CONFIGURED)},
    "retry": {_S.FAILED: (Moved.RESET, Moved.CONFIGURED)},
    "unregister": {_S.STOPPED: ()},
}
"""From which states a wish is granted, and by which moves it gets to where it begins."""

_DONE: Final[Mapping[Wish, Mapping[ComponentState, str]]] = {
    "start": {_S.RUNNING: "runs already"},
    "retry": {_S.RUNNING: "has not failed: it runs"},
    "stop": {_S.STOPPING: "is being stopped already", _S.STOPPED: "is stopped already"},
    "unregister": {_S.UNREGISTERED: "is unregistered already"},
}
_WHY: Final[Mapping[ComponentState, str]] = {
    _S.REGISTERED: "has nothing deployed",
    _S.CONFIGURING: "is being configured",
    _S.DEPLOYING: "is being started",
    _S.RUNNING: "runs",
    _S.SCALING: "is being scaled",
    _S.UPDATING: "is being repaired or restarted",
    _S.FAILED: "has failed",
    _S.STOPPING: "is being stopped",
    _S.STOPPED: "is stopped",
    _S.UNREGISTERED: "is not registered",
}
_REMEDIES: Final[Mapping[ComponentState, str]] = {
    _S.REGISTERED: "Deploy a version first.",
    _S.CONFIGURING: "Wait a moment.",
    _S.DEPLOYING: "Wait until it runs, or `/ops stop {place}`.",
    _S.SCALING: "Wait until it has ended.",
    _S.UPDATING: "Wait until it has ended.",
    _S.FAILED: "`/ops retry {place}` brings back what was stable.",
    _S.STOPPING: "Wait until it is stopped.",
    _S.STOPPED: "`/ops start {place}` brings back what ran.",
    _S.UNREGISTERED: "Deploy a version: that registers it.",
}


def scale_wished(component: Component, place: Placement, instances: int, settings: int, by: str) -> list[NewEvent]:
    """So many instances shall run, while the settings say `settings`. Raises NotNow."""
    _check(component, place, "scale")
    where = f"{place.service} in {place.environment}"
    if component.pending:
        raise NotNow(f"The instances of {where} are being restarted.", "Wait until it has ended.")
    if component.desired == instances and len(wanted(component)) == instances:
        raise NotNow(f"{where} has {instances} instances already.", "Nothing to do.")
    data: JSON = {
        "desired": instances,
        "reason": f"{instances} instances were asked for by {by}.",
        "chosen": choice(Chosen(instances, settings)),
        "before": component.desired,
    }
    return [*_way(component, place, "scale", by), NewEvent(Moved.SCALE_REQUESTED, data, actor=by)]


def stop_wished(component: Component, place: Placement, by: str, seen: int | None = None) -> list[NewEvent]:
    """Nothing of it shall run; `seen` is what was decided last when it was asked. Raises NotNow."""
    _check(component, place, "stop")
    _check_seen(component, place, "stop", seen)
    data: JSON = {"reason": f"A stop was asked for by {by}."}
    return [*_way(component, place, "stop", by), NewEvent(Moved.STOP_REQUESTED, data, actor=by)]


def start_wished(component: Component, place: Placement, by: str) -> list[NewEvent]:
    """What was stopped shall run again, as it did. Raises NotNow.

    It is a new life: unregistered, registered anew, and brought up like a first deployment.
    """
    _check(component, place, "start")
    if component.version is None:
        raise NotNow(f"Nothing ever ran of {place.service} in {place.environment}.", "Deploy a version.")
    return [*_way(component, place, "start", by), _bring_up(component, place, f"A start was asked for by {by}.", by)]


def retry_wished(component: Component, place: Placement, by: str) -> list[NewEvent]:
    """A failed component shall run what was stable; with nothing stable it is only registered. Raises NotNow."""
    _check(component, place, "retry")
    if component.version is None:
        return [NewEvent(Moved.RESET, {}, actor=by)]
    return [*_way(component, place, "retry", by), _bring_up(component, place, f"A retry was asked for by {by}.", by)]


def unregister_wished(component: Component, place: Placement, by: str, seen: int | None = None) -> list[NewEvent]:
    """It is no longer looked after; its history stays. `seen` as for a stop. Raises NotNow."""
    _check(component, place, "unregister")
    _check_seen(component, place, "unregister", seen)
    return [NewEvent(Moved.UNREGISTERED, {}, actor=by)]


def _check(component: Component, place: Placement, wish: Wish) -> None:
    where, state = f"{place.service} in {place.environment}", component.state
    if component.in_charge:
        remedy = f"Wait for its end or abort it (`/ops abort {component.deployment}`), then {wish}."
        raise NotNow(f"Deployment {component.deployment} is at {where}.", remedy)
    if state in WAYS[wish]:
        return
    done = _DONE.get(wish, {}).get(state)
    if done is not None:
        raise NotNow(f"{where} {done}.", "Nothing to do.")
    raise NotNow(
        f"{where} {_told(component)}", _remedy(wish, state).format(place=f"{place.service} {place.environment}")
    )


def _check_seen(component: Component, place: Placement, wish: Wish, seen: int | None) -> None:
    """A question is answered once, and only for what it showed."""
    if seen is not None and seen != component.decided:
        where = f"{place.service} in {place.environment}"
        remedy = f"Ask again with `/ops {wish} {place.service} {place.environment}`."
        raise NotNow(f"This was decided, or {where} was changed since it was asked.", remedy)


def _told(component: Component) -> str:
    why = _WHY[component.state]
    failed = component.state is ComponentState.FAILED and component.reason
    return f"{why}: {component.reason}" if failed else f"{why}."


def _remedy(wish: Wish, state: ComponentState) -> str:
    if wish == "unregister" and state not in {ComponentState.STOPPING, ComponentState.REGISTERED}:
        return "Stop it first: `/ops stop {place}`."
    return _REMEDIES.get(state, "Nothing to do.")


def _way(component: Component, place: Placement, wish: Wish, by: str) -> Sequence[NewEvent]:
    data: Mapping[Moved, JSON] = {
        Moved.REGISTERED: named(component, place),
        Moved.UPDATED: {"version": component.version},
        Moved.DEPLOYED: {"version": component.aim},
        Moved.DEPLOYMENT_STARTED: _start(component, place, "It is on its way to be stopped."),
    }
    return [NewEvent(moved, data.get(moved, {}), actor=by, priority="low") for moved in WAYS[wish][component.state]]


def _bring_up(component: Component, place: Placement, reason: str, by: str) -> NewEvent:
    return NewEvent(Moved.DEPLOYMENT_STARTED, _start(component, place, reason), actor=by)


def _start(component: Component, place: Placement, reason: str) -> JSON:
    """As a deployment begins, with nobody in charge; crashes are counted anew."""
    return {
        "deployment": "",
        "target": component.version,
        "desired": place.target.instances,
        "pending": [],
        "reason": reason,
        "asked": True,
    }
