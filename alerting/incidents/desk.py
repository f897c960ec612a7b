"""Takes alerts and people's decisions, and keeps the incidents: the door of alerting's incidents."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerting.errors import AlertingError, TemporaryFailure
from alerting.incidents import decisions
from alerting.incidents.decisions import Rule
from alerting.incidents.events import IncidentEvent, IncidentOpened
from alerting.incidents.incident import Incident, IncidentAlert, IncidentId, PageStep, PersonId, stream_of
from alerting.incidents.intake import (
    AlertChange,
    Place,
    incident_id,
    joins,
    newest,
    news,
    opening,
    opening_alerts,
    order,
    seen,
    settled_ends,
)
from alerting.incidents.journal import IncidentJournal
from alerting.incidents.slices import slices
from alerting.incidents.suspects import WINDOW, Change, RecentChanges
from alerting.oncall.escalation import EscalationPolicy, check_policies, on_call_now
from alerting.oncall.ports import Durable
from alerting.oncall.rotation import Rotation
from storage.errors import Conflict, KeyTaken, StorageError

_TRIES: Final = 10  # when other replicas open and close the same incidents meanwhile
_JUDGED_AT_MOST: Final = 1000  # alerts
_REMEMBERED: Final = 50_000  # alerts, for what is told of one may arrive in another order


@dataclass(frozen=True, slots=True)
class Answer:
    """The incident after a person's decision, and what to tell them."""

    incident: Incident
    text: str


@dataclass(frozen=True, slots=True)
class _Recent:
    """What was changed lately, or why it is not known."""

    changes: Sequence[Change] | None
    note: str = ""


class IncidentDesk:
    """Opens, joins and resolves incidents. Raises BrokenPolicy when policies and rotations do not fit together.

    Several replicas may each have one: the log decides who opens an incident.
    """

    def __init__(
        self,
        journal: IncidentJournal,
        policies: Mapping[str, EscalationPolicy],
        rotations: Mapping[str, Rotation],
        changes: RecentChanges,
        durable: Durable,
        *,
        now: Callable[[], datetime],
    ) -> None:
        check_policies(policies, rotations)
        self._journal = journal
        self._policies = policies
        self._rotations = rotations
        self._changes = changes
        self._durable = durable
        self._now = now
        self._latest: OrderedDict[str, tuple[datetime, bool]] = OrderedDict()
        self._started: set[IncidentId] = set()

    async def adopt(self) -> None:
        """See that every open incident has its durable loop; call it at start, for a crash may have come in between."""
        for incident in await self._journal.open_incidents():
            await self._start(incident.id, incident.steps)

    async def wake(self, incident: Incident) -> None:
        """Let its escalation look again, where it has one."""
        if incident.steps:
            await self._durable.wake(stream_of(incident.id))

    async def take(self, changes: Sequence[AlertChange], place: Place) -> None:
        """Let the alerts of one group open, join, update and resolve its incident. Safe to repeat, whatever the order.

        Raises TemporaryFailure when others kept overtaking it, StorageUnavailable; take the same changes again then.
        """
        # Firings first: an incident is not over because the rest of what is told comes in the next slice.
        for some in slices(sorted(await self._counting(changes), key=lambda change: change.ends)):
            await self._take(some, place)
            await asyncio.sleep(0)

    async def _take(self, changes: Sequence[AlertChange], place: Place) -> None:
        for _ in range(_TRIES):
            home = await self._journal.open_for(place.key)
            if await (self._join(home, changes) if home else self._open(place, changes)):
                return
        raise TemporaryFailure(f"{len(changes)} alerts could not be taken: other replicas change the same incidents")

    async def repeat(self, place: Place, key: str) -> None:
        """Say again that the group's incident is open, once for each `key`. Raises storage's errors, Conflict."""
        home = await self._journal.open_for(place.key)
        if home is not None:
            await self._journal.change(home, lambda one: decisions.repeat(one, key), at=self._now())

    async def keep(self, changes: Sequence[AlertChange]) -> None:
        """Bring news of alerts to the incidents in which they fire; what fires in none is left alone.

        Raises StorageUnavailable; keep the same changes again then.
        """
        firing = (await self._journal.index()).firing if changes else {}
        joining: defaultdict[IncidentId, list[AlertChange]] = defaultdict(list)
        for change in await self._counting(changes):
            for home in firing.get(change.alert.fingerprint, ()):
                joining[home].append(change)
        for home, some in [(home, some) for home, all_ in joining.items() for some in slices(all_)]:
            await self._join(home, some)
            await asyncio.sleep(0)

    async def _counting(self, changes: Sequence[AlertChange]) -> list[AlertChange]:
        """What still counts of what is told: the newest of each alert, unless the contrary was told of a later time."""
        now = self._now()
        counting = newest(seen(change, now) for change in changes)
        await asyncio.sleep(0)
        self._remember(counting)
        return [change for change in counting if not self._overtaken(change)]

    async def acknowledge(self, incident: IncidentId, person: PersonId) -> Answer:
        """Give the incident to `person`; escalation stops. Raises UnknownIncident, IncidentEnded."""
        return await self._decide(incident, person, lambda one: decisions.acknowledge(one, person))

    async def unacknowledge(self, incident: IncidentId, person: PersonId) -> Answer:
        """Give it back; escalation starts anew. Raises UnknownIncident, IncidentEnded."""
        now = self._now()
        return await self._decide(incident, person, lambda one: decisions.unacknowledge(one, person, now=now))

    async def resolve(self, incident: IncidentId, person: PersonId) -> Answer:
        """End it; its alerts open no other until they end and fire anew. Raises UnknownIncident, IncidentEnded."""
        return await self._decide(incident, person, lambda one: decisions.resolve(one, person))

    async def escalate(self, incident: IncidentId, person: PersonId, level: int | None = None) -> Answer:
        """Page the next step now; nothing when another than `level` was paged last.

        Raises UnknownIncident, IncidentEnded, NothingToEscalate.
        """
        now = self._now()
        return await self._decide(incident, person, lambda one: decisions.escalate(one, person, level=level, now=now))

    async def _decide(self, incident: IncidentId, person: PersonId, rule: Rule) -> Answer:
        revision = await self._journal.change(incident, lambda one: rule(one).events, at=self._now(), actor=person)
        await self.wake(revision.after)
        return Answer(revision.after, rule(revision.before).text)

    def _overtaken(self, change: AlertChange) -> bool:
        """Whether a firing is told after its own end, or an end after it fired anew."""
        at, ended = self._latest[change.alert.fingerprint]
        return ended != change.ends and order(change) < (at, ended)

    async def _join(self, home: IncidentId, changes: Sequence[AlertChange]) -> bool:
        """Bring changes to an open incident; False when it has ended meanwhile."""
        incident = await self._journal.load(home)
        recent = None
        # The suspects of so many alerts are not judged anew for some more.
        if len(incident.alerts) < _JUDGED_AT_MOST and joins(incident, changes):
            recent = (await self._recent([*incident.alerts, *(change.alert for change in changes)])).changes

        def decide(latest: Incident) -> Sequence[IncidentEvent]:
            return () if latest.ended else news(latest, changes, recent)

        # Most of what is told is known: then one reading is enough.
        known = not incident.ended and not decide(incident)
        revision = None if known else await self._journal.change(home, decide, at=self._now())
        await self._start(home, incident.steps)
        if revision and revision.after.ended:
            await self.wake(revision.after)
            self._started.discard(home)
        return revision is None or not revision.before.ended

    async def _open(self, place: Place, changes: Sequence[AlertChange]) -> bool:
        """Open the group's incident when an alert asks for it; False when somebody else was quicker."""
        previous = await self._note_ends(await self._journal.latest_for(place.key), changes)
        alerts = opening_alerts(previous, changes)
        if not alerts:
            return True
        incident, policy = (
            incident_id(place.key, alerts[0], previous),
            self._policies[place.policy] if place.policy else None,
        )
        try:
            await self._journal.open(incident, await self._opening(place, policy, alerts, previous), at=self._now())
        except (Conflict, KeyTaken):
            return False
        await self._start(incident, policy.steps if policy else ())
        return True

    async def _note_ends(self, previous: Incident | None, changes: Sequence[AlertChange]) -> Incident | None:
        """Write down which alerts have ended that a person had resolved, so that they count when they fire anew."""
        if previous is None or not settled_ends(previous, changes):
            return previous
        now = self._now()
        return (await self._journal.change(previous.id, lambda one: settled_ends(one, changes), at=now)).after

    async def _opening(
        self,
        place: Place,
        policy: EscalationPolicy | None,
        alerts: Sequence[IncidentAlert],
        previous: Incident | None,
    ) -> IncidentOpened:
        now = self._now()
        recent = await self._recent(alerts)
        return opening(
            place,
            alerts,
            policy=policy,
            on_call=on_call_now(policy.steps, self._rotations, now) if policy else None,
            changes=recent.changes or (),
            note=recent.note,
            previous=previous,
            now=now,
        )

    async def _recent(self, alerts: Iterable[IncidentAlert]) -> _Recent:
        """Ask what was changed; an incident opens without suspects rather than late."""
        since = min(alert.since for alert in alerts) - WINDOW
        try:
            return _Recent(await self._changes.changes(since))
        except (AlertingError, StorageError) as error:
            return _Recent(None, f"Recent changes are not known: {error.reason}.")

    def _remember(self, changes: Sequence[AlertChange]) -> None:
        """Memory is enough: senders repeat an end for minutes, so after a restart the next one closes the incident."""
        for change in changes:
            mark, told = change.alert.fingerprint, order(change)
            self._latest[mark] = max(self._latest.pop(mark, told), told)
        while len(self._latest) > max(_REMEMBERED, len(changes)):
            self._latest.popitem(last=False)

    async def _start(self, incident: IncidentId, steps: Sequence[PageStep]) -> None:
        """Once per process and incident, where there is anybody to page; a loop that runs is left alone."""
        if steps and incident not in self._started:
            await self._durable.start(stream_of(incident))
            self._started.add(incident)
