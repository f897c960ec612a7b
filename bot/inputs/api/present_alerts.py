"""From alerting's own values to the shapes of the alert addresses. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote_plus

from alerting.alerts.alert import RULES, ReceivedAlert
from alerting.metrics.ranges import Series
from alerting.notify.status import AlertGroup, AlertStatus
from alerting.rules.rule import AlertRule, Rule, RuleId
from alerting.rules.state import Alert, State
from alerting.rules.status import RuleStatus
from alerting.rules.timeline import Segment, SeriesLine
from alerting.silences.silence import Silence, SilenceId
from bot.inputs.api import schemas_alerts as schemas
from bot.inputs.api.alert_filter import Filter
from bot.inputs.api.alert_sources import AlertSources

PER_GROUP: Final = 20
_RANK: Final = {"active": 0, "pending": 1, "suppressed": 2}


@dataclass(frozen=True, slots=True)
class Standing:
    """All alerts as they are now, with what mutes them; read once for each answer."""

    groups: Sequence[AlertGroup]
    status: Mapping[str, AlertStatus]
    alerts: Mapping[str, ReceivedAlert]
    silences: Mapping[SilenceId, Silence]
    rules: Sequence[RuleStatus]
    prometheus_url: str
    rule_of: Mapping[str, RuleId] = field(default_factory=dict)

    @classmethod
    def of(cls, sources: AlertSources, *, now: datetime) -> Standing:
        """Read the sources; what is resolved and only waits to be told is left out."""
        groups, rules = sources.groups(), sources.rules()
        alerts = {alert.fingerprint: alert for one in groups for alert in one.alerts if not alert.resolved(now)}
        rule_of = {alert.fingerprint: status.rule.id for status in rules for alert in status.alerts}
        status = {mark: sources.status_of(alert) for mark, alert in alerts.items()}
        silences = {one.id: one for one in sources.silences()}
        return cls(groups, status, alerts, silences, rules, sources.prometheus_url, rule_of)

    def mutes(self) -> Counter[SilenceId]:
        """How many alerts each silence mutes."""
        return Counter(silence for one in self.status.values() for silence in one.silenced_by)


Shown = schemas.GroupedAlert


def groups(
    standing: Standing, wanted: Filter, states: frozenset[str], *, at: datetime, limit: int, only: str = ""
) -> schemas.AlertGroups:
    """The groups with what fits `wanted` and is in one of `states`; of `only` that group as far as `limit` goes."""
    found = [*_told_groups(standing, wanted), *_pending_groups(standing, wanted)]
    everything = {one.fingerprint: one.state for _, members in found for one in members}
    kept = [(head, [one for one in members if one.state in states]) for head, members in found]
    kept = [(head, members) for head, members in kept if members and only in {"", head.key}]
    kept.sort(key=lambda pair: _group_rank(*pair))
    shown: list[schemas.AlertGroup] = []
    left = limit
    for head, members in kept:
        part = members[: min(left, limit if only else PER_GROUP)]
        if not part:
            break
        left -= len(part)
        shown.append(_group(head, members, part))
    return schemas.AlertGroups(
        at=at, counts=_counts(everything.values()), groups=shown, more_groups=len(kept) - len(shown)
    )


@dataclass(frozen=True, slots=True)
class _Head:
    key: str
    receiver: str | None
    labels: Mapping[str, str]
    muted_by: Sequence[str] = ()


def _group_rank(head: _Head, members: Sequence[Shown]) -> tuple[int, bool, str, str]:
    """What acts comes first; below that the order never changes, so that nothing jumps."""
    return min(_RANK[one.state] for one in members), head.receiver is None, head.receiver or "", head.key


def _group(head: _Head, members: Sequence[Shown], part: Sequence[Shown]) -> schemas.AlertGroup:
    return schemas.AlertGroup(
        key=head.key,
        receiver=head.receiver,
        labels=dict(head.labels),
        muted_by=list(head.muted_by),
        counts=_counts(one.state for one in members),
        since=min(one.since for one in members),
        alerts=list(part),
    )


def _counts(states: Iterable[str]) -> schemas.AlertCounts:
    found = Counter(states)
    return schemas.AlertCounts(active=found["active"], suppressed=found["suppressed"], pending=found["pending"])


def alert_counts(standing: Standing) -> schemas.AlertCounts:
    """Of all alerts."""
    told = ["suppressed" if held_back(one) else "active" for one in standing.status.values()]
    pending = sum(alert.state is State.PENDING for status in standing.rules for alert in status.alerts)
    return schemas.AlertCounts(active=told.count("active"), suppressed=told.count("suppressed"), pending=pending)


def held_back(status: AlertStatus) -> bool:
    """Whether a silence or another alert keeps it from being told."""
    return bool(status.silenced_by or status.inhibited_by)


def _in_order(alerts: Iterable[Shown]) -> list[Shown]:
    return sorted(alerts, key=lambda one: (_RANK[one.state], one.since, one.name, one.fingerprint))


def _told_groups(standing: Standing, wanted: Filter) -> Iterable[tuple[_Head, list[Shown]]]:
    for group in standing.groups:
        known = [alert for alert in group.alerts if alert.fingerprint in standing.alerts]
        members = [_told(standing, alert) for alert in known if wanted.takes(alert.labels, alert.annotations)]
        yield _Head(group.key, group.receiver, group.labels, group.muted_by), _in_order(members)


def _told(standing: Standing, alert: ReceivedAlert) -> Shown:
    status = standing.status[alert.fingerprint]
    muted_by = [
        *(_by_silence(standing, one) for one in status.silenced_by),
        *(_by_alert(standing, one) for one in status.inhibited_by),
    ]
    return Shown(
        fingerprint=alert.fingerprint,
        name=alert.name,
        state="suppressed" if held_back(status) else "active",
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        value=alert.value,
        since=alert.starts_at,
        muted_by=muted_by,
        source=alert.source,
        link=alert.generator_url,
        rule=standing.rule_of.get(alert.fingerprint) if alert.source == RULES else None,
    )


def _by_silence(standing: Standing, silence: SilenceId) -> schemas.Mute:
    known = standing.silences.get(silence)
    text = f"{known.created_by}: {known.comment}" if known else "a silence"
    return schemas.Mute(kind="silence", id=silence, text=text)


def _by_alert(standing: Standing, mark: str) -> schemas.Mute:
    known = standing.alerts.get(mark)
    return schemas.Mute(kind="alert", id=mark, text=known.name if known else "another alert")


def _pending_groups(standing: Standing, wanted: Filter) -> Iterable[tuple[_Head, list[Shown]]]:
    """Those of our rules that hold, but not for long enough: nobody is told of them, so they have no receiver."""
    for status in standing.rules:
        waiting = [one for one in status.alerts if one.state is State.PENDING]
        members = [_pending(standing, status, one) for one in waiting if wanted.takes(one.labels, one.annotations)]
        if members:
            head = _Head(f"pending:{status.rule.id}", None, {"alertname": status.rule.name})
            yield head, _in_order(members)


def _pending(standing: Standing, status: RuleStatus, alert: Alert) -> Shown:
    return Shown(
        fingerprint=alert.fingerprint,
        name=status.rule.name,
        state="pending",
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        value=alert.value,
        since=alert.active_at,
        muted_by=[],
        source=RULES,
        link=graph_link(standing.prometheus_url, status.rule.expr),
        rule=status.rule.id,
    )


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
