"""Incidents as they were read or written last, so that a large one is not read as a whole for every change.

An incident only ever gains events, so what is known of it is never wrong, only behind.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from alerting.incidents.incident import Incident, IncidentId

_ALERTS_AT_MOST: Final = 50_000  # about 100 MB of them


class RecentIncidents:
    """The incidents used last, as many as have so many alerts together, and at least one."""

    def __init__(self, alerts_at_most: int = _ALERTS_AT_MOST) -> None:
        self._at_most = alerts_at_most
        self._known: OrderedDict[IncidentId, Incident] = OrderedDict()
        self._size = 0

    def get(self, incident: IncidentId) -> Incident | None:
        """Return the incident as it was last put."""
        if incident in self._known:
            self._known.move_to_end(incident)
        return self._known.get(incident)

    def put(self, incident: Incident) -> None:
        """Keep the incident, unless a newer state of it is kept."""
        known = self._known.pop(incident.id, None)
        newest = known if known and known.stream_version > incident.stream_version else incident
        self._size += _size(newest) - (_size(known) if known else 0)
        self._known[incident.id] = newest
        while self._size > self._at_most and len(self._known) > 1:
            self._size -= _size(self._known.popitem(last=False)[1])


class FiringIndex:
    """The open incidents by the fingerprint of each alert that fires in them. Only what changed costs time."""

    def __init__(self) -> None:
        self._homes: dict[str, tuple[IncidentId, ...]] = {}
        self._known: dict[IncidentId, tuple[int, frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def homes(self) -> Mapping[str, tuple[IncidentId, ...]]:
        """The incidents of each alert, as they are from now on too."""
        return self._homes

    def knows(self, incident: IncidentId, version: int) -> bool:
        """Whether the index has the incident as it was at this version, or later."""
        return version > 0 and incident in self._known and self._known[incident][0] >= version

    def put(self, incident: Incident) -> None:
        """Take up which alerts of an incident fire."""
        firing = frozenset(alert.fingerprint for alert in incident.firing)
        version, before = self._known.get(incident.id, (0, frozenset()))
        if version <= incident.stream_version:
            self._known[incident.id] = (incident.stream_version, firing)
            self._change(incident.id, before, firing)

    def keep(self, open_: Iterable[IncidentId]) -> None:
        """Forget all incidents but these."""
        for gone in self._known.keys() - set(open_):
            self._change(gone, self._known.pop(gone)[1], frozenset())

    def _change(self, incident: IncidentId, before: frozenset[str], after: frozenset[str]) -> None:
        for mark in before - after:
            left = tuple(one for one in self._homes.pop(mark) if one != incident)
            if left:
                self._homes[mark] = left
        for mark in after - before:
            self._homes[mark] = (*self._homes.get(mark, ()), incident)


def _size(incident: Incident) -> int:
    return len(incident.alerts) + len(incident.history) // 2 + 1
