"""What may be asked about locks, freezes, known-bad versions and releases, by whom, and who does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from bot.readings.permits import PermitReadings
from bot.words.permits import ShowDiff, ShowFreezes, ShowHistory, ShowLocks
from engine.catalog import Catalog, EnvironmentName
from engine.commands import AwaitUnlock, Freeze, Lock, MarkVersion, Request, Unfreeze, Unlock
from engine.deployments.releases import Releases
from engine.orchestrator import Data, Route
from engine.permits.desk import PermitDesk
from engine.permits.freezes import FreezeState
from engine.permits.journal import PermitJournal
from engine.permits.locks import LockState
from engine.security.identity import Directory, Person
from engine.security.permissions import Permission, allowed, holders, in_words

Handle = Callable[[Request, Person], Awaitable[Data]]


@dataclass(frozen=True, slots=True)
class PermitRooms:
    """Whom the handlers call."""

    catalog: Callable[[], Catalog]
    directory: Callable[[], Directory]
    desk: PermitDesk
    journal: PermitJournal
    releases: Releases
    now: Callable[[], datetime]


def permit_routes(rooms: PermitRooms) -> dict[type, Route]:
    """Every command about permits with its permission, where it acts, and its handler."""
    handlers = _Handlers(rooms)

    def deed(name: str, permission: Permission, environment: Any, handle: Handle) -> Route:
        return Route(name, permission, environment, handle, audited=True)

    def query(name: str, handle: Handle, environment: Any = lambda _: None) -> Route:
        return Route(name, Permission.VIEW, environment, handle, audited=False)

    def there(command: Any) -> str:
        return str(command.environment)

    def reached(command: Any) -> str | None:
        """Where a freeze acts; one of every environment takes a role in every one."""
        return command.environment or None

    return {
        Lock: deed("lock", Permission.LOCK, there, handlers.lock),
        Unlock: deed("unlock", Permission.LOCK, there, handlers.unlock),
        AwaitUnlock: deed("wait", Permission.VIEW, there, handlers.wait),
        Freeze: deed("freeze", Permission.FREEZE, reached, handlers.freeze),
        Unfreeze: deed("unfreeze", Permission.FREEZE, reached, handlers.unfreeze),
        MarkVersion: deed("mark", Permission.LOCK, lambda _: None, handlers.mark),
        ShowLocks: query("locks", handlers.locks),
        ShowFreezes: query("freezes", handlers.freezes),
        ShowHistory: query("history", handlers.history, there),
        ShowDiff: query("diff", handlers.diff, there),
    }


class _Handlers:
    """One method for each command."""

    def __init__(self, rooms: PermitRooms) -> None:
        self._rooms = rooms
        self._readings = PermitReadings(rooms.catalog, rooms.journal, rooms.releases, rooms.now)

    async def lock(self, request: Request, person: Person) -> Data:
        """Lock a place."""
        command: Any = request.command
        return self._lock_data(await self._rooms.desk.lock(command, person.id))

    async def unlock(self, request: Request, person: Person) -> Data:
        """Give a lock back, or break one."""
        command: Any = request.command
        admin = allowed(person, Permission.ADMIN, command.environment)
        return self._lock_data(await self._rooms.desk.unlock(command, person.id, admin=admin))

    async def wait(self, request: Request, person: Person) -> Data:
        """Queue for a lock."""
        command: Any = request.command
        return self._lock_data(await self._rooms.desk.wait(command, person.id))

    async def freeze(self, request: Request, person: Person) -> Data:
        """Freeze a scope."""
        command: Any = request.command
        return self._freeze_data(await self._rooms.desk.freeze(command, person.id))

    async def unfreeze(self, request: Request, person: Person) -> Data:
        """End a freeze."""
        command: Any = request.command
        return self._freeze_data(await self._rooms.desk.unfreeze(command, person.id))

    async def mark(self, request: Request, person: Person) -> Data:
        """Say that a version is bad, or good after all."""
        command: Any = request.command
        mark = await self._rooms.desk.mark(command, person.id)
        return {"service": str(mark.service), "version": str(mark.version), "bad": mark.bad}

    async def locks(self, _: Request, __: Person) -> Data:
        """What is locked now."""
        return {"locks": await self._readings.locks()}

    async def freezes(self, _: Request, __: Person) -> Data:
        """What is frozen now, the windows of the settings, and what versions are known to be bad."""
        found = await self._readings.frozen()
        return {"freezes": found.freezes, "windows": found.windows, "bad": found.bad}

    async def history(self, request: Request, _: Person) -> Data:
        """The releases of a place."""
        command: Any = request.command
        found = await self._readings.history(command.service, command.environment)
        return {"releases": found, "service": command.service, "environment": command.environment}

    async def diff(self, request: Request, _: Person) -> Data:
        """What differs between what runs and the settings, or another release."""
        command: Any = request.command
        found = await self._readings.compared(command.service, command.environment, command.to)
        return {
            "service": str(found.place.service),
            "environment": str(found.place.environment),
            "present": found.present,
            "other": found.other,
            "differences": found.differences,
        }

    def _lock_data(self, lock: LockState) -> Data:
        """What the answer is drawn from, as it is remembered for those who ask again."""
        channel = self._rooms.catalog().service(lock.service).channel
        return {"lock": msgspec.to_builtins(lock), "channel": channel}

    def _freeze_data(self, freeze: FreezeState) -> Data:
        return {"freeze": msgspec.to_builtins(freeze)}


def who_may_approve(directory: Directory, catalog: Catalog, environment: EnvironmentName, *, but: Person) -> str:
    """Whom to ask for an approval one may not give oneself; members of the environment's group where it has one."""
    place = catalog.environments.get(environment)
    group = place.group if place else None
    others = [one for one in directory.people if one.id != but.id and (group is None or one.id in group.people)]
    names = holders(others, Permission.APPROVE, environment)
    return f"Ask {in_words(names)}." if names else "Nobody else may approve there yet; the settings file says who may."
