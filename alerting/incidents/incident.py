"""An incident as its events tell it: open, acknowledged, resolved. Pure.

An alert is known by its fingerprint. One that ended and fires anew need not have a later `since`: a sender that was cut
off, or the other one of a pair, goes on with the time it knows. So the telling that is true at the later time counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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


def move(subject: str, old: State, new: State) -> State:
    """Return `new` when the table allows it from `old`; ValueError names both."""
    if new not in MOVES[old]:
        raise ValueError(f"{subject} cannot go from {old} to {new}")
    return new


@dataclass(frozen=True, slots=True)
class IncidentAlert:
    """One alert of the incident, as it was last told.

    `ended_at` is set once it resolved. `seen_at` is when its value was measured, so that an older one
    never replaces it; None is the value of an alert whose sender tells none.
    """

    fingerprint: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float | None
    since: datetime
    ended_at: datetime | None = None
    seen_at: datetime | None = None

    @property
    def firing(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    @property
    def told_at(self) -> datetime:
        """The time at which this was true: what is told of the alert for an earlier time is stale."""
        return max(self.since, self.seen_at or self.since, self.ended_at or self.since)


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
    """One step of the escalation policy, frozen when the incident opened.

    `wait` is in seconds since the step before was paged, for the first step since the incident opened. A target is
    `schedule:NAME` (who is on call), `schedule:NAME/next` (who is on call after them) or `person:ID`.
    """

    wait: float
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Somebody was paged. `step` and `round` count from 0.

    `delivered_at` is set when the chat took it, `error` when it was tried to its end, `withdrawn` when the incident was
    acknowledged or resolved before either.
    """

    person: PersonId
    step: int
    at: datetime
    round: int = 0
    delivered_at: datetime | None = None
    error: str = ""
    withdrawn: bool = False

    @property
    def pending(self) -> bool:
        """Whether it still has to be delivered."""
        return self.delivered_at is None and not self.error and not self.withdrawn


@dataclass(frozen=True, slots=True)
class Silenced:
    """A silence made for the incident: whose, and `until` when (at the latest, for one that lasts until resolved)."""

    silence: str
    person: PersonId
    until: datetime
    until_resolved: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the incident's timeline."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """The fold of an incident's events.

    `round` and `level` name the escalation step last paged (`level` -1 before the first of a round); `last_round` is
    the round after which the policy is `exhausted`. `next_page_at` is when the next step is due, None when none is.
    `settled` says which alerts of earlier incidents of the same group fire since when though a person resolved them, so
    that they open no other until they end; `over` says until when those of earlier incidents had ended.
    """

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
    last_round: int = 0
    level: int = -1
    exhausted: bool = False
    next_page_at: datetime | None = None
    alerts: tuple[IncidentAlert, ...] = ()
    settled: Mapping[str, datetime] = field(default_factory=dict)
    over: Mapping[str, datetime] = field(default_factory=dict)
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
    group: Mapping[str, str] = field(default_factory=dict)  # labels that its alerts share
    silenced: tuple[Silenced, ...] = ()
    hushed_until: datetime | None = None  # nobody is paged before, for its alerts are silenced
    urged: bool = False  # somebody asked for the next page, silenced or not
    repeated: str = ""  # the key of the last time it was told again

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state is State.RESOLVED

    @property
    def firing(self) -> tuple[IncidentAlert, ...]:
        """The alerts that have not ended."""
        return tuple(alert for alert in self.alerts if alert.firing)

    def alert(self, fingerprint: str) -> IncidentAlert | None:
        """Return the alert as it was last told."""
        return next((alert for alert in self.alerts if alert.fingerprint == fingerprint), None)

    def by_fingerprint(self) -> dict[str, IncidentAlert]:
        """Return all its alerts: whoever looks for many asks once."""
        return {alert.fingerprint: alert for alert in self.alerts}

    def moved(self, new: State, **changes: object) -> Incident:
        """Return a copy in the new state; ValueError when MOVES has no such move."""
        return replace(self, state=move(f"Incident {self.id}", self.state, new), **changes)  # type: ignore[arg-type]


def stream_of(incident: IncidentId) -> str:
    """Return the name of the incident's stream of events and of its durable loop."""
    return f"incident-{incident}"


def incident_of(stream: str) -> IncidentId:
    """Return the incident that `stream_of` named; ValueError for another stream."""
    kind, _, rest = stream.partition("-")
    if kind != "incident" or not rest:
        raise ValueError(f"{stream} is no incident's stream")
    return IncidentId(rest)
