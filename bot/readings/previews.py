"""Where people can look at the new version of a deployment while others still get the former one. Pure."""

from __future__ import annotations

from typing import Final

from engine.catalog import Placement
from engine.deployments.deployment import Deployment, Plan, State
from engine.deployments.releases import parse_placement
from engine.infrastructure.previews import previews_of

_AHEAD: Final = frozenset({State.PLANNED, State.RUNNING, State.PAUSED})


def preview_of(deployment: Deployment) -> str:
    """`http://127.0.0.1:9481 or header X-Canary: yes`; "" where nobody can, or when everybody gets it or nobody will.

    An address shows it at a step without traffic, a pin until it has all. Before it is up that is said.
    """
    plan = deployment.plan
    alone = plan.previous in {None, plan.version} or deployment.weight == 100
    place = None if alone or deployment.state not in _AHEAD else _planned(plan)
    if place is None:
        return ""
    ways = " or ".join(previews_of(place, plan.version, shared=not _unshared(deployment)))
    return f"{ways}, once it is up" if ways and deployment.traffic_at is None else ways


def _unshared(deployment: Deployment) -> bool:
    """Whether its plan begins with a preview that is not over."""
    steps = deployment.plan.strategy.steps
    return bool(steps) and steps[0].weight == 0 and deployment.step <= 0


def _planned(plan: Plan) -> Placement | None:
    """As it was planned; a way back, which is one switch, notes nothing."""
    try:
        return None if plan.placement is None else parse_placement(plan.placement)
    except ValueError:
        return None  # an old deployment may run on what there is no more
