"""What an earlier version of Pilothouse stored is read as if the new fields had been there."""

from datetime import UTC, datetime

import msgspec

from engine.deployments import fold
from engine.deployments.deployment import Deployment, DeploymentId, State
from engine.deployments.events import DeploymentPlanned, parse_event

PLANNED = {
    "plan": {
        "service": "shop",
        "environment": "production",
        "version": "v2",
        "digest": "sha256:2",
        "previous": "v1",
        "instances": 2,
        "strategy": {
            "name": "careful",
            "kind": "canary",
            "steps": [{"weight": 100, "dwell": "PT5S", "approval": False}],
            "gates": [],
            "max_surge": 1,
            "max_unavailable": 0,
            "warm_up": "PT0S",
            "progress_deadline": "PT10M",
        },
        "approvals_needed": 1,
        "four_eyes": True,
        "expires_at": None,
    },
    "purpose": "deploy",
    "requested_by": "ann",
    "request": "r1",
}
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def stored() -> Deployment:
    planned, started = parse_event("DeploymentPlanned", PLANNED), parse_event("DeploymentStarted", {"requests": 7})
    assert isinstance(planned, DeploymentPlanned)
    assert started is not None
    return fold.apply(fold.begin(DeploymentId("d-1"), planned, at=AT), started, at=AT)


def test_events_without_the_new_fields_are_folded() -> None:
    deployment = stored()
    plan = deployment.plan
    assert (deployment.state, deployment.fence, deployment.held) == (State.RUNNING, 0, "")
    assert (plan.revision, plan.configuration, plan.approval_group, plan.overrides) == (None, "", "", ())


def test_a_snapshot_without_them_is_restored() -> None:
    data = msgspec.to_builtins(stored())
    for name in ("held", "in_line_since", "fence"):
        del data[name]
    for name in ("revision", "configuration", "approval_group", "overrides", "warnings"):
        del data["plan"][name]
    assert msgspec.convert(data, Deployment) == stored()
