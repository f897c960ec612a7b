"""What alerts do to incidents. Pure.

Alerts are told again and again, late and out of order. Of what is told of one fingerprint the latest counts (see
`IncidentAlert.told_at`), and an end counts more than a firing of the same time. What is told as firing after its end
fires anew, also with the `since` it had: only what a person resolved stays settled until it has ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Literal

from alerting.incidents.events import (
    AlertEnded,
    AlertJoined,
    AlertsEnded,
    AlertsJoined,
    AlertsUpdated,
    AlertUpdated,
    IncidentEvent,
    IncidentOpened,
    IncidentResolved,
    SettledEnded,
)
from alerting.incidents.incident import Incident, IncidentAlert, IncidentId, PersonId, Suspect
from alerting.incidents.suspects import Change, rank_suspects
from alerting.oncall.escalation import EscalationPolicy, first_page_at

VALUE_EVERY: Final = timedelta(seconds=30)  # a value is written down at most this often, since each stays in the log
_SMALL: Final = 100  # alerts
_SETTLED_AT_MOST: Final = 10_000
_OVER_AT_MOST: Final = 500


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
        if other is None or order(change) >= order(other):
            kept[change.alert.fingerprint] = change
    return sorted(kept.values(), key=lambda change: (change.alert.since, change.alert.fingerprint))


def order(change: AlertChange) -> tuple[datetime, bool]:
    """Return what tells an earlier telling of an alert from a later one."""
    return change.alert.told_at, change.ends


def incident_id(key: str, alert: IncidentAlert, previous: Incident | None) -> IncidentId:
    """Return the id of the incident that this alert opens after the `previous` one of its group.

    It is the same wherever and however often the alert is told.
    """
    before = (previous.id,) if previous else ()
    text = "\n".join((key, alert.fingerprint, alert.since.isoformat(), *before))
    return IncidentId(hashlib.sha256(text.encode()).hexdigest()[:12])


def opening_alerts(previous: Incident | None, changes: Iterable[AlertChange]) -> tuple[IncidentAlert, ...]:
    """Return the alerts that earlier incidents of the group have not dealt with: those open a new one."""
    past = Past() if previous is None else past_of(previous)
    return tuple(change.alert for change in changes if not change.ends and not past.has(change.alert))


def settled_ends(incident: Incident, changes: Iterable[AlertChange]) -> tuple[SettledEnded, ...]:
    """Return what the changes say of alerts that a person resolved while they fired: that they have ended."""
    settled = dict(incident.settled)
    if incident.ended:
        settled |= {alert.fingerprint: alert.told_at for alert in incident.firing}
    told = {one.alert.fingerprint: one.alert.told_at for one in changes if one.ends}
    ends = {mark: at for mark, at in told.items() if mark in settled and at >= settled[mark]}
    return (SettledEnded(ends),) if ends else ()


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
    first, past = alerts[0], Past() if previous is None else past_of(previous)
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
        settled=_latest(past.settled, _SETTLED_AT_MOST),
        over=_latest(past.over, _OVER_AT_MOST),
        note=note,
    )


@dataclass(frozen=True, slots=True)
class Past:
    """What the incidents of a group dealt with: see `settled` and `over` of Incident."""

    settled: Mapping[str, datetime] = field(default_factory=dict)
    over: Mapping[str, datetime] = field(default_factory=dict)

    def has(self, alert: IncidentAlert) -> bool:
        """Whether this firing is dealt with: resolved by hand and not ended since, or told late."""
        since, end = self.settled.get(alert.fingerprint), self.over.get(alert.fingerprint)
        return (since is not None and alert.since <= since) or (end is not None and alert.told_at <= end)


def past_of(incident: Incident) -> Past:
    """Return what this incident, which is over, and those before it dealt with."""
    settled, over = dict(incident.settled), dict(incident.over)
    for alert in incident.alerts:
        settled.pop(alert.fingerprint, None)
        if alert.firing:
            settled[alert.fingerprint] = alert.since
        else:
            over[alert.fingerprint] = alert.told_at
    return Past(settled, over)


def _latest(times: Mapping[str, datetime], most: int) -> Mapping[str, datetime]:
    if len(times) <= most:
        return times
    return dict(sorted(times.items(), key=lambda item: item[1], reverse=True)[:most])


def news(
    incident: Incident, changes: Iterable[AlertChange], recent: Sequence[Change] | None
) -> tuple[IncidentEvent, ...]:
    """Return what the changes do to an open incident; nothing when all of it is known. None keeps the suspects.

    Takes time by the number of alerts and of changes, not by their product.
    """
    changes = tuple(changes)
    found = _sorted_out(incident, changes)
    told = {alert.fingerprint: alert for alerts in found.values() for alert in alerts}
    after = incident.by_fingerprint() | told
    joining = Effect.JOINS in found or Effect.FIRES_AGAIN in found
    suspects = rank_suspects(after.values(), recent) if joining and recent is not None else None
    events = [_event(effect, tuple(found[effect]), suspects) for effect in Effect if effect in found]
    if events and not any(alert.firing for alert in after.values()):
        events.append(IncidentResolved())
    return (*settled_ends(incident, changes), *events)


def joins(incident: Incident, changes: Iterable[AlertChange]) -> bool:
    """Whether the changes bring a firing that the incident does not know."""
    found = _sorted_out(incident, changes)
    return Effect.JOINS in found or Effect.FIRES_AGAIN in found


class Effect(Enum):
    """What a change does to the incident, in the order in which it is written down."""

    JOINS = auto()
    FIRES_AGAIN = auto()
    UPDATES = auto()
    ENDS = auto()


def _sorted_out(incident: Incident, changes: Iterable[AlertChange]) -> dict[Effect, list[IncidentAlert]]:
    known, past = incident.by_fingerprint(), Past(incident.settled, incident.over)
    # A large incident is as much to write down as many small ones, so its values are written as much more seldom.
    every = VALUE_EVERY * max(1, len(known) / _SMALL)
    found: dict[Effect, list[IncidentAlert]] = {}
    for change in changes:
        effect = _effect(known.get(change.alert.fingerprint), past, change, every)
        if effect is not None:
            found.setdefault(effect, []).append(change.alert)
    return found


def _event(effect: Effect, alerts: tuple[IncidentAlert, ...], suspects: tuple[Suspect, ...] | None) -> IncidentEvent:
    several = len(alerts) > 1
    if effect is Effect.ENDS:
        return AlertsEnded(alerts) if several else AlertEnded(alerts[0])
    if effect is Effect.UPDATES:
        return AlertsUpdated(alerts) if several else AlertUpdated(alerts[0])
    return AlertsJoined(alerts, suspects) if several else AlertJoined(alerts[0], suspects)


def _effect(known: IncidentAlert | None, past: Past, change: AlertChange, every: timedelta) -> Effect | None:
    told = change.alert
    if known is None:
        return None if change.ends or past.has(told) else Effect.JOINS
    if not known.firing:
        return _after_its_end(known, change)
    if told.told_at < known.told_at:
        return None
    if change.ends:
        return Effect.ENDS
    if told.since > known.since:
        return Effect.FIRES_AGAIN  # its end was missed
    return Effect.UPDATES if _worth_writing(known, told, every) else None


def _after_its_end(known: IncidentAlert, change: AlertChange) -> Effect | None:
    told = change.alert
    if told.told_at <= known.told_at:
        return None
    if change.ends:
        return Effect.ENDS if told.since > known.since else None
    return Effect.FIRES_AGAIN


def _worth_writing(known: IncidentAlert, told: IncidentAlert, every: timedelta) -> bool:
    """Newer, different and not too soon. Values are compared as text, for NaN equals nothing."""
    if known.seen_at and told.seen_at and told.seen_at - known.seen_at < every:
        return False
    return repr(known.value) != repr(told.value) or known.annotations != told.annotations


def _label(alerts: Sequence[IncidentAlert], name: str) -> str:
    return next((alert.labels[name] for alert in alerts if alert.labels.get(name)), "")
