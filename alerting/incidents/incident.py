"""An incident as its events tell it: open, acknowledged, resolved. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

IncidentId = NewType("IncidentId", str)
PersonId = NewType("PersonId", str)


class State(StrEnum):
    """OPEN pages people; ACKNOWLEDGED has somebody on it; RESOLVED has ended."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.OPEN: frozenset({State.ACKNOWLEDGED, State.RESOLVED}),
    State.ACKNOWLEDGED: frozenset({State.OPEN, State.RESOLVED}),
    State.RESOLVED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class IncidentAlert:
    """One alert of the incident, as it was last told. `ended_at` is set once it resolved."""

    fingerprint: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float
    since: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A change that may have caused it: what, when, by whom. `rank` 1 is the likeliest; `why` says the reason."""

    deployment: str
    service: str
    environment: str
    version: str
    previous: str
    person: str
    at: datetime
    rank: int
    why: str
    can_roll_back: bool


@dataclass(frozen=True, slots=True)
class PageStep:
    """One step of the escalation policy, frozen when the incident opened: after `wait` seconds page `people`."""

    wait: float
    targets: tuple[str, ...]  # "schedule:NAME" or "person:ID"


@dataclass(frozen=True, slots=True)
class Page:
    """Somebody was paged. `delivered_at` is set when the chat took it; `error` when it was tried to its end."""

    person: PersonId
    step: int
    at: datetime
    delivered_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the incident's timeline."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """The fold of an incident's events. `level` is the escalation step last paged (-1 before the first)."""

    id: IncidentId
    key: str  # group key: at most one open incident for each
    title: str
    severity: str
    channel: str
    service: str
    environment: str
    opened_at: datetime
    state: State = State.OPEN
    policy: str = ""
    steps: tuple[PageStep, ...] = ()
    repeat: int = 0
    round: int = 0
    level: int = -1
    next_page_at: datetime | None = None
    alerts: tuple[IncidentAlert, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    pages: tuple[Page, ...] = ()
    on_call: PersonId | None = None
    acknowledged_by: PersonId | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: PersonId | None = None  # None when it resolved itself
    history: tuple[Entry, ...] = ()
    stream_version: int = 0
    updated_at: datetime | None = None
