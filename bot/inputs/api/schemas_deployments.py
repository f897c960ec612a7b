"""The shapes of a deployment's page, and of the report on all of them.

Times are RFC 3339 in UTC; in points they are Unix seconds. Durations are seconds, weights percent.
"""

from __future__ import annotations

from datetime import datetime

from bot.inputs.api.schemas import Deployment, Instance
from bot.inputs.api.schemas_gates import Measurement
from bot.inputs.api.shape import Override, Shape, You


class Phase(Shape):
    """What it was about for a while: planned, backup, starting, step, paused, promoting or rolling_back.

    `step` counts from 0 and is null outside the steps; `end` is null for the present.
    """

    name: str
    start: datetime
    end: datetime | None
    step: int | None


class Line(Shape):
    """One line of a picture; a value is null where there was none."""

    name: str
    points: list[tuple[float, float | None]]


class VerdictPoint(Shape):
    """What a gate said at a time."""

    at: datetime
    verdict: str


class GatePicture(Shape):
    """What a gate said over time. Without `lines` it has no number: it fires or not, is well or not.

    A comparison has a second picture for its latency. `threshold` is null where it is not one fixed number.
    """

    gate: str
    name: str
    unit: str
    comparison: str
    threshold: float | None
    lines: list[Line]
    verdicts: list[VerdictPoint]


class NumberedMeasurement(Measurement):
    """A measurement; `number` counts those of the deployment from 1."""

    number: int


class Measurements(Shape):
    """The newest first, of `total`; `next` is the cursor of those before, null when there are none."""

    measurements: list[NumberedMeasurement]
    next: str | None
    total: int


class DeploymentPage(Shape):
    """Everything on a deployment's page but what the metrics server knows.

    `start` and `end` are those of its time axis, null before it was begun. `offers` are the decisions that make sense
    now: approve, reject, resume, promote, finish, abort, roll_back; `may` are those of them that who is signed in may
    take. `position` is the log's last before it was read: follow events from there.
    """

    at: datetime
    position: int
    you: You | None
    people: dict[str, str]
    deployment: Deployment
    told: str
    offers: list[str]
    may: list[str]
    remark: str
    start: datetime | None
    end: datetime | None
    phases: list[Phase]
    weights: list[tuple[float, int]]
    gates: list[GatePicture]
    measurements: Measurements
    instances: list[Instance]
    held: str
    kept_until: datetime | None
    backup: str
    approval_group: str
    revision: int | None
    overrides: list[Override]
    warnings: list[str]


class Picture(Shape):
    """What the metrics server knows of a gate's query or a figure over the deployment's time.

    With an `error` there are no lines, and `remedy` says what to do.
    """

    name: str
    query: str
    unit: str
    comparison: str
    threshold: float | None
    lines: list[Line]
    error: str | None
    remedy: str


class Pictures(Shape):
    """Queries by range, every `step_seconds`; {window} in them was `window_seconds`."""

    start: datetime | None
    end: datetime | None
    step_seconds: float
    window_seconds: float
    pictures: list[Picture]


class Dora(Shape):
    """DORA's four key figures; times are medians in seconds, null where there is nothing to take them of.

    `deployments` succeeded, `per_day` of them; `failures` of `changes` failed, were rolled back or taken back after;
    `restored` failures are over, after `restore_seconds`, `unrestored` are not yet.
    """

    deployments: int
    per_day: float
    lead_seconds: float | None
    changes: int
    failures: int
    failure_rate: float | None
    restored: int
    unrestored: int
    restore_seconds: float | None


class Period(Shape):
    """The figures from `start` up to `end`."""

    start: datetime
    end: datetime
    figures: Dora


class PlaceFigures(Shape):
    """One service in one environment."""

    service: str
    environment: str
    figures: Dora
    periods: list[Period]


class DeploymentReport(Shape):
    """The figures of the `days` days up to `until`: over all, period by period, and for each place that had any change.

    Periods are days up to 14 days, weeks beyond, the oldest first.
    """

    at: datetime
    you: You | None
    days: int
    since: datetime
    until: datetime
    service: str | None
    environment: str | None
    figures: Dora
    periods: list[Period]
    places: list[PlaceFigures]
