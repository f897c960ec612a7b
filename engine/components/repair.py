"""What was seen of the instances, and what is to be done about it when nobody else is at it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.components.health import Tally
from engine.components.lifecycle import (
    CRASH_LIMIT,
    CRASH_WINDOW,
    Component,
    ComponentState,
    InstanceNote,
    Seen,
    ordinal_of,
    wanted,
)
from engine.ports import Instance, InstanceHealth, InstanceId
from storage.events import NewEvent

_LONGEST_REASON: Final = 1500
_TOLD: Final[Mapping[InstanceHealth, Seen]] = {
    InstanceHealth.HEALTHY: Seen.HEALTHY,
    InstanceHealth.UNHEALTHY: Seen.UNHEALTHY,
    InstanceHealth.DEAD: Seen.UNHEALTHY,
}
REPAIRABLE: Final = frozenset(
    {ComponentState.RUNNING, ComponentState.SCALING, ComponentState.UPDATING, ComponentState.DEPLOYING}
)


@dataclass(frozen=True, slots=True)
class Judged:
    """An instance with what its checks said."""

    instance: Instance
    tally: Tally


def sightings(component: Component, judged: Sequence[Judged], *, away: bool = False) -> list[NewEvent]:
    """The changes against what is recorded. STARTING is told by nobody: it is what comes before the first word.

    `away` says that nobody looked for a while, as before the first look of a process.
    """
    if component.state is ComponentState.UNREGISTERED:
        return []  # somebody took it off the lists while it was looked at
    present = {one.instance.id for one in judged}
    known = component.instances
    strange = [one for one in judged if component.state is ComponentState.STOPPED and one.instance.id not in known]
    changed = [_told(one) for one in judged if one not in strange and _differs(known.get(one.instance.id), one)]
    gone = [_gone(component, one, note, away=away) for one, note in known.items() if one not in present]
    return [*map(_appeared, strange), *changed, *(event for event in gone if event is not None)]


def _appeared(one: Judged) -> NewEvent:
    """What runs of a stopped component is somebody's who wants it: it is told, and left alone."""
    data = {
        "instance": one.instance.id,
        "version": one.instance.version,
        "health": one.tally.health,
        "reason": "It was started, and not by Pilothouse. It is left alone.",
    }
    return NewEvent(Seen.APPEARED, data, priority="high")


def _differs(note: InstanceNote | None, one: Judged) -> bool:
    health = one.tally.health
    return health is not InstanceHealth.STARTING and (note is None or note.health is not health)


def _told(one: Judged) -> NewEvent:
    instance, tally = one.instance, one.tally
    dead = tally.health is InstanceHealth.DEAD
    data = {
        "instance": instance.id,
        "version": instance.version,
        "address": instance.address,
        "pid": instance.pid,
        "health": tally.health,
        "reason": tally.reason[:_LONGEST_REASON],
    }
    return NewEvent(_TOLD[tally.health], data, priority="high" if dead else "medium")


def _gone(component: Component, instance: InstanceId, note: InstanceNote, *, away: bool) -> NewEvent | None:
    """A deployment removes what it likes; of the stable version nobody may while none is in charge."""
    meant = component.in_charge or component.rests or instance in surplus(component)
    if meant or note.version != component.aim:
        return NewEvent(Seen.REMOVED, {"instance": instance, "version": note.version}, priority="low")
    if note.health is InstanceHealth.DEAD or instance in component.pending:
        return None
    reason = "It was gone when Pilothouse started." if away else "It was removed, and not by Pilothouse."
    data = {
        "instance": instance,
        "version": note.version,
        "health": InstanceHealth.DEAD,
        "reason": reason,
        "away": away,
    }
    return NewEvent(Seen.VANISHED, data, priority="high")


@dataclass(frozen=True, slots=True)
class Repair:
    """Start these now; or, when `hopeless` says why, nothing will help."""

    start: tuple[InstanceId, ...] = ()
    hopeless: str = ""


def next_repair(
    component: Component, tallies: Mapping[InstanceId, Tally], *, patience: timedelta, now: datetime
) -> Repair:
    """Which dead instances to start again, each after its backoff; five times within two minutes are a crash loop."""
    if component.state not in REPAIRABLE:
        return Repair()
    broken = _broken(component, tallies, patience, now)
    looping = [one for one in broken if len(_recent(component.instances[one], now)) >= CRASH_LIMIT]
    if looping:
        return Repair(hopeless=_crash_loop(component, looping[0]))
    return Repair(tuple(one for one in broken if _is_due(component.instances[one], now)))


def _broken(
    component: Component, tallies: Mapping[InstanceId, Tally], patience: timedelta, now: datetime
) -> list[InstanceId]:
    dead = [one for one, note in component.instances.items() if note.health is InstanceHealth.DEAD]
    if component.in_charge:
        # What the deployment is just stopping is dead for a moment too.
        return [one for one in dead if _dead_for(tallies.get(one), now) >= patience]
    mine = [one for one in dead if component.instances[one].version == component.aim]
    return [one for one in mine if one not in component.pending]


def _dead_for(tally: Tally | None, now: datetime) -> timedelta:
    return timedelta(0) if tally is None or tally.dead_since is None else now - tally.dead_since


def _recent(note: InstanceNote, now: datetime) -> tuple[datetime, ...]:
    return tuple(at for at in note.restarts if now - at < CRASH_WINDOW)


def _is_due(note: InstanceNote, now: datetime) -> bool:
    recent = _recent(note, now)
    return not recent or now - recent[-1] >= backoff(len(recent))


def backoff(restarts: int) -> timedelta:
    """How long after the last of `restarts` recent ones to try again: 1 s, 2 s, 4 s, 8 s; at once after none."""
    return timedelta(0) if restarts == 0 else timedelta(seconds=2 ** (restarts - 1))


def _crash_loop(component: Component, instance: InstanceId) -> str:
    minutes = int(CRASH_WINDOW.total_seconds() // 60)
    last = component.instances[instance].reason
    return f"{instance} was started {CRASH_LIMIT} times within {minutes} minutes and ended each time. {last}".strip()


def all_well(component: Component, instances: Collection[InstanceId]) -> bool:
    """Whether each of these answers well."""
    return all(component.instances[one].health is InstanceHealth.HEALTHY for one in instances)


def next_to_restart(component: Component, alive: Collection[InstanceId]) -> InstanceId | None:
    """The next instance a person asked to restart, once all others that are done with are well again.

    Those that are gone or not well come first: only then nobody is taken away who answers for them.
    """
    settled = [one for one in wanted(component) if one not in component.pending]
    if not component.pending or not all_well(component, settled):
        return None
    return min(component.pending, key=lambda one: one in alive and all_well(component, [one]))


def may_shrink(component: Component) -> bool:
    """Whether the instances beyond the number wanted may go: those that stay are well, or none that goes is."""
    staying, leaving = wanted(component)[: component.desired], surplus(component)
    return all_well(component, staying) or not any(all_well(component, [one]) for one in leaving)


def surplus(component: Component) -> list[InstanceId]:
    """While it is scaled down: the instances beyond the number wanted, those of the highest ordinals."""
    if component.state is not ComponentState.SCALING:
        return []
    return wanted(component)[component.desired :]


def missing(component: Component) -> list[int]:
    """The ordinals to start so that as many run as are wanted: the lowest free ones, from 1 as deployments count."""
    have = {ordinal_of(one) for one in wanted(component)}
    free = [ordinal for ordinal in range(1, component.desired + len(have) + 1) if ordinal not in have]
    return free[: max(0, component.desired - len(have))]


def out_of_size(component: Component, instances: int) -> bool:
    """Whether other than `instances`, as is wanted now, run or are meant to."""
    return component.desired != instances or len(wanted(component)) != instances
