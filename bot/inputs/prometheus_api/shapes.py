"""Rules and alerts in the shapes of Prometheus' HTTP API. Pure.

Source: web/api/v1 of Prometheus 3.16 (RuleGroup, AlertingRule, RecordingRule, Alert).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

import msgspec
import promql_parser as promql

from alerting.rules.rule import AlertRule, RecordingRule
from alerting.rules.state import Alert, State
from alerting.rules.status import RuleStatus

Labels = Mapping[str, str]

NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time: no evaluation yet."""
# Where the parser's own writing differs, beside texts, which stay: a grouping before its bracket, a selector without
# matchers, two spaces after a set operator, infinity.
_DIFFERENT: Final = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?P<grouping>\b(?:by|without) \([^()]*\))(?=\()"""
    r"""|(?P<nothing>(?<=\w)\{\})|(?P<set>\b(?:and|or|unless) ) |(?P<infinity>-?\binf\b)"""
)


class AlertShape(msgspec.Struct, rename="camel", omit_defaults=True):
    """One alert that is pending or fires."""

    labels: Labels
    annotations: Labels
    state: str
    active_at: str
    value: str
    keep_firing_since: str = ""


class AlertingRule(msgspec.Struct, rename="camel", omit_defaults=True):
    """One alert rule; no `alerts` is something else than not having been asked for them."""

    state: str
    name: str
    query: str
    duration: float
    keep_firing_for: float
    labels: Labels
    annotations: Labels
    alerts: Sequence[AlertShape] | None
    health: str
    evaluation_time: float
    last_evaluation: str
    type: str
    last_error: str = ""


class RecordingRuleShape(msgspec.Struct, rename="camel", omit_defaults=True):
    """One recording rule."""

    name: str
    query: str
    labels: Labels
    health: str
    evaluation_time: float
    last_evaluation: str
    type: str
    last_error: str = ""


RuleShape = AlertingRule | RecordingRuleShape


class GroupShape(msgspec.Struct, rename="camel"):
    """One group; durations are seconds."""

    name: str
    file: str
    rules: Sequence[RuleShape]
    interval: float
    limit: int
    evaluation_time: float
    last_evaluation: str


class Rules(msgspec.Struct, rename="camel", omit_defaults=True):
    """The data of /rules."""

    groups: Sequence[GroupShape]
    group_next_token: str = ""


class Alerts(msgspec.Struct):
    """The data of /alerts."""

    alerts: Sequence[AlertShape]


class BuildInfo(msgspec.Struct, rename="camel"):
    """The data of /status/buildinfo."""

    version: str
    revision: str
    branch: str
    build_user: str
    build_date: str
    go_version: str


class Answer(msgspec.Struct, rename="camel"):
    """What everything is wrapped in."""

    status: Literal["success"]
    data: Rules | Alerts | BuildInfo


class Failure(msgspec.Struct, rename="camel"):
    """The same for what cannot be answered."""

    status: Literal["error"]
    error_type: str
    error: str


def render_group(statuses: Sequence[RuleStatus], *, default_interval: timedelta, exclude_alerts: bool) -> GroupShape:
    """One group from its rules, at least one."""
    group = statuses[0].group
    last = max((one.health.last_evaluation for one in statuses if one.health.last_evaluation), default=None)
    return GroupShape(
        name=group.name,
        file=group.file,
        rules=[render_rule(one, exclude_alerts=exclude_alerts) for one in statuses],
        interval=(group.interval or default_interval).total_seconds(),
        limit=group.limit,
        evaluation_time=max(one.health.duration for one in statuses).total_seconds(),
        last_evaluation=render_time(last),
    )


def render_rule(status: RuleStatus, *, exclude_alerts: bool) -> RuleShape:
    """One rule."""
    health = status.health
    match status.rule:
        case AlertRule() as rule:
            return AlertingRule(
                state=_state(status),
                name=rule.name,
                query=render_query(rule.expr),
                duration=rule.for_.total_seconds(),
                keep_firing_for=rule.keep_firing_for.total_seconds(),
                labels=rule.labels,
                annotations=rule.annotations,
                alerts=None if exclude_alerts else render_alerts(status.alerts),
                health=health.state,
                evaluation_time=health.duration.total_seconds(),
                last_evaluation=render_time(health.last_evaluation),
                type="alerting",
                last_error=health.last_error or "",
            )
        case RecordingRule() as rule:
            return RecordingRuleShape(
                name=rule.name,
                query=render_query(rule.expr),
                labels=rule.labels,
                health=health.state,
                evaluation_time=health.duration.total_seconds(),
                last_evaluation=render_time(health.last_evaluation),
                type="recording",
                last_error=health.last_error or "",
            )


def render_alerts(alerts: Sequence[Alert]) -> list[AlertShape]:
    """Those that are pending or fire."""
    return [
        AlertShape(
            labels=alert.labels,
            annotations=alert.annotations,
            state=alert.state.value,
            active_at=render_time(alert.active_at),
            value=render_value(alert.value),
            keep_firing_since=render_time(alert.keep_firing_since) if alert.keep_firing_since else "",
        )
        for alert in alerts
        if alert.resolved_at is None and alert.state is not State.INACTIVE
    ]


def render_time(at: datetime | None) -> str:
    """RFC 3339 without needless zeros, as Go writes it."""
    if at is None:
        return NEVER
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text.rstrip('0').rstrip('.')}Z"


def render_value(value: float) -> str:
    """As Go's format 'e' with the fewest digits that tell the number: 1e+00, 7.31e-02, NaN, +Inf."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    digits = repr(value).partition("e")[0].replace(".", "").replace("-", "").strip("0")
    return f"{value:.{max(len(digits) - 1, 0)}e}"


@lru_cache(maxsize=16_384)
def render_query(text: str) -> str:
    """An expression, which parses, as Prometheus writes it back."""
    return _DIFFERENT.sub(_as_theirs, str(promql.parse(text)))


def _as_theirs(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "grouping":
            return f"{found[0]} "
        case "nothing":
            return ""
        case "infinity":
            return "-Inf" if found[0].startswith("-") else "+Inf"
        case _:
            return found["text"] or found["set"]


def _state(status: RuleStatus) -> str:
    return "unknown" if status.health.last_evaluation is None else status.state.value
