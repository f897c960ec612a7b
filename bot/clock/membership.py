"""This process among the replicas: a lease that says it lives. Losing the lease ends the process.

A replica that was stopped and continued would otherwise act a second time on work that others have taken over. So
it asks before every effect (`check`), by a clock that goes on while it is stopped.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from engine.errors import LeaseLost
from engine.infrastructure.processes import Process, find_process, is_alive
from storage.errors import StorageError
from storage.leases import Lease, Leases

log = logging.getLogger(__name__)

TTL: Final = timedelta(seconds=15)
PREFIX: Final = "executor:"


def since_boot() -> float:
    """Seconds, those in which the process was stopped or the machine slept included; nobody sets this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def own_name() -> str:
    """A name no process ever had: where this one can be seen, its pid, its birth, and chance.

    A pid means something within one pid namespace of one boot only, so both are part of the name.
    """
    born = find_process(os.getpid())
    return "/".join([_namespace(), str(os.getpid()), born.birth if born else "", secrets.token_hex(4)])


def ended_here(name: str) -> bool:
    """Whether `name` is of a process that would be seen from here and is gone. Of others nobody can tell."""
    match name.split("/"):
        case [namespace, pid, birth, _] if pid.isdigit() and namespace == _namespace() and _boot(birth) == _boot_here():
            return not is_alive(Process(int(pid), birth))
    return False


def _boot(birth: str) -> str:
    return birth.partition(":")[0]


def _boot_here() -> str:
    born = find_process(os.getpid())
    return _boot(born.birth) if born else ""


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


class Membership:
    """Holds `executor:<name>`; `lost` is called once when it is gone. `clock` gives seconds."""

    def __init__(
        self, leases: Leases, executor: str, *, lost: Callable[[], None], clock: Callable[[], float] = since_boot
    ) -> None:
        self._leases = leases
        self.name = executor
        self._lost = lost
        self._clock = clock
        self._lease: Lease | None = None
        self._stands_until = 0.0
        self._keeping = asyncio.Lock()

    async def join(self, *, alone: bool) -> None:
        """Take the lease, after ending those of the dead, so that their work need not wait for the time to live.

        `alone` says that no other process can live, so whatever leases stand are of the dead.
        """
        for lease in await self._leases.live():
            if alone or ended_here(lease.holder):
                await self._leases.drop(lease.holder)
        asked_at = self._clock()
        self._lease = await self._leases.acquire(PREFIX + self.name, self.name, TTL)
        self._stands_until = asked_at + TTL.total_seconds()

    async def keep(self) -> None:
        """Renew; call it at least every third of the time to live."""
        async with self._keeping:
            if self._lease is not None:
                await self._renew(self._lease)

    async def check(self) -> None:
        """Call it before every effect. Raises LeaseLost when others may believe this process dead."""
        if self._clock() >= self._stands_until:
            await self.keep()
        if self._clock() >= self._stands_until:
            reason = f"This process could not renew its lease for {TTL.total_seconds():g} s, so it does nothing."
            raise LeaseLost(reason, "Another may have taken over its work; try again in a moment.")

    async def _renew(self, lease: Lease) -> None:
        asked_at = self._clock()  # not the time of the answer: whoever is stopped meanwhile must not believe it
        try:
            self._lease = await self._leases.renew(lease, TTL) or await self._again()
        except StorageError as error:
            log.warning("the lease of this process could not be renewed: %s", error)
            return
        if self._lease is None:
            self._lost()
        else:
            self._stands_until = asked_at + TTL.total_seconds()

    async def _again(self) -> Lease | None:
        """The lease anew, when it only ran out: while no other process lived, nobody can have taken over."""
        if any(lease.name.startswith(PREFIX) for lease in await self._leases.live()):
            return None
        log.warning("the lease of this process ran out while the database was away; no other process lived meanwhile")
        return await self._leases.acquire(PREFIX + self.name, self.name, TTL)

    async def leave(self) -> None:
        """Give the lease back, so that others need not wait for it to expire."""
        if self._lease is not None:
            try:
                await self._leases.release(self._lease)
            except StorageError as error:
                log.warning("the lease of this process stays until it expires: %s", error)

    async def alive(self, executor: str) -> bool:
        """Whether another process's lease stands."""
        return any(lease.name == PREFIX + executor for lease in await self._leases.live())
