"""Is an instance well? Judged from its latest checks in a row. Pure.

The counters are those of load balancers (HAProxy's `rise` and `fall`), with a grace for starting as in Docker's
`--start-period`: failures before the first success do not count until the grace is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from engine.catalog import HealthCheck
from engine.ports import Instance, InstanceHealth, InstanceId


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check said; `reason` tells why not."""

    well: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """An instance's health with the checks in a row that led to it; `dead_since` is when it was first seen dead."""

    health: InstanceHealth
    pid: int
    started_at: datetime
    successes: int = 0
    failures: int = 0
    reason: str = ""
    checked_at: datetime | None = None
    dead_since: datetime | None = None


def judge(tally: Tally, outcome: Outcome, check: HealthCheck, *, now: datetime) -> Tally:
    """`tally` after one more check."""
    if outcome.well:
        counted = replace(tally, successes=tally.successes + 1, failures=0, checked_at=now)
        enough = counted.successes >= check.healthy_after
        return replace(counted, health=InstanceHealth.HEALTHY, reason="") if enough else counted
    counted = replace(tally, successes=0, failures=tally.failures + 1, reason=outcome.reason, checked_at=now)
    if counted.failures < check.unhealthy_after or _excused(tally, check, now):
        return counted
    return replace(counted, health=InstanceHealth.UNHEALTHY)


def _excused(tally: Tally, check: HealthCheck, now: datetime) -> bool:
    return tally.health is InstanceHealth.STARTING and now - tally.started_at < check.grace


class HealthBook:
    """The tallies of all instances this process has looked at. Memory only: what matters is recorded as events."""

    def __init__(self) -> None:
        self._tallies: dict[InstanceId, Tally] = {}

    def tally(self, instance: Instance) -> Tally | None:
        """What is known of this very process; one of the same name started anew is another."""
        found = self._tallies.get(instance.id)
        if found is None or (found.pid, found.started_at) != (instance.pid, instance.started_at):
            return None
        return found

    def due(self, instance: Instance, check: HealthCheck, *, now: datetime) -> bool:
        """Whether the last look at it is older than the check's interval, or a quarter of it while it starts."""
        found = self.tally(instance)
        if found is None or found.checked_at is None:
            return True
        starting = found.health is InstanceHealth.STARTING  # somebody waits for it
        return now - found.checked_at >= (check.interval / 4 if starting else check.interval)

    def adopt(self, instance: Instance, recorded: InstanceHealth) -> None:
        """Begin with what was recorded of an instance that ran before we did."""
        self._tallies[instance.id] = Tally(recorded, instance.pid, instance.started_at)

    def note(self, instance: Instance, outcome: Outcome, check: HealthCheck, *, now: datetime) -> Tally:
        """Count one check of an instance that is alive."""
        before = self.tally(instance) or Tally(InstanceHealth.STARTING, instance.pid, instance.started_at)
        if before.health is InstanceHealth.DEAD:
            before = Tally(InstanceHealth.STARTING, instance.pid, instance.started_at)
        self._tallies[instance.id] = judge(before, outcome, check, now=now)
        return self._tallies[instance.id]

    def note_judged(self, instance: Instance, *, now: datetime) -> Tally:
        """Note what the platform itself says of an instance that is alive."""
        tally = Tally(instance.health, instance.pid, instance.started_at, reason=instance.note, checked_at=now)
        self._tallies[instance.id] = tally
        return tally

    def note_dead(self, instance: Instance, *, now: datetime) -> Tally:
        """Note that the platform calls the instance dead, in the platform's own words."""
        before = self.tally(instance)
        since = now if before is None or before.dead_since is None else before.dead_since
        reason = instance.note or "The process has ended."
        tally = Tally(InstanceHealth.DEAD, instance.pid, instance.started_at, reason=reason, dead_since=since)
        self._tallies[instance.id] = tally
        return tally

    def forget(self, instances: Iterable[InstanceId]) -> None:
        """Drop what is known of instances that are gone."""
        for instance in instances:
            self._tallies.pop(instance, None)
