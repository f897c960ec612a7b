"""This process among the replicas: a lease that says it lives. Losing the lease ends the process.

A replica that was stopped and continued would otherwise act a second time on work that others have taken over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from storage.errors import StorageError
from storage.leases import Lease, Leases

log = logging.getLogger(__name__)

TTL: Final = timedelta(seconds=15)
PREFIX: Final = "executor:"


class Membership:
    """Holds `executor:<id>`; `lost` is called once when it is gone."""

    def __init__(self, leases: Leases, executor: str, *, lost: Callable[[], None]) -> None:
        self._leases = leases
        self._executor = executor
        self._lost = lost
        self._lease: Lease | None = None

    async def join(self, *, alone: bool) -> None:
        """Take the lease. `alone` says that no other process can live, so whatever leases stand are of the dead."""
        if alone:
            for lease in await self._leases.live():
                await self._leases.drop(lease.holder)
        self._lease = await self._leases.acquire(PREFIX + self._executor, self._executor, TTL)

    async def keep(self) -> None:
        """Renew; call it at least every third of the time to live."""
        if self._lease is None:
            return
        try:
            renewed = await self._leases.renew(self._lease, TTL)
        except StorageError as error:
            log.warning("the lease of this process could not be renewed: %s", error)
            return
        if renewed is None:
            self._lease = None
            self._lost()
        else:
            self._lease = renewed

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
