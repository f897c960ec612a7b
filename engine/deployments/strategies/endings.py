"""How a deployment ends: the new version takes everything, or the former one has it again. Pure.

On the way back: restore capacity, shift, read back, stop. While promoting, the new version may be the only healthy one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from engine.deployments.action import (
    Action,
    Finish,
    GiveBack,
    GiveUp,
    Measure,
    Observation,
    Record,
    StopInstances,
    Wait,
    ids_of,
)
from engine.deployments.deployment import Deployment
from engine.deployments.events import OldReleased, WeightShifted
from engine.deployments.judge import failing, measure_due
from engine.deployments.strategies.moves import (
    GLANCE,
    HEARTBEAT,
    Shares,
    await_health,
    drained_enough,
    keep_old,
    let_go,
    overdue,
    route,
    shares_of,
    start,
    stuck_for,
)
from engine.deployments.strategies.troubles import died, late, unserved
from engine.deployments.words import describe
from engine.ports import InstanceHealth, InstanceId

HANGS: Final = timedelta(seconds=30)  # on the way back, what answers badly for so long is started anew


def promoting(deployment: Deployment, seen: Observation, now: datetime) -> Action:
    """The new version takes all at full strength, then the former one goes, or is kept for its time first."""
    kept_until = deployment.kept_until
    if kept_until is not None:
        return _keeping(deployment, seen, now) if now < kept_until else Record((OldReleased(),))
    plan = deployment.plan
    new = ids_of(plan, plan.version, plan.instances)
    shift = route(seen, tuple(new), ((plan.version, 100),))
    taken = len(seen.healthy(new)) == len(new) and shift is None
    return (
        died(deployment, seen)
        or (None if taken else late(deployment, seen, now))
        or start(seen, plan.version, new)
        or await_health(seen, new)
        or shift
        or (Record((WeightShifted(100),)) if deployment.weight != 100 else None)
        or let_go(seen, seen.others(new), force=overdue(deployment, now))
        or Finish()
    )


def _keeping(deployment: Deployment, seen: Observation, now: datetime) -> Action:
    """Both at full strength, so that going back is one switch; a gate that fails still takes it back."""
    plan = deployment.plan
    new, old = (ids_of(plan, version, plan.instances) for version in (plan.version, plan.previous))
    left = (deployment.kept_until or now) - now
    return (
        died(deployment, seen)
        or unserved(deployment, seen)
        or keep_old(deployment, seen, plan.instances, now)
        or start(seen, plan.version, new)
        or route(seen, (*new, *old), shares_of(plan, 100))
        or (Measure() if measure_due(deployment, now=now) else None)
        or failing(deployment)
        or Wait(max(GLANCE, min(HEARTBEAT, left)), "the time for which the former version is kept")
    )


def rolling_back(deployment: Deployment, seen: Observation, now: datetime, *, whole: bool, apart: bool) -> Action:
    """Back to the former version. `whole`: it was left at full strength; `apart`: it may not run beside the new one."""
    plan, late_now = deployment.plan, overdue(deployment, now)
    old = ids_of(plan, plan.previous, plan.instances if plan.previous else 0)
    shares = ((plan.previous, 100),) if plan.previous else ()
    well = as_before(deployment, seen, old) or (late_now and _served(seen, old))
    done = well and route(seen, tuple(old), shares) is None
    return (
        (GiveUp(describe(plan, seen)) if late_now and not done else None)
        or (_clear(deployment, seen, old, now) if apart else None)
        or (None if well else _renew(deployment, seen, old, now))
        or (start(seen, plan.previous, old) if plan.previous else None)
        or (None if _may_shift_back(deployment, seen, old, now, whole=whole) else Wait(GLANCE, "the former version"))
        or _shift_back(deployment, seen, old, shares)
        or let_go(seen, seen.others(old), force=late_now)
        or (None if well else Wait(GLANCE, "healthy instances"))
        or GiveBack()
    )


def _renew(deployment: Deployment, seen: Observation, old: Collection[InstanceId], now: datetime) -> Action | None:
    """Stop what hangs of the former version, so that it is started anew: each once, unless something came to be since.

    While a deployment is in charge nobody else does. A platform that judges its instances replaces them itself.
    """
    since = deployment.progressed_at or now
    if stuck_for(deployment, now) < min(HANGS, deployment.plan.strategy.progress_deadline / 4):
        return None
    hung = [
        one.id
        for one in seen.alive(old)
        if one.health is InstanceHealth.UNHEALTHY
        and not one.judged
        and one.started_at < since
        and one.id not in seen.traffic.ready
    ]
    return StopInstances(tuple(hung)) if hung else None


def as_before(deployment: Deployment, seen: Observation, old: Collection[InstanceId]) -> bool:
    """Whether the former version is as strong as when it began: what hung then may hang still, and is told of."""
    healthy, before = seen.healthy(old), deployment.well_before
    if len(healthy) == len(old) or not before:
        return len(healthy) == len(old)
    return len(healthy) >= before and _settled(seen, old)


def _settled(seen: Observation, old: Collection[InstanceId]) -> bool:
    """Whether all of these run and none is still starting: waiting makes nobody well."""
    alive = seen.alive(old)
    return len(alive) == len(old) and all(one.health is not InstanceHealth.STARTING for one in alive)


def _served(seen: Observation, old: Collection[InstanceId]) -> bool:
    """Whether somebody answers, and nobody more is to come."""
    return bool(seen.healthy(old)) and _settled(seen, old)


def _shift_back(
    deployment: Deployment, seen: Observation, old: Collection[InstanceId], shares: Shares
) -> Action | None:
    """Tell the router, and write down that it obeyed."""
    return route(seen, old, shares) or (Record((WeightShifted(0),)) if deployment.weight != 0 else None)


def _clear(deployment: Deployment, seen: Observation, old: Collection[InstanceId], now: datetime) -> Action | None:
    """The new version goes before the former one comes."""
    leaving = seen.others(old)
    if not leaving:
        return None
    well = seen.healthy(old)
    shares = ((deployment.plan.previous, 100),) if well and deployment.plan.previous else ()
    return _shift_back(deployment, seen, old, shares) or let_go(
        seen, leaving, force=drained_enough(deployment, now, downtime=True)
    )


def _may_shift_back(
    deployment: Deployment, seen: Observation, old: Collection[InstanceId], now: datetime, *, whole: bool
) -> bool:
    """Whether the old version can take all: as strong as it was, or as it was left all the time.

    With no healthy new instance left, any healthy old one is better than waiting; so it is once half of the time is
    over and those that hang do not come back.
    """
    if as_before(deployment, seen, old):
        return True
    new = [one.id for one in seen.instances if one.version == deployment.plan.version]
    if drained_enough(deployment, now) and _served(seen, old):
        return True
    return bool(seen.healthy(old)) and (whole or not seen.healthy(new))
