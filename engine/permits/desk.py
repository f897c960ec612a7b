"""Where people's wishes for locks, freezes and marks of versions are checked and written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeVar

from engine.catalog import Catalog, ServiceName
from engine.commands import AwaitUnlock, Freeze, Lock, MarkVersion, Unfreeze, Unlock
from engine.deployments.deployment import PersonId, State
from engine.deployments.journal import DeploymentJournal, Overtaken, Summary, subject_of
from engine.deployments.plan import parse_version
from engine.durable import Durable
from engine.errors import Invalid, NotNow
from engine.permits.freezes import FreezeBegun, FreezeEnded, FreezeState, scope_of
from engine.permits.journal import PermitJournal
from engine.permits.locks import (
    SYSTEM,
    LockEnded,
    LockEvent,
    LockState,
    LockTaken,
    await_events,
    lock_events,
    unlock_events,
)
from engine.permits.versions import VersionCleared, VersionMark, VersionMarkedBad

ATTEMPTS: Final = 8
LONGEST: Final = timedelta(days=366)
T = TypeVar("T")


class PermitDesk:
    """One handler for each command. Each raises Refused before anything is written, or gives what is there now."""

    def __init__(
        self,
        journal: PermitJournal,
        deployments: DeploymentJournal,
        catalog: Callable[[], Catalog],
        durable: Durable,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._journal = journal
        self._deployments = deployments
        self._catalog = catalog
        self._durable = durable
        self._now = now

    async def lock(self, command: Lock, person: PersonId) -> LockState:
        """Lock a place, or give one's own lock another end. Raises NotNow when somebody else has it."""
        place = self._catalog().placement(command.service, command.environment)

        async def work() -> LockState:
            now, last = self._now(), await self._journal.lock(place.service, place.environment)
            number, until = (last.number + 1 if last else 1), _until(command.lasts, now)
            asked = LockTaken(place.service, place.environment, number, person, command.reason, until)
            held, events = lock_events(last, asked, now=now)
            if held is not None:
                return await self._journal.change_lock(held, events, at=now, actor=person)
            await self._end_expired(last, now)
            return await self._journal.take(asked, at=now)

        return await _tried(work)

    async def unlock(self, command: Unlock, person: PersonId, *, admin: bool) -> LockState:
        """Give a lock back; `admin` says whether this person may break that of another. Raises Denied, NotNow."""
        where = f"{command.service} in {command.environment}"

        def decide(lock: LockState | None, now: datetime) -> tuple[LockEvent, ...]:
            return unlock_events(lock, person, command.reason, place=where, admin=admin, now=now)

        lock = await self._changed(command, person, decide)
        await self._wake_at(lock)
        return lock

    async def wait(self, command: AwaitUnlock, person: PersonId) -> LockState:
        """Put this person in the queue of those who are told when the lock is gone."""
        where = f"{command.service} in {command.environment}"

        def decide(lock: LockState | None, now: datetime) -> tuple[LockEvent, ...]:
            return await_events(lock, person, place=where, now=now)

        return await self._changed(command, person, decide)

    async def freeze(self, command: Freeze, person: PersonId) -> FreezeState:
        """Freeze a service, an environment, or one in the other. Raises NotNow when exactly that is frozen."""
        self._check_scope(command.service, command.environment)

        async def work() -> FreezeState:
            now, last = self._now(), await self._journal.freeze(command.service, command.environment)
            if last is not None and last.holds(now):
                raise NotNow(f"{last.scope} is frozen by {last.person} already.", "`/ops freezes` shows until when.")
            if last is not None and last.ended is None:
                expired = (FreezeEnded("expired", SYSTEM),)
                await self._journal.change_freeze(last, expired, at=now, actor=SYSTEM)
            until = _until(command.lasts, now)
            begun = FreezeBegun(command.service, command.environment, person, command.reason, until)
            return await self._journal.begin_freeze(begun, last.number + 1 if last else 1, at=now)

        return await _tried(work)

    async def unfreeze(self, command: Unfreeze, person: PersonId) -> FreezeState:
        """End a freeze that was made by a command. Raises NotNow when there is none of exactly this scope."""

        async def work() -> FreezeState:
            now, last = self._now(), await self._journal.freeze(command.service, command.environment)
            if last is None or not last.holds(now):
                scope = scope_of(command.service, command.environment)
                raise NotNow(f"Nobody froze {scope}.", "`/ops freezes` shows what is frozen, and by what.")
            ended = (FreezeEnded("unfrozen", person),)
            return await self._journal.change_freeze(last, ended, at=now, actor=person)

        freeze = await _tried(work)
        await self._wake(lambda one: freeze.reaches(one.service, one.environment))
        return freeze

    async def mark(self, command: MarkVersion, person: PersonId) -> VersionMark:
        """Say that a version is bad, or good after all. Raises NotNow when that was said already."""
        self._catalog().service(command.service)
        service, version = ServiceName(command.service), parse_version(command.version)

        async def work() -> VersionMark:
            known = await self._journal.mark(service, version)
            if not command.bad and (known is None or not known.bad):
                raise NotNow(f"{version} of {service} is not marked as bad.", "Nothing to do.")
            kind = VersionMarkedBad if command.bad else VersionCleared
            return await self._journal.write_mark(known, kind(service, version, person, command.reason), at=self._now())

        return await _tried(work)

    async def tidy(self, now: datetime) -> None:
        """End what has run out, so that whoever waits is told. What holds nobody up needs no hurry."""
        for lock in await self._journal.locks():
            if not lock.holds(now):
                await _unless_overtaken(self._end_expired(lock, now))
                await self._wake_at(lock)
        for freeze in await self._journal.freezes():
            if not freeze.holds(now):
                ended = (FreezeEnded("expired", SYSTEM),)
                await _unless_overtaken(self._journal.change_freeze(freeze, ended, at=now, actor=SYSTEM))

    async def _changed(
        self,
        command: Unlock | AwaitUnlock,
        person: PersonId,
        decide: Callable[[LockState | None, datetime], Sequence[LockEvent]],
    ) -> LockState:
        place = self._catalog().placement(command.service, command.environment)

        async def work() -> LockState:
            now, lock = self._now(), await self._journal.lock(place.service, place.environment)
            events = decide(lock, now)
            if lock is None:
                raise NotNow(f"{command.service} in {command.environment} is not locked.", "Nothing to do.")
            return await self._journal.change_lock(lock, events, at=now, actor=person)

        return await _tried(work)

    async def _end_expired(self, lock: LockState | None, now: datetime) -> None:
        if lock is not None and lock.ended is None:
            await self._journal.change_lock(lock, (LockEnded("expired", SYSTEM),), at=now, actor=SYSTEM)

    async def _wake_at(self, lock: LockState) -> None:
        await self._wake(lambda one: (one.service, one.environment) == (lock.service, lock.environment))

    async def _wake(self, concerns: Callable[[Summary], bool]) -> None:
        """Let those that were held look again at once."""
        for one in await self._deployments.in_flight():
            if one.state is State.PLANNED and concerns(one):
                await self._durable.wake(subject_of(one.id))

    def _check_scope(self, service: str, environment: str) -> None:
        catalog = self._catalog()
        if service and environment:
            catalog.placement(service, environment)
        elif service:
            catalog.service(service)
        elif environment:
            catalog.environment(environment)
        else:
            raise Invalid("Say what to freeze.", "A service, an environment, or both.", field="environment")


def _until(lasts: timedelta | None, now: datetime) -> datetime | None:
    if lasts is None:
        return None
    if not timedelta(0) < lasts <= LONGEST:
        raise Invalid("That is no time to lock or freeze for.", "Give one such as 30m or 2h, at most a year.")
    return now + lasts


async def _unless_overtaken(work: Awaitable[object]) -> None:
    """Do it, unless somebody decided meanwhile; then the next look shows what is left to do."""
    with suppress(Overtaken):
        await work


async def _tried(work: Callable[[], Awaitable[T]]) -> T:
    """Read, decide and write; again when somebody else wrote in between."""
    for _ in range(ATTEMPTS):
        try:
            return await work()
        except Overtaken:
            continue
    raise NotNow("Others are changing the same at this moment.", "Try again.")
