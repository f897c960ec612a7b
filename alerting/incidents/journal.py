"""Incidents in the event log: the only place of alerting's incidents that touches storage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerting.incidents.codec import event_from_json, incident_from_json, incident_to_json, new_event
from alerting.incidents.errors import UnknownIncident
from alerting.incidents.events import IncidentEvent, IncidentOpened
from alerting.incidents.fold import apply, apply_all, opened
from alerting.incidents.incident import Incident, IncidentId, incident_of, stream_of
from alerting.incidents.known import FiringIndex, RecentIncidents
from storage.errors import Conflict
from storage.events import Card, CardChange, Event, EventLog, Snapshot

KIND: Final = "incident"
_TRIES: Final = 10  # of a decision that others keep overtaking
_SNAPSHOT_EVERY: Final = 100  # events, since values that change for days make long streams
_LARGE: Final = 1000  # alerts
_SNAPSHOT_OF_LARGE_EVERY: Final = 20  # since each event of a large one may bring hundreds of alerts
_OPEN_AT_MOST: Final = 10_000
_AT_ONCE: Final = 2  # events folded before others have their turn; each may bring hundreds of alerts

Decide = Callable[[Incident], Sequence[IncidentEvent]]


@dataclass(frozen=True, slots=True)
class Revision:
    """An incident before and after a decision; the same when the decision was to do nothing."""

    before: Incident
    after: Incident


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """The open incidents: all, by group key, and by the fingerprint of each alert that fires in them."""

    incidents: tuple[IncidentId, ...]
    keys: Mapping[str, IncidentId]
    firing: Mapping[str, Sequence[IncidentId]]


class IncidentJournal:
    """Loads and records incidents. Every method may raise StorageUnavailable."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._recent = RecentIncidents()
        self._firing = FiringIndex()

    async def load(self, incident: IncidentId) -> Incident:
        """Return the incident as it stands. Raises UnknownIncident."""
        found = await self.find(incident)
        if found is None:
            raise UnknownIncident(incident)
        return found

    async def find(self, incident: IncidentId) -> Incident | None:
        """Return the incident as it stands, None when there is none."""
        stream = stream_of(incident)
        known = self._recent.get(incident)
        if known is None:
            snapshot = await self._log.snapshot(stream)
            known = await incident_from_json(snapshot.data) if snapshot else None
        events = await self._log.read(stream, after=known.stream_version if known else 0)
        found = await _fold(incident, known, events)
        if found is not None:
            self._recent.put(found)
        return found

    @property
    def open_count(self) -> int:
        """How many incidents were open when the index was last asked for."""
        return len(self._firing)

    async def open(self, incident: IncidentId, event: IncidentOpened, *, at: datetime) -> Incident:
        """Write a new incident. Raises Conflict when this one exists, KeyTaken when its group has an open one."""
        first = opened(incident, event, at)
        await self._append(first, [event], expected=0, at=at, actor="system")
        self._recent.put(first)
        return first

    async def record(
        self, incident: Incident, events: Sequence[IncidentEvent], *, at: datetime, actor: str = "system"
    ) -> Incident:
        """Append to an incident as it was loaded. Raises Conflict when it has changed since."""
        if not events:
            return incident
        after = apply_all(incident, events, at)
        await self._append(after, events, expected=incident.stream_version, at=at, actor=actor)
        self._recent.put(after)
        every = _SNAPSHOT_EVERY if len(after.alerts) <= _LARGE else _SNAPSHOT_OF_LARGE_EVERY
        if after.stream_version // every > incident.stream_version // every:
            state = await incident_to_json(after)
            await self._log.save_snapshot(Snapshot(stream_of(after.id), after.stream_version, state, at))
        return after

    async def change(self, incident: IncidentId, decide: Decide, *, at: datetime, actor: str = "system") -> Revision:
        """Load, decide, record; again on a conflict. Raises UnknownIncident, Conflict, and whatever `decide` raises."""
        for tries_left in reversed(range(_TRIES)):
            before = await self.load(incident)
            try:
                return Revision(before, await self.record(before, decide(before), at=at, actor=actor))
            except Conflict:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def open_incidents(self) -> tuple[Incident, ...]:
        """Return every open incident, the newest first."""
        cards = await self._log.cards(KIND, open=True, limit=_OPEN_AT_MOST)
        return tuple([await self._of(card) for card in cards])

    async def recent(self, limit: int = 20) -> tuple[Incident, ...]:
        """Return the newest incidents, open or ended, the newest first."""
        cards = await self._log.cards(KIND, limit=limit)
        return tuple([await self._of(card) for card in cards])

    async def open_for(self, key: str) -> IncidentId | None:
        """Return the open incident of a group."""
        cards = await self._log.cards(KIND, key=key, open=True, limit=1)
        return incident_of(cards[0].stream) if cards else None

    async def latest_for(self, key: str) -> Incident | None:
        """Return the newest incident of a group, open or ended."""
        cards = await self._log.cards(KIND, key=key, limit=1)
        return await self._of(cards[0]) if cards else None

    async def index(self) -> OpenIndex:
        """Return which incidents are open, by group and by firing alert; those that changed since are read."""
        cards = await self._log.cards(KIND, open=True, limit=_OPEN_AT_MOST)
        ids = {card.stream: incident_of(card.stream) for card in cards}
        for card in cards:
            if not self._firing.knows(ids[card.stream], _version(card)):
                self._firing.put(await self._of(card))
        self._firing.keep(ids.values())
        return OpenIndex(tuple(ids.values()), {card.key: ids[card.stream] for card in cards}, self._firing.homes)

    async def _of(self, card: Card) -> Incident:
        """Return the incident of a card; not read where it is known as the card has it."""
        incident, version = incident_of(card.stream), _version(card)
        known = self._recent.get(incident)
        return known if known and version and known.stream_version >= version else await self.load(incident)

    async def _append(
        self, after: Incident, events: Sequence[IncidentEvent], *, expected: int, at: datetime, actor: str
    ) -> None:
        written = [new_event(event, actor=actor) for event in events]
        await self._log.append(stream_of(after.id), written, expected=expected, at=at, card=_card(after))


async def _fold(incident: IncidentId, known: Incident | None, events: Sequence[Event]) -> Incident | None:
    """Return the incident after these events on top of what is known of it."""
    state = known
    for nth, event in enumerate(events, 1):
        if nth % _AT_ONCE == 0:
            await asyncio.sleep(0)
        happened = event_from_json(event.type, event.data)
        if state is not None:
            state = apply(state, happened, event.at)
        elif isinstance(happened, IncidentOpened):
            state = opened(incident, happened, event.at)
        else:
            raise TypeError(f"Incident {incident} begins with {event.type}; its stream is damaged")
    return state


def _version(card: Card) -> int:
    """Return the version that the card tells of; 0 when an older version of this program wrote it."""
    return int(card.data.get("version", 0))


def _card(incident: Incident) -> CardChange:
    data = {
        "title": incident.title,
        "severity": incident.severity,
        "channel": incident.channel,
        "service": incident.service,
        "environment": incident.environment,
        "version": incident.stream_version,
        "acknowledged_by": incident.acknowledged_by,
    }
    return CardChange(KIND, incident.key, incident.state.value, not incident.ended, data)
