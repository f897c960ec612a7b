"""A component (one service in one environment) as its events tell it: states, moves and the fold. Pure.

The moves are those of the owner's diagram and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from engine.catalog import EnvironmentName, ServiceName, Version
from engine.errors import IllegalMove
from engine.ports import InstanceHealth, InstanceId
from storage.events import Event


class ComponentState(StrEnum):
    """Where a component is in its life."""

    REGISTERED = "registered"
    CONFIGURING = "configuring"
    DEPLOYING = "deploying"
    RUNNING = "running"
    SCALING = "scaling"
    UPDATING = "updating"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"
    UNREGISTERED = "unregistered"


MOVES: Final[Mapping[ComponentState, frozenset[ComponentState]]] = {
    ComponentState.REGISTERED: frozenset({ComponentState.CONFIGURING}),
    ComponentState.CONFIGURING: frozenset({ComponentState.DEPLOYING}),
    ComponentState.DEPLOYING: frozenset({ComponentState.RUNNING, ComponentState.FAILED}),
    ComponentState.RUNNING: frozenset({ComponentState.SCALING, ComponentState.UPDATING, ComponentState.STOPPING}),
    ComponentState.SCALING: frozenset({ComponentState.RUNNING}),
    ComponentState.UPDATING: frozenset({ComponentState.RUNNING, ComponentState.FAILED}),
    ComponentState.FAILED: frozenset({ComponentState.REGISTERED}),
    ComponentState.STOPPING: frozenset({ComponentState.STOPPED}),
    ComponentState.STOPPED: frozenset({ComponentState.UNREGISTERED}),
    ComponentState.UNREGISTERED: frozenset(),
}


class Moved(StrEnum):
    """The events that move a component: the words at the arrows of the diagram."""

    REGISTERED = "ComponentRegistered"
    RESET = "ComponentReset"
    CONFIGURED = "ComponentConfigurationApplied"
    DEPLOYMENT_STARTED = "ComponentDeploymentStarted"
    DEPLOYED = "ComponentDeployed"
    DEPLOYMENT_FAILED = "ComponentDeploymentFailed"
    SCALE_REQUESTED = "ComponentScaleRequested"
    SCALED = "ComponentScaled"
    UPDATE_REQUESTED = "ComponentUpdateRequested"
    UPDATED = "ComponentUpdated"
    UPDATE_FAILED = "ComponentUpdateFailed"
    STOP_REQUESTED = "ComponentStopRequested"
    STOPPED = "ComponentStopped"
    UNREGISTERED = "ComponentUnregistered"


LEADS_TO: Final[Mapping[Moved, ComponentState]] = {
    Moved.REGISTERED: ComponentState.REGISTERED,
    Moved.RESET: ComponentState.REGISTERED,
    Moved.CONFIGURED: ComponentState.CONFIGURING,
    Moved.DEPLOYMENT_STARTED: ComponentState.DEPLOYING,
    Moved.DEPLOYED: ComponentState.RUNNING,
    Moved.DEPLOYMENT_FAILED: ComponentState.FAILED,
    Moved.SCALE_REQUESTED: ComponentState.SCALING,
    Moved.SCALED: ComponentState.RUNNING,
    Moved.UPDATE_REQUESTED: ComponentState.UPDATING,
    Moved.UPDATED: ComponentState.RUNNING,
    Moved.UPDATE_FAILED: ComponentState.FAILED,
    Moved.STOP_REQUESTED: ComponentState.STOPPING,
    Moved.STOPPED: ComponentState.STOPPED,
    Moved.UNREGISTERED: ComponentState.UNREGISTERED,
}


class Seen(StrEnum):
    """The events that tell of single instances and move nothing."""

    HEALTHY = "InstanceTurnedHealthy"
    UNHEALTHY = "InstanceTurnedUnhealthy"
    RESTARTED = "InstanceRestarted"
    RESTART_FAILED = "InstanceRestartFailed"
    VANISHED = "InstanceVanished"  # nobody here stopped it
    REMOVED = "InstanceRemoved"  # its version is not wanted any more
    APPEARED = "InstanceAppeared"  # nobody here started it: its component is stopped


class Routed(StrEnum):
    """The events that tell of the router while no deployment is in charge, and move nothing."""

    CHANGED = "RouterChanged"  # nobody here told it what it sends
    RESTORED = "RouterRestored"
    GIVEN_UP = "RouterGivenUp"  # it does not stay as it is set


TROUBLED: Final = "ComponentTroubled"  # what is under way does not get on, and why; it moves nothing


SYSTEM: Final = "system"  # who does what nobody asked for

CRASH_WINDOW: Final = timedelta(minutes=2)
CRASH_LIMIT: Final = 5
ROUTER_LIMIT: Final = 3


@dataclass(frozen=True, slots=True)
class InstanceNote:
    """What was last recorded of an instance. `restarts` are the times of automatic restarts, the last five."""

    version: Version
    health: InstanceHealth
    reason: str = ""
    since: datetime | None = None
    restarts: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The number of instances a person chose; it holds while the settings say what they said at the time."""

    instances: int
    settings: int


@dataclass(frozen=True, slots=True)
class Component:
    """The fold of a component's events.

    `version` is stable: the one that last finished a deployment; `previous` the one before. `target` is what is being
    brought up, by the deployment in charge or, with `deployment` empty, by ourselves. `pending` are instances a person
    asked to restart. `router` is what the router sends in place of all to the stable version, "" when it is right;
    `router_changes` are the last three times that was found, `router_trouble` is why it is left so. `stream_version` is
    the version to append after.

    `decided` is the version of the last move that a person or a deployment made, and not a repair of ours.
    """

    service: ServiceName
    environment: EnvironmentName
    state: ComponentState = ComponentState.REGISTERED
    version: Version | None = None
    previous: Version | None = None
    target: Version | None = None
    desired: int = 0
    chosen: Chosen | None = None
    deployment: str = ""
    last_deployment: str = ""
    instances: Mapping[InstanceId, InstanceNote] = field(default_factory=dict)
    pending: tuple[InstanceId, ...] = ()
    reason: str = ""
    restarts: int = 0
    router: str = ""
    router_changes: tuple[datetime, ...] = ()
    router_given_up_at: datetime | None = None
    router_trouble: str = ""
    last_change: str = ""
    last_change_by: str = ""
    last_change_at: datetime | None = None
    updated_at: datetime | None = None
    decided: int = 0
    stream_version: int = 0

    @property
    def in_charge(self) -> bool:
        """Whether a deployment is at it, so that nobody else may change weights or versions."""
        return bool(self.deployment)

    @property
    def rests(self) -> bool:
        """Whether nothing of it is meant to run any more: what comes next begins from nothing."""
        return self.state in {ComponentState.STOPPING, ComponentState.STOPPED, ComponentState.UNREGISTERED}

    @property
    def router_given_up(self) -> bool:
        """Whether the router is wrong and is left so."""
        at, changes = self.router_given_up_at, self.router_changes
        return bool(self.router) and at is not None and (not changes or at >= changes[-1])

    @property
    def aim(self) -> Version | None:
        """The version that is ours to keep up: the stable one, or what we bring up without a deployment."""
        return self.version if self.in_charge else self.target or self.version

    @property
    def healthy(self) -> int:
        """How many instances of the stable version, or of the target before there is one, answer well."""
        wanted = self.version or self.target
        return sum(note.health is InstanceHealth.HEALTHY and note.version == wanted for note in self.instances.values())

    @property
    def health(self) -> str:
        """`2 of 2 healthy`; `not running` while nothing was ever deployed, or once it is stopped.

        With `, router sends v9 100 %` while another hand has changed the router.
        """
        if self.rests or (self.version is None and self.target is None):
            return "not running"
        router = f", router sends {self.router}" if self.router else ""
        return f"{self.healthy} of {self.desired} healthy{router}"


def ordinal_of(instance: InstanceId) -> int:
    """The number at the end of `<service>-<environment>-<version>-<ordinal>`."""
    return int(instance.rpartition("-")[2])


def wanted(component: Component) -> list[InstanceId]:
    """The recorded instances of the version that is ours to keep up, by their ordinals."""
    mine = [one for one, note in component.instances.items() if note.version == component.aim]
    return sorted(mine, key=ordinal_of)


def fold(component: Component | None, events: Iterable[Event]) -> Component | None:
    """`component` after `events` (None before the first). Raises IllegalMove."""
    for event in events:
        component = _apply(component, event)
    return component


def _apply(component: Component | None, event: Event) -> Component:
    if component is None or component.state is ComponentState.UNREGISTERED:
        component = _born(event)
    elif event.type in _MOVED:
        component = _move(component, Moved(event.type), event)
    elif event.type in _SEEN:
        component = _see(component, Seen(event.type), event)
    elif event.type in _ROUTED:
        component = _route(component, Routed(event.type), event)
    elif event.type == TROUBLED:
        component = replace(component, reason=event.data["reason"])
    return replace(component, updated_at=event.at, stream_version=event.version)


_MOVED: Final = frozenset(Moved)
_SEEN: Final = frozenset(Seen)
_ROUTED: Final = frozenset(Routed)


def _born(event: Event) -> Component:
    if event.type != Moved.REGISTERED:
        raise IllegalMove(event.stream, "nothing", event.type)
    data = event.data
    born = Component(
        ServiceName(data["service"]),
        EnvironmentName(data["environment"]),
        desired=data["desired"],
        chosen=_chosen(data),
    )
    return _changed(born, Moved.REGISTERED, event)


def _chosen(data: Mapping[str, Any]) -> Chosen | None:
    found = data.get("chosen")
    return None if found is None else Chosen(found["instances"], found["settings"])


def _move(component: Component, moved: Moved, event: Event) -> Component:
    new = LEADS_TO[moved]
    if new not in MOVES[component.state]:
        raise IllegalMove(f"{component.service} in {component.environment}", component.state, new)
    return _changed(_told(replace(component, state=new), moved, event.data), moved, event)


def _told(  # noqa: PLR0911  # one return an event
    component: Component, moved: Moved, data: Mapping[str, Any]
) -> Component:
    """What the event says beside the move."""
    match moved:
        case Moved.DEPLOYMENT_STARTED | Moved.UPDATE_REQUESTED:
            return replace(
                _undisputed(component) if _asked(data) else component,
                deployment=data["deployment"],
                target=data["target"],
                desired=data["desired"],
                pending=tuple(InstanceId(one) for one in data["pending"]),
                reason=data["reason"],
                instances=_forgiven(component) if _asked(data) else component.instances,
            )
        case Moved.SCALE_REQUESTED:
            return replace(component, desired=data["desired"], chosen=_chosen(data), reason=data["reason"])
        case Moved.STOP_REQUESTED:
            return replace(component, pending=(), reason=data.get("reason", ""))
        case Moved.STOPPED:
            return replace(component, instances={}, reason="")
        case Moved.SCALED:
            return replace(component, reason="")
        case Moved.DEPLOYED | Moved.UPDATED:
            return _finished(component, data["version"])
        case Moved.DEPLOYMENT_FAILED | Moved.UPDATE_FAILED:
            return _released(replace(component, reason=data["reason"]))
        case _:
            return component


def _asked(data: Mapping[str, Any]) -> bool:
    """Whether a deployment or a person began it."""
    return bool(data["deployment"] or data["pending"] or data.get("asked", False))


def _forgiven(component: Component) -> Mapping[InstanceId, InstanceNote]:
    """A person's deed starts the count of crashes anew; a repair of our own does not."""
    return {one: replace(note, restarts=()) for one, note in component.instances.items()}


def _undisputed(component: Component) -> Component:
    """A person's deed takes the router in hand again."""
    return replace(component, router="", router_changes=(), router_given_up_at=None, router_trouble="")


def _route(component: Component, routed: Routed, event: Event) -> Component:
    match routed:
        case Routed.CHANGED:
            changes = (*component.router_changes, event.at)[-ROUTER_LIMIT:]
            return replace(component, router=event.data["sends"], router_changes=changes)
        case Routed.GIVEN_UP:
            sends, reason = event.data["sends"], event.data["reason"]
            return replace(component, router=sends, router_given_up_at=event.at, router_trouble=reason)
        case Routed.RESTORED:
            return replace(component, router="", router_trouble="")


def _finished(component: Component, version: Version | None) -> Component:
    changed = version != component.version
    previous = component.version if changed else component.previous
    return _released(replace(component, version=version, previous=previous, reason=""))


def _released(component: Component) -> Component:
    last = component.deployment or component.last_deployment
    return replace(component, deployment="", target=None, pending=(), last_deployment=last)


def _changed(component: Component, moved: Moved, event: Event) -> Component:
    decided = component.decided if event.actor == SYSTEM else event.version
    return replace(component, last_change=moved, last_change_by=event.actor, last_change_at=event.at, decided=decided)


def _see(component: Component, seen: Seen, event: Event) -> Component:
    instance = InstanceId(event.data["instance"])
    left = tuple(one for one in component.pending if one != instance or seen is not Seen.RESTARTED)
    if seen in {Seen.REMOVED, Seen.VANISHED}:
        known = {one: note for one, note in component.instances.items() if one != instance}
        # A vanished instance keeps its restarts: whoever removes it again and again is a crash loop too.
        if seen is Seen.VANISHED:
            known[instance] = _noted(component.instances.get(instance), seen, event)
        return replace(component, instances=known, pending=left)
    note = _noted(component.instances.get(instance), seen, event)
    counted = component.restarts + (seen is Seen.RESTARTED)
    return replace(component, instances={**component.instances, instance: note}, pending=left, restarts=counted)


def _noted(before: InstanceNote | None, seen: Seen, event: Event) -> InstanceNote:
    # What ended while nobody looked crashed no more often than once.
    restarts = () if before is None or event.data.get("away", False) else before.restarts
    automatic = seen in {Seen.RESTARTED, Seen.RESTART_FAILED} and not event.data.get("asked", False)
    if automatic:
        restarts = (*restarts, event.at)[-CRASH_LIMIT:]
    health = InstanceHealth(event.data["health"])
    return InstanceNote(Version(event.data["version"]), health, event.data["reason"], event.at, restarts)
