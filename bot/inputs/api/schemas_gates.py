"""The shapes of gates: what they ask, and what came."""

from __future__ import annotations

from datetime import datetime

from bot.inputs.api.shape import Shape


class Compare(Shape):
    """How a gate compares the new version with the stable one beside it.

    `errors`, `requests` and `latency` are PromQL; `margin` and `ceiling` are error ratios, `alpha` is the chance over
    the whole deployment that a version just as good is given up.
    """

    errors: str
    requests: str
    latency: str
    minimum: int
    alpha: float
    margin: float
    ceiling: float
    latency_ratio: float
    latency_ceiling_seconds: float | None


class Hook(Shape):
    """A team's own check: where it is asked, without user, password and query, which may be secret."""

    url: str
    timeout_seconds: float


class Gate(Shape):
    """One condition a step must meet. A `when` of before or after asks only before or after the switch."""

    name: str
    kind: str
    query: str
    comparison: str
    threshold: float
    unit: str
    rule: str
    minimum_samples: int
    when: str
    compare: Compare | None
    hook: Hook | None


class Counts(Shape):
    """Requests of one version, and how many of those were errors."""

    errors: int
    requests: int
    ratio: float


class Compared(Shape):
    """What a comparison stood on; `stable` is null where nothing ran beside the new version.

    `chance` and `level` are of the last look: the share of chance in the difference, and what it was held against.
    Latencies are in seconds.
    """

    new: Counts
    stable: Counts | None
    latency: float | None
    stable_latency: float | None
    chance: float | None
    level: float | None
    looks: int


class Measurement(Shape):
    """One answer of one gate. `verdict` is pass, fail, inconclusive or error."""

    gate: str
    kind: str
    query: str
    value: float | None
    threshold: str
    samples: int | None
    verdict: str
    at: datetime
    unit: str
    note: str
    compared: Compared | None
