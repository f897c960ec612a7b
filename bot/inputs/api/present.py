"""From the rooms' own values to the API's shapes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from alerting.alerts.fingerprint import shown_fingerprint
from alerting.incidents.incident import Incident, IncidentAlert
from bot.inputs.api import present_gates, schemas
from bot.readings.now import AlertRow, OnCallRow, ServiceRow
from bot.readings.previews import preview_of
from engine.catalog import Catalog
from engine.components.lifecycle import Component
from engine.deployments.deployment import Deployment, Plan
from engine.deployments.journal import Summary


def services(catalog: Catalog, versions: Mapping[str, Sequence[str]]) -> schemas.Services:
    """Every service with its places and versions."""
    found = [
        schemas.Service(
            name=service.name,
            description=service.description,
            environments=list(service.placements),
            versions=list(versions.get(service.name, ())),
        )
        for service in catalog.services.values()
    ]
    return schemas.Services(services=found)


def component(row: ServiceRow) -> schemas.Component:
    """One service in one environment; as registered when it is not known yet."""
    one = row.component
    return schemas.Component(
        service=row.service,
        environment=row.environment,
        description=row.description,
        address=row.address,
        state=one.state.value if one else "registered",
        reason=_reason(row),
        version=one.version if one else None,
        previous=one.previous if one else None,
        traffic=traffic(row),
        health=one.health if one else "not running",
        healthy=one.healthy if one else 0,
        desired=one.desired if one else 0,
        restarts=one.restarts if one else 0,
        instances=_instances(one) if one else [],
        deployment=row.in_flight.id if row.in_flight else None,
        last_change=last_change(row),
    )


def _reason(row: ServiceRow) -> str:
    """Why it cannot be deployed, or else why it is as it is."""
    if row.misconfigured:
        return f"Misconfigured: {row.misconfigured}."
    return row.component.reason if row.component else ""


def traffic(row: ServiceRow) -> list[schemas.Share]:
    """Where requests go: what the router last reported to the deployment under way, else all to what runs."""
    flight, one = row.in_flight, row.component
    if flight is not None and flight.started_at is not None:
        plan = flight.plan
        shares = [(plan.previous, 100 - flight.weight), (plan.version, flight.weight)]
        return [schemas.Share(version=name, weight=weight) for name, weight in shares if name and weight]
    return [schemas.Share(version=one.version, weight=100)] if one and one.version and not one.rests else []


def last_change(row: ServiceRow) -> schemas.LastChange | None:
    """The last deployment and who asked for it; before the first, the component's own last event."""
    if row.last is not None:
        one = row.last
        verb = "Roll back to" if one.purpose == "roll_back" else "Deploy"
        what = f"{verb} {one.version}, {one.state.replace('_', ' ')}"
        return schemas.LastChange(
            what=what, by=one.requested_by, at=one.updated_at or one.requested_at, deployment=one.id
        )
    known = row.component
    if known is None or known.last_change_at is None:
        return None
    return schemas.LastChange(what=known.last_change, by=known.last_change_by, at=known.last_change_at)


def _instances(one: Component) -> list[schemas.Instance]:
    return [
        schemas.Instance(id=name, version=note.version, health=note.health, reason=note.reason, since=note.since)
        for name, note in sorted(one.instances.items())
    ]


def deployment_row(one: Summary) -> schemas.DeploymentRow:
    """A deployment in a list."""
    return schemas.DeploymentRow.model_validate(one)


def deployment(one: Deployment, *, now: datetime) -> schemas.Deployment:
    """A whole deployment."""
    plan = one.plan
    return schemas.Deployment(
        id=one.id,
        service=plan.service,
        environment=plan.environment,
        version=plan.version,
        previous=plan.previous,
        purpose=one.purpose,
        steps=len(plan.strategy.steps),
        plan=_plan(plan),
        preview=preview_of(one),
        step_left_seconds=one.step_left(now).total_seconds(),
        decisions=[schemas.Decision.model_validate(each) for each in one.decisions],
        measurements=[present_gates.measurement(each) for each in one.measurements],
        figures=[schemas.Figure(name=name, value=value) for name, value in one.figures],
        history=_entries(one.history),
        requests=one.requests if plan.counted else None,
        lost=one.lost if plan.counted else None,
        **_same(one, DEPLOYMENT_FIELDS),
    )


DEPLOYMENT_FIELDS = (
    *("state", "outcome", "reason", "requested_by", "requested_at", "started_at", "ended_at", "updated_at"),
    *("step", "weight", "approved", "waiting_step", "step_entered_at"),
    *("trouble", "trouble_since", "abort_asked_by"),
)
INCIDENT_FIELDS = (
    *("id", "title", "severity", "state", "service", "environment", "channel", "policy", "opened_at", "on_call"),
    *("acknowledged_by", "acknowledged_at", "resolved_by", "resolved_at", "level", "next_page_at"),
)


def _same(one: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in names}


def _plan(plan: Plan) -> schemas.Plan:
    spec = plan.strategy
    steps = [
        schemas.PlanStep(weight=step.weight, dwell_seconds=step.dwell.total_seconds(), approval=step.approval)
        for step in spec.steps
    ]
    return schemas.Plan(
        strategy=spec.name,
        kind=spec.kind,
        steps=steps,
        gates=[present_gates.gate(gate) for gate in spec.gates],
        keep_old_seconds=spec.keep_old.total_seconds(),
        **_same(plan, ("digest", "instances", "approvals_needed", "four_eyes", "expires_at")),
    )


def _entries(history: Iterable[object]) -> list[schemas.Entry]:
    return [schemas.Entry.model_validate(line) for line in history]


def _incident_alert(one: IncidentAlert) -> schemas.IncidentAlert:
    """Its fingerprint is the one that Alertmanager's API shows too."""
    return schemas.IncidentAlert.model_validate(one).model_copy(update={"fingerprint": shown_fingerprint(one.labels)})


def incident(one: Incident) -> schemas.Incident:
    """A whole incident."""
    return schemas.Incident(
        alerts=[_incident_alert(each) for each in one.alerts],
        suspects=[schemas.Suspect.model_validate(each) for each in one.suspects],
        pages=[schemas.Page.model_validate(each) for each in one.pages],
        history=_entries(one.history),
        **_same(one, INCIDENT_FIELDS),
    )


def alert(row: AlertRow) -> schemas.Alert:
    """A pending or firing alert."""
    return schemas.Alert.model_validate(row)


def shift(row: OnCallRow) -> schemas.Shift:
    """A schedule now."""
    return schemas.Shift.model_validate(row)
