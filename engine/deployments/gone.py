"""A deployment whose place left the settings while it runs: how that is told, and what is known without them."""

from __future__ import annotations

from dataclasses import replace

from engine.catalog import Catalog, Placement
from engine.deployments.action import ids_of
from engine.deployments.deployment import Deployment, Plan
from engine.deployments.releases import Releases, parse_placement
from engine.errors import NotFound


def knows(catalog: Catalog, plan: Plan) -> bool:
    """Whether the settings have its place."""
    try:
        catalog.placement(plan.service, plan.environment)
    except NotFound:
        return False
    return True


async def recorded(releases: Releases, plan: Plan) -> Placement:
    """How it was planned, or ran when it last came out, for going back. Raises NotFound when neither was noted."""
    if plan.placement is not None:
        return parse_placement(plan.placement)
    known = await releases.all(plan.service, plan.environment)
    if not known:
        raise NotFound(gone(plan))
    released = known[(plan.revision or len(known)) - 1].placement
    return replace(released, target=replace(released.target, instances=plan.instances))


def gone(plan: Plan) -> str:
    """What is missing."""
    return f"pilothouse.yaml has no service {plan.service} in {plan.environment} any more."


def waits(deployment: Deployment) -> str:
    """What people are told while nothing is done; the same words each time."""
    said = f"{gone(deployment.plan)} Nothing is done, and no gate is asked, meanwhile."
    return f"{said} Put it back, or abort {deployment.id}: it goes back as far as is recorded."


def left(deployment: Deployment) -> str:
    """What may be running, and where, when nobody knows how to look: from the plan and what was last seen."""
    plan = deployment.plan
    versions = [one for one in (plan.previous, plan.version) if one is not None]
    names = " and ".join(", ".join(ids_of(plan, one, plan.instances)) for one in versions)
    share = f"The router last sent {deployment.weight} % to {plan.version}."
    return f"Nothing was looked at or stopped: {names} may run. {share}"
