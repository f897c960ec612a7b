"""The recipe all strategies share: bring up, shift, read back, let go, stop. Pure.

The rule of order: capacity is taken from a version only after the router reads back that it sends it nothing and it
answers nothing; traffic goes only to what is healthy. The same on the way back: restore, shift, read back, stop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import Version
from engine.deployments.action import (
    Action,
    Begin,
    Configure,
    Finish,
    GiveBack,
    GiveUp,
    Measure,
    Observation,
    Record,
    StartInstances,
    StopInstances,
    Wait,
    ids_of,
    run_of,
)
from engine.deployments.deployment import Deployment, Outcome, State
from engine.deployments.events import (
    DeploymentExpired,
    DeploymentPaused,
    InstanceDied,
    PromotionStarted,
    RollbackStarted,
    StepEntered,
    TroubleMet,
    WeightShifted,
)
from engine.deployments.judge import judge, measure_due
from engine.deployments.words import describe, notes
from engine.ports import Instance, InstanceHealth, InstanceId

CRASHES: Final = 3  # so many deaths of new instances are a crash loop
HEARTBEAT: Final = timedelta(seconds=2)
GLANCE: Final = timedelta(milliseconds=200)  # between looks at something expected to change very soon


@dataclass(frozen=True, slots=True)
class Sizes:
    """Instances of a step: `new` ones; old ones kept while those start, and once they carry their share."""

    new: int
    old_before: int
    old_after: int


Sizing = Callable[[Deployment], Sizes]


def next_step(deployment: Deployment, seen: Observation, sizing: Sizing, *, now: datetime) -> Action:
    """What to do next in any state that has not ended."""
    match deployment.state:
        case State.PLANNED:
            return _planned(deployment, now)
        case State.RUNNING | State.PAUSED if deployment.plan.first:
            return Record((PromotionStarted(),))
        case State.RUNNING | State.PAUSED:
            return _running(deployment, seen, sizing(deployment), now)
        case State.PROMOTING:
            return _promoting(deployment, seen, now)
        case State.ROLLING_BACK:
            return _rolling_back(deployment, seen, now)
        case _:
            raise ValueError(f"Deployment {deployment.id} has ended as {deployment.state}.")


def _planned(deployment: Deployment, now: datetime) -> Action:
    expires = deployment.plan.expires_at
    if deployment.approved:
        return Begin()
    if expires is None:
        return Wait(timedelta(hours=1), "approval")
    return Record((DeploymentExpired(),)) if now >= expires else Wait(expires - now, "approval")


def _running(deployment: Deployment, seen: Observation, sizes: Sizes, now: datetime) -> Action:
    reached = deployment.step_entered_at is not None
    return (
        _died(deployment, seen)
        or _late(deployment, seen, now)
        or _unserved(deployment, seen)
        or _keep_old(deployment, seen, sizes.old_after if reached else sizes.old_before)
        or _enter(deployment)
        or (_dwell if reached else _reach)(deployment, seen, sizes, now)
    )


def _enter(deployment: Deployment) -> Action | None:
    """The next step, when the present one is passed; a person may have to agree first."""
    steps, following = deployment.plan.strategy.steps, deployment.step + 1
    if deployment.state is State.PAUSED or (deployment.step >= 0 and not deployment.step_passed):
        return None
    if following == len(steps):
        return Record((PromotionStarted(),))
    weight = steps[following].weight
    if steps[following].approval and not deployment.approved_step(following):
        reason = f"Step {following + 1} ({weight} %) waits for approval."
        return Record((DeploymentPaused(reason, following),))
    return Record((StepEntered(following, weight),))


def _reach(deployment: Deployment, seen: Observation, sizes: Sizes, now: datetime) -> Action:  # noqa: ARG001
    """Bring up what the step needs, shift, and believe only what the router reads back."""
    plan = deployment.plan
    if deployment.step < 0:
        return Wait(HEARTBEAT, "a decision")
    weight = plan.strategy.steps[deployment.step].weight
    new = ids_of(plan, plan.version, sizes.new)
    old = ids_of(plan, plan.previous, sizes.old_after)
    return (
        _make_room(deployment, seen, sizes)
        or _start(seen, plan.version, new)
        or _await_health(seen, new)
        or _route(seen, (*new, *old), _shares(deployment, weight))
        or Record((WeightShifted(weight),))
    )


def _dwell(deployment: Deployment, seen: Observation, sizes: Sizes, now: datetime) -> Action:
    """Stay at the step: measure, judge, and keep what the step needs as it is."""
    plan = deployment.plan
    new = ids_of(plan, plan.version, sizes.new)
    old = ids_of(plan, plan.previous, sizes.old_after)
    shares = _shares(deployment, deployment.weight)
    return (
        _misrouted(deployment, seen, (*new, *old), shares, now)
        or (Measure() if measure_due(deployment, now=now) else None)
        or judge(deployment, now=now)
        or _start(seen, plan.version, new)
        or _let_go(seen, _of(seen, plan.previous, old), force=False)
        or _route(seen, (*new, *old), shares)
        or Wait(_until_due(deployment, now), "the step")
    )


def _until_due(deployment: Deployment, now: datetime) -> timedelta:
    """A heartbeat, or less when the dwell ends before the next."""
    left = deployment.step_left(now)
    return max(GLANCE, min(HEARTBEAT, left)) if left else HEARTBEAT


def _misrouted(
    deployment: Deployment,
    seen: Observation,
    ids: Collection[InstanceId],
    shares: tuple[tuple[Version, int], ...],
    now: datetime,
) -> Action | None:
    """What the gates would judge is not there while the router reads back other weights than the step's."""
    if _weights_of(seen) == dict(shares):
        return None
    since = deployment.trouble_since
    if since is None:
        return Record((TroubleMet(f"The router does not send the step's {deployment.weight} %."),))
    if now - since > deployment.plan.strategy.progress_deadline:
        return _back(deployment.trouble)
    return _route(seen, ids, shares)


def _make_room(deployment: Deployment, seen: Observation, sizes: Sizes) -> Action | None:
    """Without surge some old instances have to go before new ones can come."""
    plan = deployment.plan
    keep = ids_of(plan, plan.previous, sizes.old_before)
    surplus = _of(seen, plan.previous, keep)
    if not surplus:
        return None
    serving = [one.id for one in seen.instances if one.version == plan.version] if deployment.weight else []
    return _route(seen, (*serving, *keep), _shares(deployment, deployment.weight)) or _let_go(
        seen, surplus, force=False
    )


def _promoting(deployment: Deployment, seen: Observation, now: datetime) -> Action:
    plan = deployment.plan
    new = ids_of(plan, plan.version, plan.instances)
    route = _route(seen, tuple(new), ((plan.version, 100),))
    taken = len(seen.healthy(new)) == len(new) and route is None
    return (
        _died(deployment, seen)
        or (None if taken else _late(deployment, seen, now))
        or _start(seen, plan.version, new)
        or _await_health(seen, new)
        or route
        or (Record((WeightShifted(100),)) if deployment.weight != 100 else None)
        or _let_go(seen, seen.others(new), force=_overdue(deployment, now))
        or Finish()
    )


def _rolling_back(deployment: Deployment, seen: Observation, now: datetime) -> Action:
    plan, overdue = deployment.plan, _overdue(deployment, now)
    old = ids_of(plan, plan.previous, plan.instances if plan.previous else 0)
    shares = ((plan.previous, 100),) if plan.previous else ()
    back = len(seen.healthy(old)) == len(old) and _route(seen, tuple(old), shares) is None
    return (
        (GiveUp(describe(plan, seen)) if overdue and not back else None)
        or (_start(seen, plan.previous, old) if plan.previous else None)
        or (None if _may_shift_back(deployment, seen, old) else Wait(GLANCE, "the former version"))
        or _route(seen, tuple(old), shares)
        or (Record((WeightShifted(0),)) if deployment.weight != 0 else None)
        or _let_go(seen, seen.others(old), force=overdue)
        or _await_health(seen, old)
        or GiveBack()
    )


def _may_shift_back(deployment: Deployment, seen: Observation, old: Collection[InstanceId]) -> bool:
    """Whether the old version can take all: at full strength, or as strong as a canary always left it.

    With no healthy new instance left, any healthy old one is better than waiting.
    """
    healthy = seen.healthy(old)
    if len(healthy) >= len(old):
        return True
    untouched = deployment.plan.strategy.kind == "canary" and deployment.promoted_at is None
    new = [one.id for one in seen.instances if one.version == deployment.plan.version]
    return bool(healthy) and (untouched or not seen.healthy(new))


def _died(deployment: Deployment, seen: Observation) -> Action | None:
    """Count deaths of new instances; a crash loop ends the attempt."""
    plan = deployment.plan
    dead = [
        one
        for one in seen.instances
        if one.version == plan.version
        and one.health is InstanceHealth.DEAD
        and run_of(one) not in deployment.deaths
        and deployment.started_at is not None
        and one.started_at >= deployment.started_at  # what an earlier attempt left is not ours
    ]
    if dead:
        return Record(tuple(InstanceDied(one.id, run_of(one), one.note) for one in dead))
    if len(deployment.deaths) < CRASHES:
        return None
    said = notes(seen, plan.version)
    return _back(f"{plan.version} keeps ending by itself ({len(deployment.deaths)} times). {said}".strip())


def _late(deployment: Deployment, seen: Observation, now: datetime) -> Action | None:
    plan = deployment.plan
    waiting = deployment.state is State.PROMOTING or (
        deployment.state is State.RUNNING and deployment.step >= 0 and deployment.step_entered_at is None
    )
    if not (waiting and _overdue(deployment, now)):
        return None
    minutes = plan.strategy.progress_deadline.total_seconds() / 60
    said = notes(seen, plan.version)
    return _back(f"{plan.version} did not get on within {minutes:g} min. {said}".strip())


def _unserved(deployment: Deployment, seen: Observation) -> Action | None:
    """Requests must not go to a version of which nothing is well."""
    plan = deployment.plan
    new = [one.id for one in seen.instances if one.version == plan.version]
    if deployment.weight == 0 or seen.healthy(new):
        return None
    return _back(f"No instance of {plan.version} is healthy. {notes(seen, plan.version)}".strip())


def _keep_old(deployment: Deployment, seen: Observation, count: int) -> Action | None:
    plan = deployment.plan
    return _start(seen, plan.previous, ids_of(plan, plan.previous, count)) if plan.previous else None


def _start(seen: Observation, version: Version, wanted: Mapping[InstanceId, int]) -> Action | None:
    running = {one.id for one in seen.alive(wanted.keys())}
    missing = tuple(ordinal for id, ordinal in wanted.items() if id not in running)  # noqa: A001
    return StartInstances(version, missing) if missing else None


def _await_health(seen: Observation, wanted: Collection[InstanceId]) -> Action | None:
    return None if len(seen.healthy(wanted)) == len(wanted) else Wait(GLANCE, "healthy instances")


def _route(seen: Observation, ids: Collection[InstanceId], shares: tuple[tuple[Version, int], ...]) -> Action | None:
    """Tell the router, unless it reads back just this already."""
    ready, healthy = set(seen.traffic.ready), {one.id for one in seen.healthy(ids)}
    if _weights_of(seen) == dict(shares) and healthy <= ready <= set(ids):
        return None
    return Configure(tuple(one.id for one in seen.alive(ids)), shares)


def _let_go(seen: Observation, leaving: Collection[Instance], *, force: bool) -> Action | None:
    """Stop these once the router has let go of them; `force` when that took longer than the deadline."""
    if not leaving:
        return None
    if force or seen.let_go(leaving):
        return StopInstances(tuple(one.id for one in leaving))
    return Wait(GLANCE, "open requests")


def _of(seen: Observation, version: Version | None, keep: Collection[InstanceId]) -> tuple[Instance, ...]:
    return tuple(one for one in seen.others(keep) if one.version == version)


def _shares(deployment: Deployment, weight: int) -> tuple[tuple[Version, int], ...]:
    plan = deployment.plan
    both = ((plan.version, weight), (plan.previous, 100 - weight))
    return tuple((version, share) for version, share in both if version is not None and share > 0)


def _weights_of(seen: Observation) -> dict[Version, int]:
    """The router's weights without the zeros."""
    return {version: weight for version, weight in seen.traffic.weights.items() if weight > 0}


def _overdue(deployment: Deployment, now: datetime) -> bool:
    since = deployment.progressed_at
    return since is not None and now - since > deployment.plan.strategy.progress_deadline


def _back(reason: str) -> Record:
    return Record((RollbackStarted(reason, Outcome.BROKEN),))
