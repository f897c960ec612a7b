"""The shapes of release trains, and of their page.

Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from bot.inputs.api.shape import Name, Override, Shape, You


class TrainVersion(Shape):
    """One service of a train and the version it shall run."""

    service: Name
    version: Name


class TrainAsk(Shape):
    """Deploy several services to one environment as one: all of them, or none. `override` as for a deployment."""

    services: list[TrainVersion] = Field(min_length=1, max_length=50)
    environment: Name
    override: str = Field(default="", max_length=500)


class TrainApproveAsk(Shape):
    """Agree. `digest`, when given, has to be that of the plan, so that nobody agrees to something else."""

    digest: str = Field(default="", max_length=200)


class TrainPart(Shape):
    """One service of a train. `wave` counts from 1; `deployment` is the one asked for last, null before any is."""

    service: str
    version: str
    previous: str | None
    digest: str
    wave: int
    state: str
    note: str
    reason: str
    deployment: str | None


class TrainLine(Shape):
    """What happened, and when."""

    at: datetime
    text: str


class ReleaseTrain(Shape):
    """A train. It has ended when its `state` is succeeded, taken_back, stuck or cancelled."""

    id: str
    environment: str
    state: str
    reason: str
    digest: str
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    approvals_needed: int
    approved_by: list[str]
    expires_at: datetime | None
    aborted_by: str | None
    services: list[TrainPart]
    history: list[TrainLine]


class ReleaseTrains(Shape):
    """The newest trains first."""

    trains: list[ReleaseTrain]


class TrainDecision(Shape):
    """Who agreed or refused."""

    person: str
    approved: bool
    at: datetime


class TrainSheet(ReleaseTrain):
    """A train with what may be decided about it.

    `offers` are the decisions that make sense now: approve, reject, abort; `may` are those of them that who is signed
    in may take, `remark` says why others may not. With `group` only its members' approvals count.
    """

    decisions: list[TrainDecision]
    group: str
    four_eyes: bool
    overrides: list[Override]
    warnings: list[str]
    offers: list[str]
    may: list[str]
    remark: str


class TrainsPage(Shape):
    """What the pages of trains show: one, or the newest. `position` is the log's last before they were read."""

    at: datetime
    position: int
    you: You | None
    people: dict[str, str]
    trains: list[TrainSheet]
