"""What can happen to an incident, and how it is written down.

An event's name in the log is its class name. Its time is the log's own, so none is repeated in the data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from alerting.incidents.incident import IncidentAlert, PageStep, PersonId, Suspect
from storage.codec import JSON
from storage.events import NewEvent, Priority


@dataclass(frozen=True, slots=True)
class IncidentOpened:
    """An alert fired in a group that had no open incident. The escalation policy is kept as it is now.

    `settled` is what earlier incidents of the group dealt with; `note` is a line for the timeline.
    """

    key: str
    title: str
    severity: str
    channel: str
    service: str
    environment: str
    alerts: tuple[IncidentAlert, ...]
    policy: str = ""
    steps: tuple[PageStep, ...] = ()
    repeat: int = 0
    next_page_at: datetime | None = None
    on_call: PersonId | None = None
    suspects: tuple[Suspect, ...] = ()
    settled: Mapping[str, datetime] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class AlertJoined:
    """Another alert of the group fired, or one that had ended fires anew. None keeps the suspects there were."""

    alert: IncidentAlert
    suspects: tuple[Suspect, ...] | None = None


@dataclass(frozen=True, slots=True)
class AlertUpdated:
    """A firing alert has another value or other annotations."""

    alert: IncidentAlert


@dataclass(frozen=True, slots=True)
class AlertEnded:
    """An alert no longer fires."""

    alert: IncidentAlert


@dataclass(frozen=True, slots=True)
class IncidentAcknowledged:
    """Somebody has it now; who had it before has it no longer."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class AcknowledgmentWithdrawn:
    """Nobody has it any more: the escalation begins anew in the next round."""

    person: PersonId
    next_page_at: datetime | None


@dataclass(frozen=True, slots=True)
class PersonPaged:
    """Somebody is to be told. The page is delivered after this is written, so that a crash forgets nobody."""

    person: PersonId
    round: int
    level: int
    next_page_at: datetime | None


@dataclass(frozen=True, slots=True)
class PageDelivered:
    """The chat took the page."""

    person: PersonId
    round: int
    level: int


@dataclass(frozen=True, slots=True)
class PageFailed:
    """The page was tried to its end; the next step is due at once."""

    person: PersonId
    round: int
    level: int
    error: str


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """A step found nobody to page; the next one is due at once."""

    round: int
    level: int
    reason: str
    next_page_at: datetime


@dataclass(frozen=True, slots=True)
class IncidentEscalated:
    """Somebody asked for the next step now. `round` is the round it belongs to."""

    person: PersonId
    round: int


@dataclass(frozen=True, slots=True)
class PolicyExhausted:
    """Everybody in the policy was paged, in every round, and nobody took it."""


@dataclass(frozen=True, slots=True)
class IncidentResolved:
    """It ended: by a person, or by itself (None) when its last alert ended."""

    person: PersonId | None = None


IncidentEvent: TypeAlias = (
    IncidentOpened
    | AlertJoined
    | AlertUpdated
    | AlertEnded
    | IncidentAcknowledged
    | AcknowledgmentWithdrawn
    | PersonPaged
    | PageDelivered
    | PageFailed
    | StepSkipped
    | IncidentEscalated
    | PolicyExhausted
    | IncidentResolved
)

_TYPES: Final[Mapping[str, type[IncidentEvent]]] = {
    one.__name__: one
    for one in (
        IncidentOpened,
        AlertJoined,
        AlertUpdated,
        AlertEnded,
        IncidentAcknowledged,
        AcknowledgmentWithdrawn,
        PersonPaged,
        PageDelivered,
        PageFailed,
        StepSkipped,
        IncidentEscalated,
        PolicyExhausted,
        IncidentResolved,
    )
}
_PRIORITIES: Final[Mapping[type[IncidentEvent], Priority]] = {
    IncidentOpened: "critical",
    PersonPaged: "critical",
    PageFailed: "critical",
    PolicyExhausted: "critical",
    AlertUpdated: "low",
}


def new_event(event: IncidentEvent, *, actor: str) -> NewEvent:
    """Return the event as the log takes it."""
    kind = type(event)
    return NewEvent(kind.__name__, event_to_json(event), actor=actor, priority=_PRIORITIES.get(kind, "medium"))


def event_to_json(event: IncidentEvent) -> JSON:
    """Return the event's data; values that JSON has no number for are written `NaN`, `Inf`, `-Inf`."""
    data: JSON = msgspec.to_builtins(event)
    for alert in _alerts(data):
        alert["value"] = _number_to_json(alert["value"])
    return data


def event_from_json(kind: str, data: JSON) -> IncidentEvent:
    """Return the event that `event_to_json` wrote; ValueError for a kind or data this version does not know."""
    if kind not in _TYPES:
        raise ValueError(f"{kind} is no event of an incident; a newer version may have written it")
    read = dict(data)
    if "alert" in read:
        read["alert"] = _alert_from_json(read["alert"])
    if "alerts" in read:
        read["alerts"] = [_alert_from_json(alert) for alert in read["alerts"]]
    return msgspec.convert(read, _TYPES[kind])


def _alerts(data: JSON) -> Iterator[dict[str, Any]]:
    if "alert" in data:
        yield data["alert"]
    yield from data.get("alerts", ())


def _number_to_json(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"


def _alert_from_json(alert: dict[str, Any]) -> dict[str, Any]:
    return {**alert, "value": float(alert["value"])}
