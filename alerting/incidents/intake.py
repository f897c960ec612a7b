"""What alerts do to incidents. Pure.

Alerts are told again and again, late and out of order. One firing is known by fingerprint and `since`; of what is told
of one fingerprint the latest `since` counts, and an end counts more than a firing of the same `since`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from alerting.incidents.events import (
    AlertEnded,
    AlertJoined,
    AlertUpdated,
    IncidentEvent,
    IncidentOpened,
    IncidentResolved,
)
from alerting.incidents.fold import apply_all
from alerting.incidents.incident import Incident, IncidentAlert, IncidentId, PersonId
from alerting.incidents.suspects import Change, rank_suspects
from alerting.oncall.escalation import EscalationPolicy, first_page_at

VALUE_EVERY: Final = timedelta(seconds=30)  # a value is written down at most this often, since each stays in the log
_SETTLED_AT_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group's incident belongs: told in `channel`, escalated by `policy` ("" pages nobody).

    `key` tells the group from every other; at most one incident of it is open. `group` are the labels its alerts share.
    """

    key: str
    channel: str
    policy: str = ""
    group: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What the rule engine or another sender says of one alert; `alert.ended_at` says when a resolved one ended."""

    status: Literal["firing", "resolved"]
    alert: IncidentAlert

    @property
    def ends(self) -> bool:
        """Whether the alert no longer fires."""
        return self.status == "resolved"


def seen(change: AlertChange, now: datetime) -> AlertChange:
    """Return the change with the time its value was seen; a sender that names none means now."""
    if change.alert.seen_at is not None:
        return change
    return replace(change, alert=replace(change.alert, seen_at=now))


def newest(changes: Iterable[AlertChange]) -> list[AlertChange]:
    """Return what counts of each fingerprint, the longest firing first."""
    kept: dict[str, AlertChange] = {}
    for change in changes:
        other = kept.get(change.alert.fingerprint)
        if other is None or _order(change) >= _order(other):
            kept[change.alert.fingerprint] = change
    return sorted(kept.values(), key=lambda change: (change.alert.since, change.alert.fingerprint))


def _order(change: AlertChange) -> tuple[datetime, bool, datetime]:
    alert = change.alert
    return alert.since, change.ends, alert.seen_at or alert.ended_at or alert.since


def incident_id(key: str, alert: IncidentAlert) -> IncidentId:
    """Return the id of the incident that this alert opens: the same wherever and however often it is told."""
    text = "\n".join((key, alert.fingerprint, alert.since.isoformat()))
    return IncidentId(hashlib.sha256(text.encode()).hexdigest()[:12])


def opening_alerts(previous: Incident | None, changes: Iterable[AlertChange]) -> tuple[IncidentAlert, ...]:
    """Return the alerts that earlier incidents of the group have not dealt with: those open a new one."""
    settled = settled_after(previous)
    return tuple(change.alert for change in changes if not change.ends and not _is_settled(settled, change.alert))


def opening(
    place: Place,
    alerts: Sequence[IncidentAlert],
    *,
    policy: EscalationPolicy | None,
    on_call: PersonId | None,
    changes: Sequence[Change],
    previous: Incident | None,
    now: datetime,
    note: str = "",
) -> IncidentOpened:
    """Return the first event of the incident of these alerts; its words come from the first of them."""
    first = alerts[0]
    return IncidentOpened(
        key=place.key,
        title=first.annotations.get("summary") or first.name,
        severity=first.labels.get("severity", ""),
        channel=place.channel,
        group=place.group,
        service=_label(alerts, "service"),
        environment=_label(alerts, "environment"),
        alerts=tuple(alerts),
        policy=policy.name if policy else "",
        steps=policy.steps if policy else (),
        repeat=policy.repeat if policy else 0,
        next_page_at=first_page_at(policy.steps, now) if policy else None,
        on_call=on_call,
        suspects=rank_suspects(alerts, changes),
        settled=settled_after(previous),
        note=note,
    )


def settled_after(previous: Incident | None) -> Mapping[str, datetime]:
    """Return what this and earlier incidents of the group dealt with, the newest only."""
    if previous is None:
        return {}
    settled = dict(previous.settled)
    for alert in previous.alerts:
        settled[alert.fingerprint] = max(alert.since, settled.get(alert.fingerprint, alert.since))
    newest_first = sorted(settled.items(), key=lambda item: item[1], reverse=True)
    return dict(newest_first[:_SETTLED_AT_MOST])


def news(
    incident: Incident, changes: Iterable[AlertChange], recent: Sequence[Change] | None
) -> tuple[IncidentEvent, ...]:
    """Return what the changes do to an open incident; nothing when all of it is known. None keeps the suspects."""
    events = [event for change in changes if (event := _one(incident, change)) is not None]
    if recent is not None:
        events = _with_suspects(incident, events, recent)
    if events and not apply_all(incident, events, incident.opened_at).firing:
        events.append(IncidentResolved())
    return tuple(events)


def joins(incident: Incident, change: AlertChange) -> bool:
    """Whether the change brings a firing that the incident does not know."""
    return isinstance(_one(incident, change), AlertJoined)


def _one(incident: Incident, change: AlertChange) -> IncidentEvent | None:
    told = change.alert
    known = incident.alert(told.fingerprint)
    if known is None:
        return None if change.ends or _is_settled(incident.settled, told) else AlertJoined(told)
    if told.since > known.since:
        return AlertEnded(told) if change.ends else AlertJoined(told)
    if told.since < known.since or not known.firing:
        return None
    if change.ends:
        return AlertEnded(told)
    return AlertUpdated(told) if _worth_writing(known, told) else None


def _worth_writing(known: IncidentAlert, told: IncidentAlert) -> bool:
    """Newer, different and not too soon. Values are compared as text, for NaN equals nothing."""
    if known.seen_at and told.seen_at and told.seen_at - known.seen_at < VALUE_EVERY:
        return False
    return repr(known.value) != repr(told.value) or known.annotations != told.annotations


def _with_suspects(
    incident: Incident, events: Sequence[IncidentEvent], recent: Sequence[Change]
) -> list[IncidentEvent]:
    """Rank anew over all alerts, those that just joined too."""
    suspects = rank_suspects(apply_all(incident, events, incident.opened_at).alerts, recent)
    return [replace(event, suspects=suspects) if isinstance(event, AlertJoined) else event for event in events]


def _is_settled(settled: Mapping[str, datetime], alert: IncidentAlert) -> bool:
    return alert.fingerprint in settled and alert.since <= settled[alert.fingerprint]


def _label(alerts: Sequence[IncidentAlert], name: str) -> str:
    return next((alert.labels[name] for alert in alerts if alert.labels.get(name)), "")
