"""Carries the escalation of one incident on, a turn at a time.

A page is written down before it is delivered and again after: a crash in between is made good at the next turn with the
same key, which the pager tells once. So nobody is forgotten and nobody is told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.incidents.events import (
    IncidentEvent,
    PageDelivered,
    PageFailed,
    PagingHushed,
    PagingResumed,
    PersonPaged,
    PolicyExhausted,
    StepSkipped,
)
from alerting.incidents.incident import Incident, Page, incident_of
from alerting.incidents.journal import IncidentJournal
from alerting.oncall.escalation import Exhaust, PageNow, Skip, WaitUntil, next_page
from alerting.oncall.ports import Pager, Quiet
from alerting.oncall.rotation import Rotation
from storage.errors import Conflict, StorageUnavailable

GIVE_UP_AFTER: Final = timedelta(minutes=5)
_FIRST_RETRY: Final = timedelta(seconds=5)
_LONGEST_RETRY: Final = timedelta(seconds=60)
_IDLE: Final = timedelta(hours=1)  # the desk wakes the loop; this only bounds a lost wake
_STORAGE_AWAY: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Attempts:
    """Trying to deliver one page: since when, and when again."""

    since: datetime
    again_at: datetime


def page_key(incident: Incident, page: Page) -> str:
    """Return the name under which the page is told once."""
    return f"{incident.id}:{page.round}:{page.step}:{page.person}"


class Escalator:
    """Pages people for incidents until somebody acknowledges."""

    def __init__(
        self,
        journal: IncidentJournal,
        rotations: Mapping[str, Rotation],
        pager: Pager,
        quiet: Quiet,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._journal = journal
        self._rotations = rotations
        self._pager = pager
        self._quiet = quiet
        self._now = now
        self._attempts: dict[str, _Attempts] = {}

    async def turn(self, subject: str) -> timedelta | None:
        """Do all that is due for the incident of this loop; return how long to wait, None when it has ended.

        Raises UnknownIncident when there is no such incident, ValueError when `subject` names none.
        """
        try:
            return await self._turn(subject)
        except (StorageUnavailable, Conflict):
            return _STORAGE_AWAY

    async def _turn(self, subject: str) -> timedelta | None:
        while True:
            incident = await self._journal.load(incident_of(subject))
            if incident.ended:
                self._forget(incident)
                return None
            page = self._deliverable(incident)
            if page is not None:
                await self._deliver(incident, page)
            elif not await self._step(incident):
                return self._wait(incident)

    async def _step(self, incident: Incident) -> bool:
        """Write down the next step of the escalation if it is due; say whether to look again."""
        events = self._due(incident)
        try:
            await self._journal.record(incident, events, at=self._now())
        except Conflict:
            return True  # acknowledged, joined or escalated just now: decide anew
        return bool(events)

    def _due(self, incident: Incident) -> Sequence[IncidentEvent]:
        now = self._now()
        if news := self._hush_news(incident, now):
            return [news]
        match next_page(incident, self._rotations, now=now):
            case PageNow(people, round_, level, due):
                return [PersonPaged(person, round_, level, due) for person in people]
            case Skip(round_, level, reason):
                return [StepSkipped(round_, level, reason, now)]
            case Exhaust():
                return [PolicyExhausted()]
        return []

    def _hush_news(self, incident: Incident, now: datetime) -> IncidentEvent | None:
        """What has changed of its being silenced; nothing for one that pages nobody anyway."""
        if incident.next_page_at is None:
            return None
        until = self._silenced_until(incident, now)
        if until == incident.hushed_until:
            return None
        return PagingResumed() if until is None else PagingHushed(until)

    def _silenced_until(self, incident: Incident, now: datetime) -> datetime | None:
        """Until when all of its alerts that fire are silenced for sure; None when one is not."""
        ends = [self._quiet.silenced_until(alert.labels, now) for alert in incident.firing]
        known = [end for end in ends if end is not None]
        return min(known) if known and len(known) == len(ends) else None

    def _deliverable(self, incident: Incident) -> Page | None:
        """Return the oldest page that is to be tried now."""
        now = self._now()
        return next((page for page in incident.pages if page.pending and self._again_at(incident, page) <= now), None)

    def _again_at(self, incident: Incident, page: Page) -> datetime:
        attempts = self._attempts.get(page_key(incident, page))
        return attempts.again_at if attempts else page.at

    async def _deliver(self, incident: Incident, page: Page) -> None:
        try:
            await self._pager.page(page_key(incident, page), incident, page.person, page.step)
        except TemporaryFailure as failure:
            await self._failed_for_now(incident, page, failure)
        except PermanentFailure as failure:
            await self._failed(incident, page, str(failure))
        else:
            await self._done(incident, page, PageDelivered(page.person, page.round, page.step))

    async def _failed_for_now(self, incident: Incident, page: Page, failure: TemporaryFailure) -> None:
        """Try again after as long as it has been tried so far, or after what the chat asks; five minutes in all."""
        now = self._now()
        before = self._attempts.get(page_key(incident, page))
        since = before.since if before else now
        if now - since >= GIVE_UP_AFTER:
            minutes = GIVE_UP_AFTER // timedelta(minutes=1)
            await self._failed(incident, page, f"tried for {minutes} minutes: {failure.reason}")
            return
        wait = min(max(now - since, _FIRST_RETRY), _LONGEST_RETRY)
        again_at = now + max(wait, failure.retry_after or wait)
        # The last try falls on the end of the five minutes, whatever the chat asks for.
        self._attempts[page_key(incident, page)] = _Attempts(since, min(again_at, since + GIVE_UP_AFTER))

    async def _failed(self, incident: Incident, page: Page, error: str) -> None:
        await self._done(incident, page, PageFailed(page.person, page.round, page.step, error))

    async def _done(self, incident: Incident, page: Page, event: PageDelivered | PageFailed) -> None:
        """Write down how it went, also when the incident has changed while the pager was at it."""

        def once(latest: Incident) -> Sequence[IncidentEvent]:
            mine = [one for one in latest.pages if page_key(latest, one) == page_key(incident, page)]
            return [event] if any(one.delivered_at is None and not one.error for one in mine) else []

        await self._journal.change(incident.id, once, at=self._now())
        self._attempts.pop(page_key(incident, page), None)

    def _wait(self, incident: Incident) -> timedelta:
        """Return how long nothing is due."""
        now = self._now()
        due = [self._again_at(incident, page) for page in incident.pages if page.pending]
        decision = next_page(incident, self._rotations, now=now)
        if isinstance(decision, WaitUntil):
            due.append(decision.at)
        return max(timedelta(0), min((at - now for at in due), default=_IDLE))

    def _forget(self, incident: Incident) -> None:
        for page in incident.pages:
            self._attempts.pop(page_key(incident, page), None)
