"""From release trains to the shapes of the API. Pure."""

from __future__ import annotations

from typing import Any, Final

from bot.inputs.api.schemas_trains import ReleaseTrain, TrainDecision, TrainLine, TrainPart, TrainSheet
from bot.inputs.api.shape import Override
from bot.readings.offers import Offer, train_offered
from engine.catalog import ApprovalGroup
from engine.security.identity import Person
from engine.security.permissions import Permission, allowed
from engine.trains.train import Train

PERMISSIONS: Final = {
    Offer.APPROVE: Permission.APPROVE,
    Offer.REJECT: Permission.APPROVE,
    Offer.ABORT: Permission.ABORT,
}


def train(found: Train) -> ReleaseTrain:
    """A train with the wave and state of each of its services."""
    return ReleaseTrain(**_told(found))


def sheet(found: Train, person: Person | None, group: ApprovalGroup | None) -> TrainSheet:
    """The same, with what `person` may decide about it; `group` is its environment's, whose approvals alone count."""
    offers = train_offered(found)
    return TrainSheet(
        **_told(found),
        decisions=[TrainDecision.model_validate(one) for one in found.decisions],
        group=found.plan.group,
        four_eyes=found.plan.four_eyes,
        overrides=[Override.model_validate(one) for one in found.plan.overrides],
        warnings=list(found.plan.warnings),
        offers=[one.value for one in offers],
        may=[one.value for one in offers if person is not None and not _hindrance(found, person, group, one)],
        remark=_remark(found, person, group, offers),
    )


def _remark(found: Train, person: Person | None, group: ApprovalGroup | None, offers: tuple[Offer, ...]) -> str:
    """Why somebody signed in is not offered the first thing that waits."""
    return _hindrance(found, person, group, offers[0]) if person is not None and offers else ""


def _hindrance(found: Train, person: Person, group: ApprovalGroup | None, offer: Offer) -> str:
    """Why not; "" when nothing keeps them from it."""
    environment = found.plan.environment
    if not allowed(person, PERMISSIONS[offer], environment):
        return f"{person.name} may not decide about trains to {environment}."
    if offer is not Offer.APPROVE:
        return ""
    if found.plan.four_eyes and person.id == found.requested_by:
        return "You asked for it, so somebody else has to approve."
    if group is not None and person.id not in group.people:
        return f"Only approvals by members of {group.name} count here."
    return "You have agreed already." if person.id in found.approvers else ""


def _told(found: Train) -> dict[str, Any]:
    plan = found.plan
    return {
        "id": found.id,
        "environment": plan.environment,
        "state": found.state.value,
        "reason": found.reason,
        "digest": plan.digest,
        "requested_by": found.requested_by,
        "requested_at": found.requested_at,
        "started_at": found.started_at,
        "ended_at": found.ended_at,
        "approvals_needed": plan.approvals_needed,
        "approved_by": list(found.approvers),
        "expires_at": plan.expires_at,
        "aborted_by": found.aborted_by,
        "services": [_part(found, name, wave) for wave, names in enumerate(plan.waves, 1) for name in names],
        "history": [TrainLine(at=one.at, text=one.text) for one in found.history],
    }


def _part(found: Train, service: str, wave: int) -> TrainPart:
    part, operation = found.plan.component(service), found.operation(service)
    return TrainPart(
        service=service,
        version=part.version,
        previous=part.previous,
        digest=part.digest,
        wave=wave,
        state=operation.state.value,
        note=operation.note,
        reason=operation.reason,
        deployment=operation.effect or None,
    )
