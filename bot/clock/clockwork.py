"""What happens by the clock: health checks, rules, the Home tab. One replica holds the lease to act."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from storage.errors import StorageError
from storage.leases import Lease, Leases

log = logging.getLogger(__name__)

TTL: Final = timedelta(seconds=9)
LOOK: Final = timedelta(seconds=1)
NAME: Final = "clockwork"


@dataclass(frozen=True, slots=True)
class Job:
    """Something done every `every`. `shared` jobs run on the replica that holds the lease only."""

    name: str
    every: timedelta
    run: Callable[[datetime], Awaitable[None]]
    shared: bool = True


class Clockwork:
    """Runs jobs. A late one runs once, not as often as it was missed; one that fails is logged and goes on.

    `taken` is awaited when this replica has got the lease, before any shared job runs; `lost` when it has it no more.
    """

    def __init__(
        self,
        leases: Leases,
        holder: str,
        *,
        now: Callable[[], datetime],
        taken: Callable[[], Awaitable[None]],
        lost: Callable[[], Awaitable[None]],
    ) -> None:
        self._leases = leases
        self._holder = holder
        self._now = now
        self._taken = taken
        self._lost = lost
        self._lease: Lease | None = None
        self._minding: asyncio.Task[None] | None = None
        self._ready = False
        self._stopping = False
        self._kept_at = now()
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    @property
    def acting(self) -> bool:
        """Whether this replica does what one replica does."""
        # A process that was stopped and continued wakes up here, with a lease that has run out meanwhile.
        return self._ready and timedelta(0) <= self._now() - self._kept_at < TTL

    async def start(self, jobs: Sequence[Job]) -> None:
        """Take the lease if it is free, then begin."""
        await self._keep(self._now())
        self._add(Job("lease", TTL / 3, self._keep, shared=False))
        for job in jobs:
            self._add(job)
        self._scheduler.start()
        self._minding = asyncio.create_task(self._mind_the_clock(), name="mind the clock")

    async def stop(self) -> None:
        """End all timers and give the lease back."""
        self._stopping = True
        if self._minding is not None:
            self._minding.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._lease is not None:
            try:
                await self._leases.release(self._lease)
            except StorageError as error:
                log.warning("the lease stays until it expires: %s", error)

    async def _mind_the_clock(self) -> None:
        """The scheduler waits for times of the wall clock; one that is set back would make it wait as long."""
        before = self._now()
        while True:
            await asyncio.sleep(LOOK.total_seconds())
            now = self._now()
            if now < before - LOOK:
                log.warning("the clock was set back by %s; everything runs again at once", before - now)
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=now)
            before = now

    def _add(self, job: Job) -> None:
        self._scheduler.add_job(
            self._fire,
            "interval",
            args=(job,),
            seconds=job.every.total_seconds(),
            id=job.name,
            name=job.name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    async def _fire(self, job: Job) -> None:
        if job.shared and not self.acting:
            return
        try:
            await job.run(self._now())
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            # What is broken off at the end is no failure, and the scheduler would log it as one.
            log.debug("%s was broken off", job.name)
        except Exception:
            log.exception("%s failed and is tried again at its next time", job.name)

    async def _keep(self, _: datetime) -> None:
        was_ready = self._ready
        await self._renew()
        if was_ready and not self._ready:
            await self._lost()

    async def _renew(self) -> None:
        try:
            lease, asked_at = self._lease, self._now()
            self._lease = await (
                self._leases.renew(lease, TTL) if lease else self._leases.acquire(NAME, self._holder, TTL)
            )
            # Not before the answer: whoever was stopped meanwhile must not act while it asks.
            self._kept_at = asked_at
            # Whoever has just got the lease acts only once the work of the one before is taken up.
            self._ready = self._ready and lease is not None and self._lease is not None
            if self._lease is not None and not self._ready:
                await self._taken()
                self._ready = True
        except StorageError as error:
            # Without the database nobody knows who holds the lease, so nobody acts on it.
            self._ready, self._lease = False, None
            log.warning("the clock stands still: %s", error)
