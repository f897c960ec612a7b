"""The shapes of the API: what may be sent and what is answered. openapi.json is built from these.

Times are RFC 3339 in UTC, durations seconds, weights percent. A number that JSON cannot hold (NaN, infinity) is null.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from bot.inputs.api.schemas_gates import Gate, Measurement
from bot.inputs.api.schemas_trains import ReleaseTrain
from bot.inputs.api.shape import Name, Shape, You


class DeployAsk(Shape):
    """Bring `version` of `service` to `environment`.

    `override` says why in spite of a freeze, an incident, a known fault of the version, or the lock after a roll-back;
    then somebody else has to approve.
    """

    service: Name
    version: Name
    environment: Name
    strategy: Name | None = None
    override: str = Field(default="", max_length=500)


class RollBackAsk(Shape):
    """Go back to `to`, a revision or a version of the history; without it to what ran before."""

    to: str = Field(default="", max_length=80)


class ApproveAsk(Shape):
    """Agree. `digest`, when given, has to be that of the plan, so that nobody agrees to something else.

    `step` (from 0) is the step that waits for approval; null agrees to the plan.
    """

    digest: str = Field(default="", max_length=200)
    step: int | None = Field(default=None, ge=0)


class RejectAsk(Shape):
    """Refuse the plan, or with `step` (from 0) the step that waits, so that nobody refuses something else."""

    step: int | None = Field(default=None, ge=0)


class PromoteAsk(Shape):
    """Skip what is left. `step` (from 0) is where it stood when that was decided; null is wherever it stands."""

    step: int | None = Field(default=None, ge=0)


class EscalateAsk(Shape):
    """Page the next step. `level` is the step paged last, so that two requests are one; null asks in any case."""

    level: int | None = Field(default=None, ge=-1)


class NothingAsk(Shape):
    """Nothing needs to be said."""


class Problem(Shape):
    """`kind` is for programs, `reason` and `remedy` for people; `field` is the one at fault, if a single one is."""

    kind: str
    reason: str
    remedy: str
    field: str | None = None


class ErrorAnswer(Shape):
    """Every answer that is not 2xx."""

    error: Problem


class Service(Shape):
    """What can be deployed, where to, and which versions exist."""

    name: str
    description: str
    environments: list[str]
    versions: list[str]


class Services(Shape):
    """Every service of the settings."""

    services: list[Service]


class Instance(Shape):
    """What was last recorded of one instance; `since` is when its health became so."""

    id: str
    version: str
    health: str
    reason: str
    since: datetime | None


class Share(Shape):
    """How much of the traffic goes to a version, in percent."""

    version: str
    weight: int


class LastChange(Shape):
    """What last changed a component: the deployment when one did, else the state's own event."""

    what: str
    by: str
    at: datetime
    deployment: str | None = None


class Component(Shape):
    """One service in one environment. `version` is null until a deployment has finished there."""

    service: str
    environment: str
    description: str
    address: str
    state: str
    reason: str
    version: str | None
    previous: str | None
    traffic: list[Share]
    health: str
    healthy: int
    desired: int
    restarts: int
    instances: list[Instance]
    deployment: str | None
    last_change: LastChange | None


class Components(Shape):
    """Every service in every environment it runs in."""

    components: list[Component]


class DeploymentRow(Shape):
    """What lists show of a deployment. `step` counts from 0, -1 before the first; `weight` is the new version's."""

    id: str
    service: str
    environment: str
    version: str
    previous: str | None
    purpose: str
    state: str
    outcome: str | None
    reason: str
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime | None
    step: int
    steps: int
    weight: int


class Deployments(Shape):
    """One page, the newest first; `next` is the cursor of the page after it."""

    deployments: list[DeploymentRow]
    next: str | None


class PlanStep(Shape):
    """One step of the plan."""

    weight: int
    dwell_seconds: float
    approval: bool


class Plan(Shape):
    """What was agreed to; approvals are bound to `digest`."""

    strategy: str
    kind: str
    digest: str
    instances: int
    steps: list[PlanStep]
    gates: list[Gate]
    keep_old_seconds: float
    approvals_needed: int
    four_eyes: bool
    expires_at: datetime | None


class Decision(Shape):
    """Who agreed or refused; `step` is null for the whole deployment."""

    person: str
    approved: bool
    at: datetime
    step: int | None


class Figure(Shape):
    """A number shown beside a deployment, as text."""

    name: str
    value: str


class Entry(Shape):
    """A line of a history."""

    text: str
    at: datetime


class Deployment(DeploymentRow):
    """A whole deployment. `requests` and `lost` count what went through the router since it began.

    Both are null where the router counts none: those of Kubernetes and AWS do not. `preview` says where people can
    look at the new version while others still get the former one; it is empty where or when they cannot.
    """

    plan: Plan
    preview: str
    approved: bool
    decisions: list[Decision]
    waiting_step: int | None
    step_entered_at: datetime | None
    step_left_seconds: float
    measurements: list[Measurement]
    figures: list[Figure]
    requests: int | None
    lost: int | None
    trouble: str
    trouble_since: datetime | None
    abort_asked_by: str | None
    history: list[Entry]


class Alert(Shape):
    """A pending or firing alert of our rules; `since` is when its condition began to hold."""

    name: str
    state: Literal["pending", "firing"]
    labels: dict[str, str]
    annotations: dict[str, str]
    value: float | None
    since: datetime


class Alerts(Shape):
    """Firing ones first, then the oldest."""

    alerts: list[Alert]


class IncidentAlert(Shape):
    """An alert of an incident; `ended_at` is null while it fires."""

    fingerprint: str
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    value: float | None
    since: datetime
    ended_at: datetime | None


class Suspect(Shape):
    """A change that may have caused an incident; rank 1 is the likeliest and `why` says the reason."""

    deployment: str
    service: str
    environment: str
    version: str
    previous: str
    person: str
    at: datetime
    rank: int
    why: str
    can_roll_back: bool


class Page(Shape):
    """Somebody was told: delivered, failed with `error`, withdrawn, or still on its way."""

    person: str
    step: int
    round: int
    at: datetime
    delivered_at: datetime | None
    error: str
    withdrawn: bool


class Incident(Shape):
    """An incident. `level` is the escalation step paged last, from 0, -1 before the first."""

    id: str
    title: str
    severity: str
    state: str
    service: str
    environment: str
    channel: str
    policy: str
    opened_at: datetime
    on_call: str | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    resolved_by: str | None
    resolved_at: datetime | None
    level: int
    next_page_at: datetime | None
    alerts: list[IncidentAlert]
    suspects: list[Suspect]
    pages: list[Page]
    history: list[Entry]


class Incidents(Shape):
    """The newest first."""

    incidents: list[Incident]


class Shift(Shape):
    """Who has a schedule's shift, until when, and who is next; null before the schedule starts."""

    schedule: str
    person: str | None
    until: datetime | None
    after: str | None


class OnCall(Shape):
    """Every schedule."""

    on_call: list[Shift]


class Happening(Shape):
    """One event of the log. `position` orders all of them; `summary` is empty when there is nothing to tell."""

    position: int
    type: str
    stream: str
    at: datetime
    summary: str


class Overview(Shape):
    """Everything on one page; `deployments` and `trains` are those under way.

    `position` is the log's last before it was read: follow events from there.
    """

    at: datetime
    position: int
    you: You | None
    people: dict[str, str]
    components: list[Component]
    deployments: list[Deployment]
    trains: list[ReleaseTrain]
    recent: list[DeploymentRow]
    incidents: list[Incident]
    alerts: list[Alert]
    on_call: list[Shift]
    events: list[Happening]
