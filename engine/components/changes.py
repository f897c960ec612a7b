"""What happens to a component, as the events to append: each function decides from the fold. Pure.

An empty answer means that nothing is to be done, since it was done before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from engine.catalog import Placement, Version
from engine.components.lifecycle import SYSTEM, TROUBLED, Chosen, Component, ComponentState, Moved, wanted
from engine.errors import IllegalMove, NotNow, TemporaryFailure
from engine.ports import InstanceId
from storage.codec import JSON
from storage.events import NewEvent

_SOON: Final = timedelta(seconds=1)
_WAYS: Final[Mapping[ComponentState, tuple[Moved, ...]]] = {
    ComponentState.UNREGISTERED: (Moved.REGISTERED, Moved.CONFIGURED),
    ComponentState.REGISTERED: (Moved.CONFIGURED,),
    ComponentState.CONFIGURING: (),
    ComponentState.DEPLOYING: (Moved.DEPLOYMENT_FAILED, Moved.RESET, Moved.CONFIGURED),
    ComponentState.RUNNING: (),
    ComponentState.SCALING: (Moved.SCALED,),
    ComponentState.UPDATING: (Moved.UPDATED,),  # a repair of ours, which the change takes over
    ComponentState.FAILED: (Moved.RESET, Moved.CONFIGURED),
    ComponentState.STOPPED: (Moved.UNREGISTERED, Moved.REGISTERED, Moved.CONFIGURED),
}
_LIVE: Final = frozenset(
    {ComponentState.RUNNING, ComponentState.SCALING, ComponentState.UPDATING, ComponentState.DEPLOYING}
)
_UPDATED_FROM: Final = frozenset({ComponentState.RUNNING, ComponentState.SCALING, ComponentState.UPDATING})


def registered(component: Component | None, place: Placement) -> list[NewEvent]:
    """The settings name it for the first time. What a person unregistered comes back by a deployment alone."""
    return [NewEvent(Moved.REGISTERED, named(component, place), priority="low")] if component is None else []


def begun(component: Component | None, place: Placement, version: Version, deployment: str) -> list[NewEvent]:
    """A deployment takes it. Raises NotNow when another is at it, TemporaryFailure while it is being stopped."""
    if component is not None and deployment in {component.deployment, component.last_deployment}:
        return []
    if component is not None and component.in_charge:
        raise NotNow(
            f"Deployment {component.deployment} is at {place.service} in {place.environment}.",
            "Wait for its end or abort it.",
        )
    change = _change(component, place.target.instances, version, deployment, by=_deployment(deployment))
    return [*_way(component, place, by=_deployment(deployment)), change]


def _way(component: Component | None, place: Placement, *, by: str) -> list[NewEvent]:
    """From where the component is to where a change may start."""
    state = ComponentState.UNREGISTERED if component is None else component.state
    if state is ComponentState.STOPPING:
        where = f"{place.service} in {place.environment}"
        raise TemporaryFailure(f"{where} is being stopped.", "It goes on once that has ended.", retry_after=_SOON)
    data: Mapping[Moved, JSON] = {
        Moved.REGISTERED: named(component, place),
        Moved.UPDATED: {"version": None if component is None else component.version},
        Moved.DEPLOYMENT_FAILED: {"reason": "Another change took over."},
    }
    return [NewEvent(moved, data.get(moved, {}), actor=by, priority="low") for moved in _WAYS[state]]


def finished(component: Component, version: Version, deployment: str) -> list[NewEvent]:
    """The deployment in charge ended well. Raises IllegalMove when it never was in charge."""
    if component.deployment != deployment:
        if component.last_deployment == deployment:
            return []
        raise IllegalMove(f"{component.service} in {component.environment}", component.state, "running")
    return [_done(_ending(component), version, by=_deployment(deployment))]


def failed(component: Component, reason: str, deployment: str, *, restored: bool) -> list[NewEvent]:
    """The deployment ended badly. When the stable version runs as before, the component runs again as well.

    The diagram has no arrow from a failed update to running, so it goes the whole way round.
    """
    if component.deployment != deployment:
        return []
    by = _deployment(deployment)
    events = [NewEvent(_failing(component), {"reason": reason}, actor=by, correlation=deployment, priority="high")]
    if restored and component.version is not None:
        again = _start(Moved.DEPLOYMENT_STARTED, component.desired, component.version, "", by=by)
        events += [NewEvent(Moved.RESET, {}, actor=by), NewEvent(Moved.CONFIGURED, {}, actor=by), again]
        events.append(_done(Moved.DEPLOYED, component.version, by=by))
    return events


def restart_asked(component: Component, place: Placement, instances: Sequence[InstanceId], by: str) -> list[NewEvent]:
    """A person wants these instances started anew. Raises NotNow when there is nothing to restart, or no leave to."""
    if component.in_charge:
        raise NotNow(
            f"Deployment {component.deployment} is at {place.service} in {place.environment}.",
            "Wait for its end or abort it, then restart.",
        )
    if component.rests:
        raise NotNow(
            f"{place.service} is {component.state} in {place.environment}.",
            f"`/ops start {place.service} {place.environment}` brings back what ran.",
        )
    if component.version is None or not instances:
        raise NotNow(f"Nothing of {place.service} runs in {place.environment}.", "Deploy a version first.")
    reason = f"A restart was asked for by {by}."
    change = _change(component, component.desired, component.version, "", by=by, pending=instances, reason=reason)
    return [*_way(component, place, by=by), change]


def repair_begun(component: Component, reason: str) -> list[NewEvent]:
    """An instance has to be started again: the component is being updated until all are well."""
    if component.state is not ComponentState.RUNNING or component.version is None:
        return []
    return [_start(Moved.UPDATE_REQUESTED, component.desired, component.version, "", reason=reason)]


def repair_done(component: Component) -> list[NewEvent]:
    """All instances are well again."""
    if component.in_charge or component.state not in {ComponentState.UPDATING, ComponentState.DEPLOYING}:
        return []
    return [_done(_ending(component), component.aim, by=SYSTEM)]


def repair_failed(component: Component, reason: str) -> list[NewEvent]:
    """Starting it again does not help. Only an update or a deployment can fail, so it is made one first."""
    if component.in_charge or component.aim is None or component.state not in _LIVE:
        return []
    failing = NewEvent(_failing(component), {"reason": reason}, priority="critical")
    update = _start(Moved.UPDATE_REQUESTED, component.desired, component.aim, "", reason=reason)
    before = {ComponentState.RUNNING: [update], ComponentState.SCALING: [NewEvent(Moved.SCALED, {}), update]}
    return [*before.get(component.state, []), failing]


def scale_asked(component: Component, instances: int, chosen: Chosen | None = None) -> list[NewEvent]:
    """Another number of instances shall run; `chosen` is the choice of a person that still holds."""
    if component.in_charge or component.state is not ComponentState.RUNNING:
        return []
    reason = f"{instances} instances are wanted instead of {len(wanted(component))}."
    return [NewEvent(Moved.SCALE_REQUESTED, {"desired": instances, "reason": reason, "chosen": choice(chosen)})]


def scaled(component: Component) -> list[NewEvent]:
    """As many run as are wanted."""
    return [NewEvent(Moved.SCALED, {})] if component.state is ComponentState.SCALING else []


def stopped(component: Component) -> list[NewEvent]:
    """Nothing of it runs any more."""
    return [NewEvent(Moved.STOPPED, {})] if component.state is ComponentState.STOPPING else []


def troubled(component: Component, reason: str) -> list[NewEvent]:
    """What is under way does not get on; told once for each reason."""
    return [] if component.reason == reason else [NewEvent(TROUBLED, {"reason": reason}, priority="high")]


def named(component: Component | None, place: Placement) -> JSON:
    """What a registration says; a number that a person chose is kept."""
    chosen = None if component is None else component.chosen
    return {
        "service": place.service,
        "environment": place.environment,
        "desired": place.target.instances,
        "chosen": choice(chosen),
    }


def choice(chosen: Chosen | None) -> JSON | None:
    """A person's choice as it is recorded."""
    return None if chosen is None else {"instances": chosen.instances, "settings": chosen.settings}


def _change(
    component: Component | None,
    desired: int,
    version: Version,
    deployment: str,
    *,
    by: str,
    pending: Sequence[InstanceId] = (),
    reason: str = "",
) -> NewEvent:
    running = component is not None and component.state in _UPDATED_FROM
    moved = Moved.UPDATE_REQUESTED if running else Moved.DEPLOYMENT_STARTED
    return _start(moved, desired, version, deployment, by=by, pending=pending, reason=reason)


def _start(
    moved: Moved,
    desired: int,
    version: Version,
    deployment: str,
    *,
    by: str = SYSTEM,
    pending: Sequence[InstanceId] = (),
    reason: str = "",
) -> NewEvent:
    data: JSON = {
        "deployment": deployment,
        "target": version,
        "desired": desired,
        "pending": list(pending),
        "reason": reason,
    }
    return NewEvent(moved, data, actor=by, correlation=deployment)


def _done(moved: Moved, version: Version | None, *, by: str) -> NewEvent:
    return NewEvent(moved, {"version": version}, actor=by)


def _ending(component: Component) -> Moved:
    return Moved.DEPLOYED if component.state is ComponentState.DEPLOYING else Moved.UPDATED


def _failing(component: Component) -> Moved:
    return Moved.DEPLOYMENT_FAILED if component.state is ComponentState.DEPLOYING else Moved.UPDATE_FAILED


def _deployment(deployment: str) -> str:
    return f"deployment {deployment}"
