"""The recipe strategies share: bring up, shift, read back, dwell, and on to the end. Pure.

What differs between them is how many instances of each version a step has, and whether both may run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from engine.deployments.action import Action, Begin, Measure, Observation, Record, Wait, ids_of
from engine.deployments.deployment import Deployment, State
from engine.deployments.events import (
    DeploymentExpired,
    DeploymentPaused,
    PromotionStarted,
    StepEntered,
    StepPassed,
    TroubleMet,
    WeightShifted,
)
from engine.deployments.judge import judge, measure_due
from engine.deployments.strategies.endings import promoting, rolling_back
from engine.deployments.strategies.moves import (
    GLANCE,
    HEARTBEAT,
    Shares,
    await_health,
    back,
    drained_enough,
    keep_old,
    let_go,
    route,
    shares_of,
    start,
    surplus,
    weights_of,
)
from engine.deployments.strategies.troubles import died, late, unserved
from engine.deployments.words import entering
from engine.ports import Instance, InstanceId

STARVED: Final = timedelta(seconds=30)  # a former version that nobody answers for is waited for so long


@dataclass(frozen=True, slots=True)
class Sizes:
    """Instances of a step: `new` ones; old ones kept while those start, and once they carry their share."""

    new: int
    old_before: int
    old_after: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """A strategy's own part. `apart` never lets two versions run at once, on the way back neither."""

    sizes: Callable[[Deployment], Sizes]
    apart: bool = False

    def __call__(self, deployment: Deployment, seen: Observation, *, now: datetime) -> Action:
        """What to do next in any state that has not ended."""
        match deployment.state:
            case State.PLANNED:
                return _planned(deployment, now)
            case State.RUNNING | State.PAUSED if deployment.plan.first:
                return Record((PromotionStarted(),))
            case State.RUNNING | State.PAUSED:
                return _running(deployment, seen, self, now)
            case State.PROMOTING:
                return promoting(deployment, seen, now)
            case State.ROLLING_BACK:
                return rolling_back(deployment, seen, now, whole=self._whole(deployment), apart=self.apart)
            case _:
                raise ValueError(f"Deployment {deployment.id} has ended as {deployment.state}.")

    def _whole(self, deployment: Deployment) -> bool:
        """Whether the former version was left at full strength so far."""
        untouched = self.sizes(deployment).old_after >= deployment.plan.instances
        return untouched and (deployment.promoted_at is None or deployment.kept_until is not None)


def _planned(deployment: Deployment, now: datetime) -> Action:
    expires = deployment.plan.expires_at
    if deployment.approved:
        return Begin()
    if expires is None:
        return Wait(timedelta(hours=1), "approval")
    return Record((DeploymentExpired(),)) if now >= expires else Wait(expires - now, "approval")


def _running(deployment: Deployment, seen: Observation, recipe: Recipe, now: datetime) -> Action:
    reached, sizes = deployment.step_entered_at is not None, recipe.sizes(deployment)
    return (
        died(deployment, seen)
        or late(deployment, seen, now)
        or unserved(deployment, seen)
        or keep_old(deployment, seen, sizes.old_after if reached else sizes.old_before, now)
        or _skip(deployment, recipe)
        or _enter(deployment)
        or (_dwell(deployment, seen, sizes, now) if reached else _reach(deployment, seen, recipe, now))
    )


def _skip(deployment: Deployment, recipe: Recipe) -> Action | None:
    """When a person said so: straight to the last step, or, where each makes room for the next, on without a dwell."""
    person, last = deployment.promotion_asked_by, len(deployment.plan.strategy.steps) - 1
    if person is None:
        return None
    roomy = recipe.sizes(replace(deployment, step=last)).old_after >= deployment.plan.instances
    if roomy and deployment.step < last:
        return Record((StepEntered(last, deployment.plan.strategy.steps[last].weight, f"{person} skips the others"),))
    reached = deployment.step_entered_at is not None and not deployment.step_passed
    return Record((StepPassed(deployment.step),)) if reached else None


def _enter(deployment: Deployment) -> Action | None:
    """The next step, when the present one is passed; a person may have to agree first."""
    steps, following = deployment.plan.strategy.steps, deployment.step + 1
    if deployment.state is State.PAUSED or (deployment.step >= 0 and not deployment.step_passed):
        return None
    if following == len(steps):
        return Record((PromotionStarted(),))
    weight = steps[following].weight
    if steps[following].approval and not deployment.approved_step(following):
        reason = f"{entering(deployment.plan, following)} waits for approval."
        return Record((DeploymentPaused(reason, following),))
    return Record((StepEntered(following, weight),))


def _reach(deployment: Deployment, seen: Observation, recipe: Recipe, now: datetime) -> Action:
    """Bring up what the step needs, shift, and believe only what the router reads back."""
    plan, sizes = deployment.plan, recipe.sizes(deployment)
    if deployment.step < 0:
        return Wait(HEARTBEAT, "a decision")
    weight = plan.strategy.steps[deployment.step].weight
    new = ids_of(plan, plan.version, sizes.new)
    old = ids_of(plan, plan.previous, sizes.old_after)
    return (
        _make_room(deployment, seen, recipe, now)
        or start(seen, plan.version, new)
        or await_health(seen, new)
        or _starved(deployment, seen, deployment.progressed_at, now)
        or route(seen, (*new, *old), shares_of(plan, weight))
        or Record((WeightShifted(weight),))
    )


def _starved(deployment: Deployment, seen: Observation, since: datetime | None, now: datetime) -> Action | None:
    """The last step, when nobody of the former version is well: to share with it is no caution, only an outage.

    Never past a step that people have to agree to, nor past gates that are asked only before a switch.
    """
    plan, steps = deployment.plan, deployment.plan.strategy.steps
    last, people = len(steps) - 1, any(step.approval for step in steps[deployment.step + 1 :])
    asked = people or any(gate.when == "before" for gate in plan.strategy.gates)
    well = seen.healthy([one.id for one in seen.instances if one.version == plan.previous])
    patience = min(STARVED, plan.strategy.progress_deadline / 2)
    if well or asked or deployment.step == last or deployment.state is State.PAUSED or now - (since or now) < patience:
        return None
    return Record((StepEntered(last, steps[last].weight, f"nobody of {plan.previous} is well"),))


def _make_room(deployment: Deployment, seen: Observation, recipe: Recipe, now: datetime) -> Action | None:
    """Without surge some old instances have to go before new ones can come; those that stay have to be well."""
    plan = deployment.plan
    keep = ids_of(plan, plan.previous, recipe.sizes(deployment).old_before)
    leaving = surplus(seen, plan.previous, keep)
    if not leaving:
        return None
    before = recipe.sizes(replace(deployment, step=deployment.step - 1)).new
    serving = ids_of(plan, plan.version, before)
    staying = (*serving, *keep)
    weight = 100 if serving and not keep else deployment.weight
    return (
        start(seen, plan.version, serving)
        or (await_health(seen, staying) if seen.healthy([one.id for one in leaving]) else None)
        or (route(seen, staying, shares_of(plan, weight) if staying else ()) if _served_by(seen, leaving) else None)
        or let_go(seen, leaving, force=drained_enough(deployment, now, downtime=recipe.apart))
    )


def _served_by(seen: Observation, some: Collection[Instance]) -> bool:
    return any(one.id in seen.traffic.ready for one in some)


def _dwell(deployment: Deployment, seen: Observation, sizes: Sizes, now: datetime) -> Action:
    """Stay at the step: measure, judge, and keep what the step needs as it is."""
    plan = deployment.plan
    new = ids_of(plan, plan.version, sizes.new)
    old = ids_of(plan, plan.previous, sizes.old_after)
    shares = shares_of(plan, deployment.weight)
    return (
        _misrouted(deployment, seen, (*new, *old), shares, now)
        or (Measure() if measure_due(deployment, now=now) else None)
        or judge(deployment, now=now)
        or start(seen, plan.version, new)
        or let_go(seen, surplus(seen, plan.previous, old), force=drained_enough(deployment, now))
        or route(seen, (*new, *old), shares)
        or Wait(_until_due(deployment, now), "the step")
    )


def _until_due(deployment: Deployment, now: datetime) -> timedelta:
    """A heartbeat, or less when the dwell ends before the next."""
    left = deployment.step_left(now)
    return max(GLANCE, min(HEARTBEAT, left)) if left else HEARTBEAT


def _misrouted(
    deployment: Deployment, seen: Observation, ids: Collection[InstanceId], shares: Shares, now: datetime
) -> Action | None:
    """What the gates would judge is not there while the router reads back other weights than the step's."""
    if weights_of(seen) == dict(shares):
        return None
    since = deployment.trouble_since
    if since is None:
        return Record((TroubleMet(f"The router does not send the step's {deployment.weight} %."),))
    if now - since > deployment.plan.strategy.progress_deadline:
        return back(deployment.trouble)
    return _starved(deployment, seen, since, now) or route(seen, ids, shares)
