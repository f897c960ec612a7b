"""Alerts in the groups they are told in, as the API shows them: thousands are counted, some of them told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from heapq import nsmallest
from typing import Final

from alerting.alerts.alert import RULES, ReceivedAlert
from alerting.alerts.fingerprint import shown_fingerprint
from alerting.notify.status import AlertGroup, AlertStatus
from alerting.rules.rule import RuleId
from alerting.rules.state import Alert, State
from alerting.rules.status import RuleStatus
from alerting.silences.silence import Silence, SilenceId
from bot.inputs.api import schemas_alerts as schemas
from bot.inputs.api.alert_filter import Filter
from bot.inputs.api.alert_sources import AlertSources
from bot.inputs.api.present_alerts import graph_link

PER_GROUP: Final = 20
BREATH: Final = 500
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
    async def of(cls, sources: AlertSources, *, now: datetime) -> Standing:
        """Read the sources; what is resolved and only waits to be told is left out."""
        groups, rules = sources.groups(), sources.rules()
        alerts = {alert.fingerprint: alert for one in groups for alert in one.alerts if not alert.resolved(now)}
        rule_of = {alert.fingerprint: status.rule.id for status in rules for alert in status.alerts}
        status = {}
        for number, (mark, alert) in enumerate(alerts.items()):
            if number % BREATH == 0:  # thousands of them must not hold up everybody else
                await asyncio.sleep(0)
            status[mark] = sources.status_of(alert)
        silences = {one.id: one for one in sources.silences()}
        return cls(groups, status, alerts, silences, rules, sources.prometheus_url, rule_of)

    def mutes(self) -> Counter[SilenceId]:
        """How many alerts each silence mutes."""
        return Counter(silence for one in self.status.values() for silence in one.silenced_by)


Shown = schemas.GroupedAlert


@dataclass(frozen=True, slots=True)
class _Member:
    """An alert of a group; made into its shape by `show` only when it is shown, since there may be thousands."""

    state: schemas.AlertState
    since: datetime
    name: str
    mark: str
    show: Callable[[], Shown]

    @property
    def rank(self) -> tuple[int, datetime, str, str]:
        return _RANK[self.state], self.since, self.name, self.mark


def groups(
    standing: Standing, wanted: Filter, states: frozenset[str], *, at: datetime, limit: int, only: str = ""
) -> schemas.AlertGroups:
    """The groups with what fits `wanted` and is in one of `states`; of `only` that group as far as `limit` goes."""
    found = [*_told_groups(standing, wanted), *_pending_groups(standing, wanted)]
    everything = {one.mark: one.state for _, members in found for one in members}
    kept = [(head, [one for one in members if one.state in states]) for head, members in found]
    kept = [(head, members) for head, members in kept if members and only in {"", head.key}]
    kept.sort(key=lambda pair: _group_rank(*pair))
    shown: list[schemas.AlertGroup] = []
    left = limit
    for head, members in kept:
        part = nsmallest(min(left, limit if only else PER_GROUP), members, key=lambda one: one.rank)
        if not part:
            break
        left -= len(part)
        shown.append(_group(head, members, [one.show() for one in part]))
    return schemas.AlertGroups(
        at=at, counts=_counts(everything.values()), groups=shown, more_groups=len(kept) - len(shown)
    )


@dataclass(frozen=True, slots=True)
class _Head:
    key: str
    receiver: str | None
    labels: Mapping[str, str]
    muted_by: Sequence[str] = ()


def _group_rank(head: _Head, members: Sequence[_Member]) -> tuple[int, bool, str, str]:
    """What acts comes first; below that the order never changes, so that nothing jumps."""
    return min(_RANK[one.state] for one in members), head.receiver is None, head.receiver or "", head.key


def _group(head: _Head, members: Sequence[_Member], part: Sequence[Shown]) -> schemas.AlertGroup:
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


def _told_groups(standing: Standing, wanted: Filter) -> Iterable[tuple[_Head, list[_Member]]]:
    for group in standing.groups:
        known = (alert for alert in group.alerts if alert.fingerprint in standing.alerts)
        members = [_member(standing, alert) for alert in known if wanted.takes(alert.labels, alert.annotations)]
        yield _Head(group.key, group.receiver, group.labels, group.muted_by), members


def _member(standing: Standing, alert: ReceivedAlert) -> _Member:
    mark = alert.fingerprint
    state: schemas.AlertState = "suppressed" if held_back(standing.status[mark]) else "active"
    return _Member(state, alert.starts_at, alert.name, mark, partial(_told, standing, alert, state))


def _told(standing: Standing, alert: ReceivedAlert, state: schemas.AlertState) -> Shown:
    status = standing.status[alert.fingerprint]
    muted_by = [
        *(_by_silence(standing, one) for one in status.silenced_by),
        *(_by_alert(standing, one) for one in status.inhibited_by),
    ]
    return Shown(
        fingerprint=shown_fingerprint(alert.labels),
        name=alert.name,
        state=state,
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
    by, text = (known.created_by, known.comment) if known else ("", "")
    return schemas.Mute(kind="silence", id=silence, by=by, text=text)


def _by_alert(standing: Standing, mark: str) -> schemas.Mute:
    known = standing.alerts.get(mark)
    if known is None:
        return schemas.Mute(kind="alert", id=mark, by="", text="another alert")
    return schemas.Mute(kind="alert", id=shown_fingerprint(known.labels), by="", text=known.name)


def _pending_groups(standing: Standing, wanted: Filter) -> Iterable[tuple[_Head, list[_Member]]]:
    """Those of our rules that hold, but not for long enough: nobody is told of them, so they have no receiver."""
    for status in standing.rules:
        waiting = (one for one in status.alerts if one.state is State.PENDING)
        members = [
            _Member(
                "pending", one.active_at, status.rule.name, one.fingerprint, partial(_pending, standing, status, one)
            )
            for one in waiting
            if wanted.takes(one.labels, one.annotations)
        ]
        if members:
            yield _Head(f"pending:{status.rule.id}", None, {"alertname": status.rule.name}), members


def _pending(standing: Standing, status: RuleStatus, alert: Alert) -> Shown:
    return Shown(
        fingerprint=shown_fingerprint(alert.labels),
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
