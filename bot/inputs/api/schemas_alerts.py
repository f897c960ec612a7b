"""The shapes of the alert addresses: groups, silences, rules and their day.

Times are RFC 3339 in UTC, durations seconds. A number that JSON cannot hold (NaN, infinity) is null.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from bot.inputs.api.shape import Shape, You

AlertState = Literal["active", "suppressed", "pending"]
SilenceState = Literal["active", "pending", "expired"]


class AlertCounts(Shape):
    """How many alerts fit, by state. Pending ones hold, but not for long enough to be told."""

    active: int = 0
    suppressed: int = 0
    pending: int = 0


class Mute(Shape):
    """A reason why an alert is not told: a silence, made `by` somebody, or an alert that inhibits it.

    `text` is the silence's comment, or the name of that alert.
    """

    kind: Literal["silence", "alert"]
    id: str
    by: str
    text: str


class GroupedAlert(Shape):
    """An alert in its group. `link` leads to its source, `rule` is the id of our rule when it has one."""

    fingerprint: str
    name: str
    state: AlertState
    labels: dict[str, str]
    annotations: dict[str, str]
    value: float | None
    since: datetime
    muted_by: list[Mute]
    source: str
    link: str
    rule: str | None


class AlertGroup(Shape):
    """Alerts that are told together. `alerts` are the first of them, `counts` count all that fit.

    `receiver` is null for pending alerts, which nobody is told of yet. `muted_by` are the time intervals, by name, in
    which the group is not told and which hold now.
    """

    key: str
    receiver: str | None
    labels: dict[str, str]
    muted_by: list[str]
    counts: AlertCounts
    since: datetime
    alerts: list[GroupedAlert]


class AlertGroups(Shape):
    """Groups with an active alert first. What did not fit in `limit` is counted by `more_groups` and each group."""

    at: datetime
    counts: AlertCounts
    groups: list[AlertGroup]
    more_groups: int


class Silenced(Shape):
    """A silence: whom it mutes, until when, who made it and why, and how many alerts it mutes now."""

    id: str
    state: SilenceState
    matchers: list[str]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    created_by: str
    comment: str
    until_resolved: bool
    incident: str
    ended_by: str
    mutes: int


class SilenceCounts(Shape):
    """How many silences there are, by state."""

    active: int = 0
    pending: int = 0
    expired: int = 0


class Silences(Shape):
    """Active ones first, then pending, then expired ones, the last ended first."""

    at: datetime
    counts: SilenceCounts
    silences: list[Silenced]
    more: int


class SilenceAsk(Shape):
    """Mute what matches all of `matchers`, such as `alertname="DiskFull", host="db-1"`, from now on.

    `seconds` null: until nothing that matches fires any more, a week at the latest.
    """

    matchers: str = Field(min_length=1, max_length=4000)
    seconds: int | None = Field(default=None, ge=1, le=366 * 24 * 3600)
    comment: str = Field(min_length=1, max_length=1000)


class RuleHealth(Shape):
    """A rule and how it does. `health` is Prometheus' word: unknown before the first evaluation, ok, err."""

    id: str
    name: str
    kind: Literal["alerting", "recording"]
    state: Literal["inactive", "pending", "firing"]
    health: Literal["unknown", "ok", "err"]
    last_error: str | None
    last_evaluation: datetime | None
    evaluation_seconds: float
    failures: int
    missed: int
    firing: int
    pending: int
    expr: str
    for_seconds: float
    keep_firing_for_seconds: float
    labels: dict[str, str]
    annotations: dict[str, str]
    link: str


class RuleSet(Shape):
    """A group of a rule file."""

    name: str
    file: str
    interval_seconds: float
    limit: int
    rules: list[RuleHealth]


class RuleCounts(Shape):
    """How many rules there are, and how many of them fire, are pending, or could not be evaluated."""

    rules: int = 0
    firing: int = 0
    pending: int = 0
    broken: int = 0


class Rules(Shape):
    """Every group in the order of its file. `problems` says why a changed rule file was not taken."""

    at: datetime
    counts: RuleCounts
    problems: list[str]
    groups: list[RuleSet]
    more: int


class Notification(Shape):
    """Who was told what, when and why: an integration of a receiver, by its place there from 0, of a group's alerts.

    `firing` and `resolved` count the alerts. `error` says why it could not be told, listed once when that begins.
    """

    position: int
    at: datetime
    receiver: str
    integration: int
    group: str
    labels: dict[str, str]
    reason: Literal["first", "new alerts fire", "all resolved", "some resolved", "repeat interval passed"]
    firing: int
    resolved: int
    error: str | None


class Notifications(Shape):
    """A page of notifications, the newest first; `next` is the cursor of the page after it."""

    notifications: list[Notification]
    next: str | None


class AlertSummary(Shape):
    """All alerts, silences and rules in numbers, the last notification, who asks, and whether they may silence.

    `problems` says why a changed rule file was not taken.
    """

    at: datetime
    you: You | None
    may_silence: bool
    people: dict[str, str]
    alerts: AlertCounts
    silences: SilenceCounts
    rules: RuleCounts
    last_notification: Notification | None
    problems: list[str]


class Segment(Shape):
    """One state for a while. `error`: it could not be evaluated; `unknown`: nothing was evaluated."""

    state: Literal["inactive", "pending", "firing", "error", "unknown"]
    start: datetime
    end: datetime


class SeriesLine(Shape):
    """The states of one series."""

    labels: dict[str, str]
    segments: list[Segment]


class ValueLine(Shape):
    """A series' values: `[Unix seconds, value]`; null where it had none that can be drawn."""

    labels: dict[str, str]
    points: list[tuple[float, float | None]]


class Values(Shape):
    """What was compared with `threshold`; `error` says why there is no line."""

    expr: str
    comparison: str
    threshold: float | None
    lines: list[ValueLine]
    error: str | None
    remedy: str


class Mark(Shape):
    """A deployment on the axis, from when it began to change something until its end."""

    deployment: str
    text: str
    state: str
    start: datetime
    end: datetime | None


class RuleHistory(Shape):
    """A rule's last day. `cut`: after this moment changes were too many to keep."""

    rule: RuleHealth
    start: datetime
    end: datetime
    segments: list[Segment]
    series: list[SeriesLine]
    more_series: int
    cut: datetime | None
    values: Values
    deployments: list[Mark]
