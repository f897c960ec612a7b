"""What makes a strategy turn back by itself: a crash loop, no progress, nobody well to answer. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from engine.deployments.action import Action, Observation, Record, run_of
from engine.deployments.deployment import Deployment, State
from engine.deployments.events import InstanceDied
from engine.deployments.strategies.moves import back, overdue
from engine.deployments.words import notes, render_time, why_not_well
from engine.ports import InstanceHealth

CRASHES: Final = 3  # so many deaths of new instances are a crash loop


def died(deployment: Deployment, seen: Observation) -> Action | None:
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
    return back(f"{plan.version} keeps ending by itself ({len(deployment.deaths)} times). {said}".strip())


def late(deployment: Deployment, seen: Observation, now: datetime) -> Action | None:
    """What is on its way to a step, or to the end, has to get on within the progress deadline."""
    plan = deployment.plan
    waiting = deployment.state is State.PROMOTING or (
        deployment.state is State.RUNNING and deployment.step >= 0 and deployment.step_entered_at is None
    )
    if not (waiting and overdue(deployment, now)):
        return None
    deadline, said = render_time(plan.strategy.progress_deadline), why_not_well(seen, plan.version)
    return back(f"{plan.version} did not get on within {deadline}. {said}")


def unserved(deployment: Deployment, seen: Observation) -> Action | None:
    """Requests must not go to a version of which nothing is well."""
    plan = deployment.plan
    new = [one.id for one in seen.instances if one.version == plan.version]
    if deployment.weight == 0 or seen.healthy(new):
        return None
    return back(f"No instance of {plan.version} is healthy. {why_not_well(seen, plan.version)}")
