"""Which instance is alive and answers badly for so long that it has to be stopped and started again. Pure.

The router has taken it out long before. A platform that judges its instances itself replaces them itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import HealthCheck
from engine.components.lifecycle import Component, wanted
from engine.components.repair import REPAIRABLE, Judged, surplus
from engine.ports import InstanceHealth, InstanceId

LEAST: Final = timedelta(seconds=10)
INTERVALS: Final = 10  # so many checks' time, and never less than `LEAST`
REMEMBERED: Final = timedelta(hours=1)  # restarts longer ago say nothing about this one
DOUBLINGS: Final = 5


def next_hung(
    component: Component, judged: Sequence[Judged], check: HealthCheck, *, now: datetime
) -> InstanceId | None:
    """The one that has been ill longest, once nobody is being started; None while a deployment is in charge.

    What answers badly for its database's sake is not helped by it, so each restart doubles the time to the next.
    """
    if component.in_charge or component.state not in REPAIRABLE:
        return None
    seen = {one.instance.id: one for one in judged}
    mine = [one for one in wanted(component) if one in seen]
    if any(seen[one].tally.health is InstanceHealth.STARTING for one in mine):
        return None
    left = {*component.pending, *surplus(component)}
    ill = {one: _ill_since(component, seen[one], check) for one in mine if one not in left}
    due = {one: at for one, at in ill.items() if at is not None and now - at >= _patience(component, one, check, now)}
    return min(due, key=lambda one: due[one], default=None)


def _ill_since(component: Component, judged: Judged, check: HealthCheck) -> datetime | None:
    """Since when this very run of it is known to answer badly; None when it does not, or not any more."""
    note, tally, instance = component.instances[judged.instance.id], judged.tally, judged.instance
    ill = note.health is tally.health is InstanceHealth.UNHEALTHY and tally.failures >= check.unhealthy_after
    if instance.judged or not ill or note.since is None:
        return None
    return max(note.since, instance.started_at)


def _patience(component: Component, instance: InstanceId, check: HealthCheck, now: datetime) -> timedelta:
    recent = [at for at in component.instances[instance].restarts if now - at < REMEMBERED]
    doubled: int = 2 ** min(len(recent), DOUBLINGS)
    return max(LEAST, check.interval * INTERVALS) * doubled
