"""Incidents in the event log: the only place of alerting's incidents that touches storage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerting.incidents.codec import event_from_json, incident_from_json, incident_to_json, new_event
from alerting.incidents.errors import UnknownIncident
from alerting.incidents.events import IncidentEvent, IncidentOpened
from alerting.incidents.fold import apply, apply_all, opened
from alerting.incidents.incident import Incident, IncidentId, incident_of, stream_of
from storage.errors import Conflict
from storage.events import CardChange, Event, EventLog, Snapshot

KIND: Final = "incident"
_TRIES: Final = 10  # of a decision that others keep overtaking
_SNAPSHOT_EVERY: Final = 100  # events, since values that change for days make long streams
_OPEN_AT_MOST: Final = 10_000

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

    async def load(self, incident: IncidentId) -> Incident:
        """Return the incident as it stands. Raises UnknownIncident."""
        found = await self.find(incident)
        if found is None:
            raise UnknownIncident(incident)
        return found

    async def find(self, incident: IncidentId) -> Incident | None:
        """Return the incident as it stands, None when there is none."""
        stream = stream_of(incident)
        snapshot = await self._log.snapshot(stream)
        known = incident_from_json(snapshot.data) if snapshot else None
        events = await self._log.read(stream, after=known.stream_version if known else 0)
        return _fold(incident, known, events)

    async def open(self, incident: IncidentId, event: IncidentOpened, *, at: datetime) -> Incident:
        """Write a new incident. Raises Conflict when this one exists, KeyTaken when its group has an open one."""
        first = opened(incident, event, at)
        await self._append(first, [event], expected=0, at=at, actor="system")
        return first

    async def record(
        self, incident: Incident, events: Sequence[IncidentEvent], *, at: datetime, actor: str = "system"
    ) -> Incident:
        """Append to an incident as it was loaded. Raises Conflict when it has changed since."""
        if not events:
            return incident
        after = apply_all(incident, events, at)
        await self._append(after, events, expected=incident.stream_version, at=at, actor=actor)
        if after.stream_version // _SNAPSHOT_EVERY > incident.stream_version // _SNAPSHOT_EVERY:
            snapshot = Snapshot(stream_of(after.id), after.stream_version, incident_to_json(after), at)
            await self._log.save_snapshot(snapshot)
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
        return tuple([await self.load(incident_of(card.stream)) for card in cards])

    async def recent(self, limit: int = 20) -> tuple[Incident, ...]:
        """Return the newest incidents, open or ended, the newest first."""
        cards = await self._log.cards(KIND, limit=limit)
        return tuple([await self.load(incident_of(card.stream)) for card in cards])

    async def latest_for(self, key: str) -> Incident | None:
        """Return the newest incident of a group, open or ended."""
        cards = await self._log.cards(KIND, key=key, limit=1)
        return await self.load(incident_of(cards[0].stream)) if cards else None

    async def index(self) -> OpenIndex:
        """Return which incidents are open, by group and by firing alert, without reading them."""
        cards = await self._log.cards(KIND, open=True, limit=_OPEN_AT_MOST)
        ids = {card.stream: incident_of(card.stream) for card in cards}
        firing: defaultdict[str, list[IncidentId]] = defaultdict(list)
        for card in cards:
            for alert in card.data["firing"]:
                firing[alert].append(ids[card.stream])
        return OpenIndex(tuple(ids.values()), {card.key: ids[card.stream] for card in cards}, firing)

    async def _append(
        self, after: Incident, events: Sequence[IncidentEvent], *, expected: int, at: datetime, actor: str
    ) -> None:
        written = [new_event(event, actor=actor) for event in events]
        await self._log.append(stream_of(after.id), written, expected=expected, at=at, card=_card(after))


def _fold(incident: IncidentId, known: Incident | None, events: Sequence[Event]) -> Incident | None:
    """Return the incident after these events on top of what is known of it."""
    state = known
    for event in events:
        happened = event_from_json(event.type, event.data)
        if state is not None:
            state = apply(state, happened, event.at)
        elif isinstance(happened, IncidentOpened):
            state = opened(incident, happened, event.at)
        else:
            raise TypeError(f"Incident {incident} begins with {event.type}; its stream is damaged")
    return state


def _card(incident: Incident) -> CardChange:
    data = {
        "title": incident.title,
        "severity": incident.severity,
        "channel": incident.channel,
        "service": incident.service,
        "environment": incident.environment,
        "firing": [alert.fingerprint for alert in incident.firing],
        "acknowledged_by": incident.acknowledged_by,
    }
    return CardChange(KIND, incident.key, incident.state.value, not incident.ended, data)
