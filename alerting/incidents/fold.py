"""Folding events into the incident, and telling each in a line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from alerting.incidents.events import (
    AcknowledgmentWithdrawn,
    AlertEnded,
    AlertJoined,
    AlertsEnded,
    AlertsJoined,
    AlertsUpdated,
    AlertUpdated,
    IncidentAcknowledged,
    IncidentEscalated,
    IncidentEvent,
    IncidentOpened,
    IncidentRepeated,
    IncidentResolved,
    IncidentSilenced,
    PageDelivered,
    PageFailed,
    PagingHushed,
    PagingResumed,
    PersonPaged,
    PolicyExhausted,
    SettledEnded,
    SilenceLifted,
    StepSkipped,
)
from alerting.incidents.incident import Entry, Incident, IncidentAlert, IncidentId, Page, Silenced, State, Suspect

_NAMED: Final = 3  # of alerts that join or end at once; the message shows more of them
_NAMES: Final = 8


def opened(incident: IncidentId, event: IncidentOpened, at: datetime) -> Incident:
    """Return the incident after its first event."""
    names = _listed(sorted({alert.name for alert in event.alerts}), _NAMES)
    return Incident(
        id=incident,
        key=event.key,
        title=event.title,
        severity=event.severity,
        channel=event.channel,
        service=event.service,
        environment=event.environment,
        opened_at=at,
        policy=event.policy,
        steps=event.steps,
        repeat=event.repeat,
        last_round=event.repeat,
        next_page_at=event.next_page_at,
        alerts=event.alerts,
        settled=event.settled,
        over=event.over,
        suspects=event.suspects,
        on_call=event.on_call,
        history=tuple(Entry(line, at) for line in (f"Opened: {names} firing.", event.note) if line),
        stream_version=1,
        updated_at=at,
        group=event.group,
    )


def apply(incident: Incident, event: IncidentEvent, at: datetime) -> Incident:
    """Return the incident after one more event; ValueError when its state has no such move."""
    line = describe(incident, event)
    changed = _changed(incident, event, at)
    return replace(
        changed,
        history=(*incident.history, Entry(line, at)) if line else incident.history,
        stream_version=incident.stream_version + 1,
        updated_at=at,
    )


def apply_all(incident: Incident, events: Iterable[IncidentEvent], at: datetime) -> Incident:
    """Return the incident after these events, all of one time."""
    for event in events:
        incident = apply(incident, event, at)
    return incident


def _changed(incident: Incident, event: IncidentEvent, at: datetime) -> Incident:  # noqa: C901, PLR0911, PLR0912
    """One line for each event: this is the table of what they mean."""
    match event:
        case AlertJoined(alert, suspects):
            return _joined(incident, (alert,), suspects)
        case AlertsJoined(alerts, suspects):
            return _joined(incident, alerts, suspects)
        case AlertUpdated(alert) | AlertEnded(alert):
            return replace(incident, alerts=_with(incident, (alert,)))
        case AlertsUpdated(alerts) | AlertsEnded(alerts):
            return replace(incident, alerts=_with(incident, alerts))
        case SettledEnded(ends):
            return _settled_ended(incident, ends)
        case IncidentAcknowledged(person):
            return _acknowledged(incident, event, at)
        case AcknowledgmentWithdrawn():
            return _given_back(incident, event)
        case PersonPaged():
            return _paged(incident, event, at)
        case PageDelivered(person, round_, level):
            return _with_page(incident, person, round_, level, delivered_at=at, error="", withdrawn=False)
        case PageFailed():
            return _page_failed(incident, event, at)
        case StepSkipped(round_, level, _, due):
            return replace(incident, round=round_, level=level, next_page_at=due)
        case IncidentEscalated():
            return _escalated(incident, event, at)
        case PolicyExhausted():
            return replace(incident, exhausted=True, next_page_at=None)
        case IncidentResolved(person):
            ended = incident.moved(State.RESOLVED, resolved_at=at, resolved_by=person, next_page_at=None)
            return _without_pending(ended)
        case IncidentRepeated(key):
            return replace(incident, repeated=key)
        case IncidentSilenced(by):
            return replace(incident, silenced=(*_other_silences(incident, by.silence), by))
        case SilenceLifted(silence):
            return replace(incident, silenced=_other_silences(incident, silence))
        case PagingHushed(until):
            return replace(incident, hushed_until=until)
        case PagingResumed():
            return replace(incident, hushed_until=None)
        case IncidentOpened():
            raise ValueError(f"Incident {incident.id} is opened twice")


def _joined(incident: Incident, alerts: Sequence[IncidentAlert], suspects: tuple[Suspect, ...] | None) -> Incident:
    known = incident.suspects if suspects is None else suspects
    return replace(incident, alerts=_with(incident, alerts), suspects=known)


def _with(incident: Incident, alerts: Sequence[IncidentAlert]) -> tuple[IncidentAlert, ...]:
    """Replace the alerts of the same fingerprints where they stand, and add the others at the end."""
    return tuple((incident.by_fingerprint() | {alert.fingerprint: alert for alert in alerts}).values())


def _settled_ended(incident: Incident, ends: Mapping[str, datetime]) -> Incident:
    alerts = tuple(
        replace(one, ended_at=ends[one.fingerprint]) if one.firing and one.fingerprint in ends else one
        for one in incident.alerts
    )
    settled = {mark: since for mark, since in incident.settled.items() if mark not in ends}
    return replace(incident, alerts=alerts, settled=settled, over={**incident.over, **ends})


def _acknowledged(incident: Incident, event: IncidentAcknowledged, at: datetime) -> Incident:
    changes = {"acknowledged_by": event.person, "acknowledged_at": at, "next_page_at": None}
    if incident.state is State.ACKNOWLEDGED:
        return _without_pending(replace(incident, **changes))  # type: ignore[arg-type]  # names are right above
    return _without_pending(incident.moved(State.ACKNOWLEDGED, **changes))


def _given_back(incident: Incident, event: AcknowledgmentWithdrawn) -> Incident:
    """A new round, so that everybody can be paged once more."""
    return incident.moved(
        State.OPEN,
        acknowledged_by=None,
        acknowledged_at=None,
        round=incident.round + 1,
        last_round=incident.round + 1 + incident.repeat,
        level=-1,
        exhausted=False,
        next_page_at=event.next_page_at,
    )


def _paged(incident: Incident, event: PersonPaged, at: datetime) -> Incident:
    page = Page(event.person, event.level, at, event.round)
    return replace(
        incident,
        pages=(*incident.pages, page),
        round=event.round,
        level=event.level,
        next_page_at=event.next_page_at,
        urged=False,
    )


def _page_failed(incident: Incident, event: PageFailed, at: datetime) -> Incident:
    """Only a page of the present step that somebody still waits for brings the next step forward."""
    failed = _with_page(incident, event.person, event.round, event.level, error=event.error)
    present = (event.round, event.level) == (incident.round, incident.level)
    waited_for = any(_is(page, event.person, event.round, event.level) and page.pending for page in incident.pages)
    if present and waited_for and not incident.ended and not incident.exhausted:
        return replace(failed, next_page_at=at)
    return failed


def _escalated(incident: Incident, event: IncidentEscalated, at: datetime) -> Incident:
    if event.round == incident.round:
        return replace(incident, next_page_at=at, urged=True)
    last = max(event.round, incident.last_round)
    again = replace(incident, round=event.round, last_round=last, level=-1, exhausted=False)
    return replace(again, next_page_at=at, urged=True)


def _with_page(incident: Incident, person: str, round_: int, level: int, **changes: object) -> Incident:
    pages = tuple(
        replace(page, **changes) if _is(page, person, round_, level) else page  # type: ignore[arg-type]  # fields of Page
        for page in incident.pages
    )
    return replace(incident, pages=pages)


def _is(page: Page, person: str, round_: int, level: int) -> bool:
    return (page.person, page.round, page.step) == (person, round_, level)


def _other_silences(incident: Incident, silence: str) -> tuple[Silenced, ...]:
    return tuple(one for one in incident.silenced if one.silence != silence)


def _without_pending(incident: Incident) -> Incident:
    """Somebody knows of it now: a page that is still on its way is not needed any more."""
    pages = tuple(replace(page, withdrawn=True) if page.pending else page for page in incident.pages)
    return replace(incident, pages=pages)


def describe(incident: Incident, event: IncidentEvent) -> str:  # noqa: C901, PLR0911, PLR0912
    """Return the timeline's line for `event` happening to `incident`; empty when it deserves none."""
    match event:
        case AlertJoined(alert):
            again = "fires again" if incident.alert(alert.fingerprint) else "joined"
            return f"{alert.name} {again}{_where(alert)}."
        case AlertEnded(alert):
            return f"{alert.name} ended{_where(alert)}."
        case AlertsJoined(alerts):
            again = "fire again" if incident.alert(alerts[0].fingerprint) else "joined"
            return f"{len(alerts)} alerts {again}: {_several(alerts)}."
        case AlertsEnded(alerts):
            return f"{len(alerts)} alerts ended: {_several(alerts)}."
        case IncidentAcknowledged(person) if incident.acknowledged_by is not None:
            return f"{person} took it over from {incident.acknowledged_by}."
        case IncidentAcknowledged(person):
            return f"{person} acknowledged it."
        case AcknowledgmentWithdrawn(person):
            return f"{person} gave it back; paging starts again."
        case PersonPaged(person, _, level):
            return f"Paging {person} (step {level + 1} of {len(incident.steps)})."
        case PageDelivered(person):
            return f"{person} was paged."
        case PageFailed(person, _, _, error):
            return f"{person} could not be paged: {error}"
        case StepSkipped(_, level, reason):
            return f"Step {level + 1} of {len(incident.steps)} paged nobody: {reason}"
        case IncidentEscalated(person):
            return f"{person} escalated it."
        case PolicyExhausted():
            return "Everybody in the escalation policy was paged and nobody acknowledged."
        case IncidentResolved(None):
            return "Resolved: every alert has ended."
        case IncidentResolved(person):
            return f"{person} resolved it."
        case PagingHushed():
            return "Nobody is paged while all its alerts are silenced."
        case PagingResumed():
            return "Paging goes on: not all its alerts are silenced any more."
        case IncidentRepeated():
            return _still(incident)
        case IncidentSilenced(by) if by.until_resolved:
            return f"{by.person} silenced it until its alerts are resolved."
        case IncidentSilenced(by):
            return f"{by.person} silenced it until {by.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
        case SilenceLifted(_, None):
            return "Its silence has ended."
        case SilenceLifted(_, person):
            return f"{person} ended its silence."
        case _:
            return ""


def _several(alerts: Sequence[IncidentAlert]) -> str:
    return _listed([f"{alert.name}{_where(alert)}" for alert in alerts[:_NAMED]], _NAMED, of=len(alerts))


def _listed(names: Sequence[str], most: int, *, of: int = 0) -> str:
    left = max(of, len(names)) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def _where(alert: IncidentAlert) -> str:
    place = alert.labels.get("instance", "")
    return f" on {place}" if place else ""


def _still(incident: Incident) -> str:
    firing = len(incident.firing)
    alerts = "its alert fires" if firing == 1 else f"{firing} of its alerts fire"
    taken = f"it is taken by {incident.acknowledged_by}" if incident.acknowledged_by else "nobody has it"
    return f"Still open: {alerts}, and {taken}."
