"""Incidents and their events as JSON.

An event's name in the log is its class name. Values that JSON has no number for are written `NaN`, `Inf`, `-Inf`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

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
from alerting.incidents.incident import Incident, IncidentAlert
from alerting.incidents.slices import slices
from storage.codec import JSON
from storage.events import NewEvent, Priority

_FORMAT: Final = 2  # of snapshots; raise it when the fold changes its meaning
_TYPES: Final[Mapping[str, type[IncidentEvent]]] = {
    one.__name__: one
    for one in (
        IncidentOpened,
        AlertJoined,
        AlertUpdated,
        AlertEnded,
        AlertsJoined,
        AlertsUpdated,
        AlertsEnded,
        SettledEnded,
        IncidentAcknowledged,
        AcknowledgmentWithdrawn,
        PersonPaged,
        PageDelivered,
        PageFailed,
        StepSkipped,
        IncidentEscalated,
        PolicyExhausted,
        IncidentResolved,
        IncidentRepeated,
        IncidentSilenced,
        PagingHushed,
        PagingResumed,
        SilenceLifted,
    )
}
_PRIORITIES: Final[Mapping[type[IncidentEvent], Priority]] = {
    IncidentOpened: "critical",
    PersonPaged: "critical",
    PageFailed: "critical",
    PolicyExhausted: "critical",
    AlertUpdated: "low",
    AlertsUpdated: "low",
    SettledEnded: "low",
}


def new_event(event: IncidentEvent, *, actor: str) -> NewEvent:
    """Return the event as the log takes it."""
    kind = type(event)
    return NewEvent(kind.__name__, event_to_json(event), actor=actor, priority=_PRIORITIES.get(kind, "medium"))


def event_to_json(event: IncidentEvent) -> JSON:
    """Return the event's data."""
    data: JSON = msgspec.to_builtins(event)
    if "alert" in data:
        data["alert"] = _alert_to_json(data["alert"])
    if "alerts" in data:
        data["alerts"] = [_alert_to_json(alert) for alert in data["alerts"]]
    return data


def event_from_json(kind: str, data: JSON) -> IncidentEvent:
    """Return the event that `event_to_json` wrote; ValueError for a kind or data this version does not know."""
    if kind not in _TYPES:
        raise ValueError(f"{kind} is no event of an incident; a newer version may have written it")
    return msgspec.convert(_with_numbers(data), _TYPES[kind])


async def incident_to_json(incident: Incident) -> JSON:
    """Return the whole state, to be kept as a snapshot. Others have their turn while a large one is written."""
    data = _without_nothing(msgspec.to_builtins(replace(incident, alerts=())))
    data["pages"] = [_without_nothing(page) for page in data["pages"]]
    data["alerts"] = []
    for some in slices(incident.alerts):
        data["alerts"] += [_without_nothing(_alert_to_json(alert)) for alert in msgspec.to_builtins(some)]
        await asyncio.sleep(0)
    return {"format": _FORMAT, "incident": data}


async def incident_from_json(data: JSON) -> Incident | None:
    """Return the state that `incident_to_json` wrote; None when another version wrote it, and the events must tell."""
    if data.get("format") != _FORMAT:
        return None
    bare = msgspec.convert(data["incident"] | {"alerts": ()}, Incident)
    alerts: list[IncidentAlert] = []
    for some in slices(data["incident"]["alerts"]):
        alerts += msgspec.convert([_alert_from_json(alert) for alert in some], list[IncidentAlert])
        await asyncio.sleep(0)
    return replace(bare, alerts=tuple(alerts))


def _with_numbers(data: JSON) -> JSON:
    read = dict(data)
    if "alert" in read:
        read["alert"] = _alert_from_json(read["alert"])
    if "alerts" in read:
        read["alerts"] = [_alert_from_json(alert) for alert in read["alerts"]]
    return read


def _without_nothing(data: JSON) -> JSON:
    """Leave out what is None anyway: storage looks a value through that has a null in it, number by number."""
    return {name: value for name, value in data.items() if value is not None}


def _alert_to_json(alert: dict[str, Any]) -> dict[str, Any]:
    return {**alert, "value": _number_to_json(alert["value"])}


def _number_to_json(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"


def _alert_from_json(alert: dict[str, Any]) -> dict[str, Any]:
    value = alert.get("value")
    return {**alert, "value": None if value is None else float(value)}
