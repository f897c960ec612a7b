"""From alerting's silences and rules to the shapes of the alert addresses. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote_plus

from alerting.metrics.ranges import Series
from alerting.rules.rule import AlertRule, Rule
from alerting.rules.state import State
from alerting.rules.status import RuleStatus
from alerting.rules.timeline import Segment, SeriesLine
from alerting.silences.silence import Silence
from bot.inputs.api import schemas_alerts as schemas


def silence(one: Silence, *, now: datetime, mutes: int) -> schemas.Silenced:
    """A silence with how many alerts it mutes now."""
    return schemas.Silenced(
        id=one.id,
        state=one.state(now).value,
        matchers=[str(matcher) for matcher in one.matchers],
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        updated_at=one.updated_at,
        created_by=one.created_by,
        comment=one.comment,
        until_resolved=one.until_resolved,
        incident=one.incident,
        ended_by=one.ended_by,
        mutes=mutes,
    )


def silence_counts(silences: Iterable[Silence], *, now: datetime) -> schemas.SilenceCounts:
    """Of these silences."""
    return schemas.SilenceCounts(**Counter(one.state(now).value for one in silences))


def rule_sets(
    statuses: Iterable[RuleStatus], fits: Callable[[RuleStatus], bool], *, interval: timedelta, url: str, limit: int
) -> tuple[list[schemas.RuleSet], int]:
    """The groups with the rules that fit, `limit` rules in all, and how many more there are."""
    chosen = [status for status in statuses if fits(status)]
    sets: dict[tuple[str, str], schemas.RuleSet] = {}
    for status in chosen[:limit]:
        group = status.group
        known = sets.setdefault(
            group.key,
            schemas.RuleSet(
                name=group.name,
                file=group.file,
                interval_seconds=(group.interval or interval).total_seconds(),
                limit=group.limit,
                rules=[],
            ),
        )
        known.rules.append(rule(status, url))
    return list(sets.values()), max(0, len(chosen) - limit)


def rule_counts(statuses: Sequence[RuleStatus]) -> schemas.RuleCounts:
    """Of all rules."""
    states = Counter(status.state for status in statuses)
    broken = sum(status.health.state == "err" for status in statuses)
    return schemas.RuleCounts(
        rules=len(statuses), firing=states[State.FIRING], pending=states[State.PENDING], broken=broken
    )


def rule(status: RuleStatus, url: str) -> schemas.RuleHealth:
    """A rule and how it does; `url` is where its query is opened."""
    one: Rule = status.rule
    health, alerting = status.health, one if isinstance(one, AlertRule) else None
    states = Counter(alert.state for alert in status.alerts)
    return schemas.RuleHealth(
        id=one.id,
        name=one.name,
        kind="alerting" if alerting else "recording",
        state=status.state.value,
        health=health.state,
        last_error=health.last_error,
        last_evaluation=health.last_evaluation,
        evaluation_seconds=health.duration.total_seconds(),
        failures=health.failures,
        missed=health.missed,
        firing=states[State.FIRING],
        pending=states[State.PENDING],
        expr=one.expr,
        for_seconds=alerting.for_.total_seconds() if alerting else 0.0,
        keep_firing_for_seconds=alerting.keep_firing_for.total_seconds() if alerting else 0.0,
        labels=dict(one.labels),
        annotations=dict(alerting.annotations) if alerting else {},
        link=graph_link(url, one.expr),
    )


def graph_link(url: str, expr: str) -> str:
    """Where a person opens the query; "" when no address is known. Prometheus 3 leads on from here to `/query`."""
    return f"{url}/graph?g0.expr={quote_plus(expr)}&g0.tab=0" if url else ""


def segment(one: Segment) -> schemas.Segment:
    """One state for a while."""
    return schemas.Segment(state=one.state.value, start=one.start, end=one.end)


def series_line(one: SeriesLine) -> schemas.SeriesLine:
    """The states of one series."""
    return schemas.SeriesLine(labels=dict(one.labels), segments=[segment(each) for each in one.segments])


def value_line(one: Series) -> schemas.ValueLine:
    """A series' values; JSON makes null of those that are no number."""
    labels = {name: value for name, value in one.labels.items() if name != "__name__"}
    return schemas.ValueLine(labels=labels, points=list(one.points))
