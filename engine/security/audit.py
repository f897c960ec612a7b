"""The audit trail: who did or tried what, on what, from where, and whether it was allowed. Only ever added to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal

from engine.errors import TemporaryFailure
from storage.errors import Conflict
from storage.events import Event, EventLog, NewEvent

STREAM: Final = "audit"
_ATTEMPTS: Final = 50
_LONGEST_PAUSE: Final = 0.05  # seconds

Verdict = Literal["allowed", "denied", "failed"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One decision. `subject` is what it was about, already free of secrets; `reason` says why not, if not."""

    at: datetime
    person: str
    name: str
    action: str
    subject: str
    verdict: Verdict
    reason: str
    source: str
    request: str


class Audit:
    """Writes entries to the stream "audit", in step with other replicas that do the same."""

    def __init__(self, log: EventLog, now: Callable[[], datetime]) -> None:
        self._log = log
        self._now = now
        self._version = 0  # as far as we know; a Conflict tells the truth
        self._turn = asyncio.Lock()

    async def record(
        self,
        *,
        person: str,
        name: str,
        action: str,
        subject: str,
        verdict: Verdict,
        reason: str = "",
        source: str,
        request: str,
    ) -> AuditEntry:
        """Add one entry. Raises TemporaryFailure when others write faster, StorageUnavailable when nobody can."""
        entry = AuditEntry(self._now(), person, name, action, subject, verdict, reason, source, request)
        async with self._turn:
            await self._append(entry)
        return entry

    async def _append(self, entry: AuditEntry) -> None:
        event = _event(entry)
        for attempt in range(_ATTEMPTS):
            try:
                await self._log.append(STREAM, [event], expected=self._version, at=entry.at)
            except Conflict as conflict:
                self._version = conflict.actual
                # Whoever lost is behind again at once, unless the others leave it a gap.
                await asyncio.sleep(random.uniform(0, min(0.002 * attempt, _LONGEST_PAUSE)))  # noqa: S311
            else:
                self._version += 1
                return
        raise TemporaryFailure("The audit trail is being written by too many at once.", "Try again.")

    async def recent(self, limit: int = 100) -> list[AuditEntry]:
        """The newest entries, the newest first."""
        events = await self._log.read_all(limit=limit, newest_first=True, stream_prefix=STREAM)
        return [_entry(event) for event in events if event.stream == STREAM]


def _event(entry: AuditEntry) -> NewEvent:
    data = {name: value for name, value in asdict(entry).items() if name != "at"}
    kind = {"allowed": "AccessAllowed", "denied": "AccessDenied", "failed": "DeedFailed"}[entry.verdict]
    return NewEvent(kind, data, actor=entry.person or "unknown", correlation=entry.request, priority="low")


def _entry(event: Event) -> AuditEntry:
    return AuditEntry(at=event.at, **event.data)
