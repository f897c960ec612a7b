"""Tells one CI system what is to be told, one thing after another; a limit of its API makes all of them wait.

Before each call it is written down that it is made. Whoever finds that note after a crash asks first whether the status
stands there already, so that nothing is told twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.results.client import Limited, StatusClient
from bot.results.status import Status
from bot.results.told import COLLECTION, LONGEST_PAUSE, Subject, data_of
from engine.errors import EngineError, PermanentFailure, TemporaryFailure
from storage.errors import StorageError
from storage.records import Records

log = logging.getLogger(__name__)

LOOK: Final = LONGEST_PAUSE
LEAST: Final = timedelta(milliseconds=100)

Tell = Callable[[str, str], Awaitable[None]]


class Lane:
    """The subjects of one trigger. Nothing is told while this replica is not `acting`."""

    def __init__(
        self,
        name: str,
        client: StatusClient,
        records: Records,
        tell: Tell,
        *,
        now: Callable[[], datetime],
        acting: Callable[[], bool] = lambda: True,
    ) -> None:
        self._name = name
        self._client = client
        self._records = records
        self._tell = tell
        self._now = now
        self._acting = acting
        self._subjects: dict[str, Subject] = {}
        self._changed = asyncio.Event()
        self._held_until: datetime | None = None
        self._complained = ""

    def empty(self) -> None:
        """Forget what another process may have gone on with meanwhile."""
        self._subjects.clear()

    def add(self, subject: Subject) -> None:
        """Take up a subject as it was kept; one that is here already is further."""
        self._subjects.setdefault(subject.request, subject)
        self._changed.set()

    def find(self, deployment: str) -> list[Subject]:
        """The subjects that are about this deployment."""
        return [one for one in self._subjects.values() if deployment and one.deployment == deployment]

    def want(self, request: str, status: Status) -> None:
        """Let `status` be told next. It is worked out anew from the deployment after a crash, so it is not kept.

        A subject whose end was told meanwhile wants nothing more.
        """
        if (subject := self._subjects.get(request)) is not None:
            self._subjects[request] = subject.wants(status)
            self._changed.set()

    async def run(self) -> None:
        """Tell whatever is due, until cancelled."""
        while True:
            self._changed.clear()
            due = await self.step()
            pause = LOOK if due is None else min(max(due - self._now(), LEAST), LOOK)
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def step(self) -> datetime | None:
        """Tell what is due now; when the next is, None when nothing waits."""
        for request in list(self._subjects):
            subject = self._subjects.get(request) if self._acting() else None
            if subject is not None and (due := self._due(subject)) is not None and due <= self._now():
                await self._tell_safely(subject)
        return min((due for one in self._subjects.values() if (due := self._due(one)) is not None), default=None)

    def _due(self, subject: Subject) -> datetime | None:
        if subject.wanted is None or self._client.word(subject.wanted) == subject.told:
            return None
        times = [at for at in (subject.due, self._held_until) if at is not None]
        return max(times, default=self._now())

    async def _tell_safely(self, subject: Subject) -> None:
        try:
            await self._tell_one(subject)
        except StorageError as error:
            log.warning("the result of %s waits: %s", subject.request, error)
            self._subjects[subject.request] = subject.failed(None, now=self._now())

    async def _tell_one(self, subject: Subject) -> None:
        status = subject.wanted
        if status is None:
            return
        word = self._client.word(status)
        try:
            # Of an attempt that failed nobody knows what arrived; of the first one whether it was told before a crash.
            unsure = bool(subject.telling) or not subject.told
            if not (unsure and await self._client.told(subject.origin, status)):
                subject = await self._keep(replace(subject, telling=word))
                await self._client.tell(subject.origin, status)
        except TemporaryFailure as failure:
            await self._later(subject, failure)
        except PermanentFailure as failure:
            await self._give_up(subject, failure)
        else:
            self._complained = ""
            log.info("told the CI system of %s: %s", subject.request, status.text)
            await (self._close(subject) if status.ended else self._keep(subject.was_told(word)))

    async def _later(self, subject: Subject, failure: TemporaryFailure) -> None:
        now = self._now()
        later = subject.failed(failure.retry_after, now=now)
        log.warning("the result of %s waits: %s", subject.request, failure.reason)
        if isinstance(failure, Limited):
            self._held_until = later.due
        if later.hopeless(now):
            await self._give_up(later, failure)
        else:
            await self._keep(later)

    async def _give_up(self, subject: Subject, failure: EngineError) -> None:
        """Say so once, not for each status that fails for the same reason."""
        await self._close(subject)
        reason = failure.reason.rpartition(" answered ")[2]
        if reason != self._complained:
            self._complained = reason
            await self._tell(f"The results of trigger {self._name} are not told: {failure.reason}", failure.remedy)

    async def _keep(self, subject: Subject) -> Subject:
        # A newer status may have come while the call was made.
        current = self._subjects.get(subject.request, subject)
        kept = subject if current.wanted == subject.wanted else replace(subject, wanted=current.wanted)
        self._subjects[subject.request] = kept
        await self._records.put(COLLECTION, subject.request, data_of(kept), at=self._now())
        return kept

    async def _close(self, subject: Subject) -> None:
        self._subjects.pop(subject.request, None)
        await self._records.delete(COLLECTION, subject.request)
