"""Where locks, freezes, marks of versions and slots are kept: their facts in the event log, a card each.

A card holds the whole state, so that a decision reads one row. Each lock or freeze is a stream of its own, numbered
within what it is of; that only one of them is open is what cards promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from engine.deployments.journal import Overtaken
from engine.permits import freezes, locks, versions
from engine.permits.freezes import EVERY, FreezeBegun, FreezeEvent, FreezeState
from engine.permits.locks import LockEvent, LockState, LockTaken
from engine.permits.versions import VersionEvent, VersionMark
from storage.cards import every_card
from storage.errors import Conflict, KeyTaken
from storage.events import CardChange, EventLog, NewEvent

LOCK: Final = "lock"
FREEZE: Final = "freeze"
MARK: Final = "version"
SLOTS: Final = "slots"

StateT = TypeVar("StateT")


def lock_stream(service: str, environment: str, number: int) -> str:
    """The stream of one lock."""
    return f"{LOCK}/{service}/{environment}/{number}"


def freeze_stream(freeze: FreezeState) -> str:
    """The stream of one freeze."""
    return f"{FREEZE}/{_scope(freeze.service, freeze.environment)}/{freeze.number}"


class PermitJournal:
    """Reads and writes what permits stand on. Every method may raise StorageUnavailable.

    Writing raises Overtaken when somebody else wrote first: read again and decide anew; nothing was written then.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log

    # Locks

    async def lock(self, service: str, environment: str) -> LockState | None:
        """The newest lock of a place, whether it holds or not; None when there never was one."""
        return await self._newest(LOCK, f"{service}/{environment}", LockState)

    async def locks(self) -> tuple[LockState, ...]:
        """Every lock that was not ended, the newest first; the time of some may be over."""
        return await self._open(LOCK, LockState)

    async def lock_at(self, stream: str) -> LockState | None:
        """The lock of a stream."""
        return _state(await self._log.card(stream), LockState)

    async def take(self, event: LockTaken, *, at: datetime) -> LockState:
        """Write a new lock."""
        return await self._lock(locks.opened(event, at=at), (event,), 0, at, event.owner)

    async def change_lock(self, lock: LockState, events: Sequence[LockEvent], *, at: datetime, actor: str) -> LockState:
        """Append to a lock as it was read."""
        after = lock
        for event in events:
            after = locks.apply(after, event, at=at)
        return await self._lock(after, events, lock.stream_version, at, actor) if events else lock

    async def _lock(
        self, lock: LockState, events: Sequence[LockEvent], expected: int, at: datetime, actor: str
    ) -> LockState:
        stream = lock_stream(lock.service, lock.environment, lock.number)
        key = f"{lock.service}/{lock.environment}"
        await self._write(stream, LOCK, key, lock, events, expected, at, actor, open_=lock.ended is None)
        return lock

    # Freezes

    async def freeze(self, service: str, environment: str) -> FreezeState | None:
        """The newest freeze of exactly this scope ("" for every one)."""
        return await self._newest(FREEZE, _scope(service, environment), FreezeState)

    async def freezes(self) -> tuple[FreezeState, ...]:
        """Every freeze that was not ended, the newest first; the time of some may be over."""
        return await self._open(FREEZE, FreezeState)

    async def freeze_at(self, stream: str) -> FreezeState | None:
        """The freeze of a stream."""
        return _state(await self._log.card(stream), FreezeState)

    async def begin_freeze(self, event: FreezeBegun, number: int, *, at: datetime) -> FreezeState:
        """Write a new freeze."""
        return await self._freeze(freezes.opened(event, number, at=at), (event,), 0, at, event.person)

    async def change_freeze(
        self, freeze: FreezeState, events: Sequence[FreezeEvent], *, at: datetime, actor: str
    ) -> FreezeState:
        """Append to a freeze as it was read."""
        after = freeze
        for event in events:
            after = freezes.apply(after, event, at=at)
        return await self._freeze(after, events, freeze.stream_version, at, actor)

    async def _freeze(
        self, freeze: FreezeState, events: Sequence[FreezeEvent], expected: int, at: datetime, actor: str
    ) -> FreezeState:
        stream, key = freeze_stream(freeze), _scope(freeze.service, freeze.environment)
        await self._write(stream, FREEZE, key, freeze, events, expected, at, actor, open_=freeze.ended is None)
        return freeze

    # Versions

    async def mark(self, service: str, version: str) -> VersionMark | None:
        """What is said of a version; None when nothing ever was."""
        return _state(await self._log.card(f"{MARK}/{service}/{version}"), VersionMark)

    async def write_mark(self, mark: VersionMark | None, event: VersionEvent, *, at: datetime) -> VersionMark:
        """Say something of a version whose mark was read."""
        after = versions.apply(mark, event, at=at)
        name = f"{event.service}/{event.version}"
        expected = mark.stream_version if mark else 0
        await self._write(f"{MARK}/{name}", MARK, name, after, (event,), expected, at, event.person, open_=after.bad)
        return after

    async def bad_versions(self) -> tuple[VersionMark, ...]:
        """Every version that is marked as bad, the one marked last first."""
        return await self._open(MARK, VersionMark)

    # Slots

    async def slots(self) -> tuple[int, tuple[str, ...]]:
        """The version of the book of slots, and the deployments that were given one and may have ended since."""
        card = await self._log.card(SLOTS)
        return (0, ()) if card is None else (card.data["version"], tuple(card.data["holders"]))

    async def take_slot(self, version: int, holders: Sequence[str], deployment: str, *, at: datetime) -> None:
        """Note that a deployment has a slot; `holders` are those that still have theirs, as decided at `version`."""
        data = {"version": version + 1, "holders": [*holders, deployment]}
        card = CardChange(SLOTS, SLOTS, "in use", True, data)
        event = NewEvent("SlotTaken", {"deployment": deployment}, priority="low")
        await self._append(SLOTS, [event], version, at, card)

    # How it is written

    async def _newest(self, kind: str, key: str, of: type[StateT]) -> StateT | None:
        found = await self._log.cards(kind, key=key, limit=1)
        return _state(found[0], of) if found else None

    async def _open(self, kind: str, of: type[StateT]) -> tuple[StateT, ...]:
        return tuple(msgspec.convert(one.data, of) for one in await every_card(self._log, kind, open=True))

    async def _write(
        self,
        stream: str,
        kind: str,
        key: str,
        state: LockState | FreezeState | VersionMark,
        events: Sequence[LockEvent | FreezeEvent | VersionEvent],
        expected: int,
        at: datetime,
        actor: str,
        *,
        open_: bool,
    ) -> None:
        new = [NewEvent(type(one).__name__, msgspec.to_builtins(one), actor) for one in events]
        card = CardChange(kind, key, "open" if open_ else "ended", open_, msgspec.to_builtins(state))
        await self._append(stream, new, expected, at, card)

    async def _append(
        self, stream: str, events: Sequence[NewEvent], expected: int, at: datetime, card: CardChange
    ) -> None:
        try:
            await self._log.append(stream, events, expected=expected, at=at, card=card)
        except (Conflict, KeyTaken) as other:
            raise Overtaken(other.reason) from other


def _state(card: Any, of: type[StateT]) -> StateT | None:
    return None if card is None else msgspec.convert(card.data, of)


def _scope(service: str, environment: str) -> str:
    return f"{service or EVERY}/{environment or EVERY}"
