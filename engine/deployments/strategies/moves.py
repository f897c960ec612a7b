"""The single moves that recipes are made of: start, wait, tell the router, let go. Pure; None when nothing is to do.

The rule of order: capacity is taken from a version only after the router reads back that it sends it nothing and it
answers nothing; traffic goes only to what is healthy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import Version
from engine.deployments.action import (
    Action,
    Configure,
    Observation,
    Record,
    StartInstances,
    StopInstances,
    Wait,
    ids_of,
)
from engine.deployments.deployment import Deployment, Outcome, Plan
from engine.deployments.events import RollbackStarted
from engine.ports import Instance, InstanceId

HEARTBEAT: Final = timedelta(seconds=2)
GLANCE: Final = timedelta(milliseconds=200)  # between looks at something expected to change very soon
DRAIN: Final = timedelta(seconds=20)  # a downtime must not last as long as somebody's open connection
AGAIN: Final = timedelta(seconds=10)  # between two starts of the same instance of the former version

Shares = tuple[tuple[Version, int], ...]


def start(seen: Observation, version: Version, wanted: Mapping[InstanceId, int]) -> Action | None:
    """Make those of the wanted instances run that do not."""
    running = {one.id for one in seen.alive(wanted.keys())}
    missing = tuple(ordinal for id, ordinal in wanted.items() if id not in running)  # noqa: A001
    return StartInstances(version, missing) if missing else None


def keep_old(deployment: Deployment, seen: Observation, count: int, now: datetime) -> Action | None:
    """Keep so many instances of the former version running; what dies at once is not all there is to do."""
    plan, young = deployment.plan, {one.id for one in seen.instances if now - one.started_at < AGAIN}
    wanted = {id: ordinal for id, ordinal in ids_of(plan, plan.previous, count).items() if id not in young}  # noqa: A001
    return start(seen, plan.previous, wanted) if plan.previous else None


def await_health(seen: Observation, wanted: Collection[InstanceId]) -> Action | None:
    """Wait until all of them are well."""
    return None if len(seen.healthy(wanted)) == len(wanted) else Wait(GLANCE, "healthy instances")


def route(seen: Observation, ids: Collection[InstanceId], shares: Shares) -> Action | None:
    """Tell the router, unless it reads back just this already.

    `ids` without a share are shown where the router has a preview address. No share is given to a version of which
    nothing is well.
    """
    healthy = seen.healthy(ids)
    if weights_of(seen) == dict(shares) and {one.id for one in healthy} <= set(seen.traffic.ready) <= set(ids):
        return None
    if not {version for version, _ in shares} <= {one.version for one in healthy}:
        return Wait(GLANCE, "healthy instances")
    return Configure(tuple(one.id for one in seen.alive(ids)), shares)


def let_go(seen: Observation, leaving: Collection[Instance], *, force: bool) -> Action | None:
    """Stop these once the router has let go of them; `force` when that took too long."""
    if not leaving:
        return None
    if force or seen.let_go(leaving):
        return StopInstances(tuple(one.id for one in leaving))
    return Wait(GLANCE, "open requests")


def surplus(seen: Observation, version: Version | None, keep: Collection[InstanceId]) -> tuple[Instance, ...]:
    """The instances of a version that are not among those to keep."""
    return tuple(one for one in seen.others(keep) if one.version == version)


def shares_of(plan: Plan, weight: int) -> Shares:
    """`weight` percent to the new version, the rest to the former one; without the zeros."""
    both = ((plan.version, weight), (plan.previous, 100 - weight))
    return tuple((version, share) for version, share in both if version is not None and share > 0)


def weights_of(seen: Observation) -> dict[Version, int]:
    """The router's weights without the zeros."""
    return {version: weight for version, weight in seen.traffic.weights.items() if weight > 0}


def stuck_for(deployment: Deployment, now: datetime) -> timedelta:
    """How long nothing has come to be."""
    return now - (deployment.progressed_at or now)


def overdue(deployment: Deployment, now: datetime) -> bool:
    """Whether nothing has come to be for longer than the progress deadline."""
    return stuck_for(deployment, now) > deployment.plan.strategy.progress_deadline


def drained_enough(deployment: Deployment, now: datetime, *, downtime: bool = False) -> bool:
    """Whether open requests were waited for long enough: nobody's connection undoes a deployment or keeps it down."""
    longest = deployment.plan.strategy.progress_deadline / 2
    return stuck_for(deployment, now) > (min(DRAIN, longest) if downtime else longest)


def back(reason: str) -> Record:
    """It cannot be done: go back."""
    return Record((RollbackStarted(reason, Outcome.BROKEN),))
