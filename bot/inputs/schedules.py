"""Deployments by the clock: each slot of each schedule once over all replicas, and the missed ones told.

The replica that holds the lease looks every second. How far a schedule has come is written down after its slot was
done. The slot also names the request, so that a crash in between makes it be asked again and nothing be done twice.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.settings.triggers import DeploySchedule
from engine.commands import Actor, Deploy, Request, Response
from engine.errors import EngineError, TemporaryFailure
from storage.records import Records

log = logging.getLogger(__name__)

COLLECTION: Final = "deploy-schedules"
LATEST: Final = "latest"
AGAIN: Final = timedelta(seconds=10)
NEVER: Final = timedelta(days=1)
_MOST_SLOTS: Final = 1000  # that are counted after a long absence

Tell = Callable[[str, str], Awaitable[None]]
Versions = Callable[[str, str], Awaitable[Sequence[str]]]
"""The versions of a service in an environment, the newest last."""
Runs = Callable[[str, str], Awaitable[str | None]]
"""Which version of a service is the stable one in an environment."""


class Door(Protocol):
    """The orchestrator, as this room needs it."""

    async def handle(self, request: Request) -> Response: ...


@dataclass(frozen=True, slots=True)
class Slots:
    """What came due since a schedule was looked at last: the newest slot, and how many before it were missed."""

    newest: datetime
    missed: int


def due(schedule: DeploySchedule, *, since: datetime, now: datetime) -> Slots | None:
    """The slots later than `since` and not later than `now`. Pure."""
    found: list[datetime] = []
    slot = schedule.cron.next_after(since)
    while slot is not None and slot <= now and len(found) < _MOST_SLOTS:
        found.append(slot)
        slot = schedule.cron.next_after(slot)
    return Slots(found[-1], len(found) - 1) if found else None


class DeployByClock:
    """Call `tick` every second on one replica."""

    def __init__(
        self,
        schedules: Sequence[DeploySchedule],
        records: Records,
        door: Door,
        versions: Versions,
        runs: Runs,
        tell: Tell,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._schedules = schedules
        self._records = records
        self._door = door
        self._versions = versions
        self._runs = runs
        self._tell = tell
        self._now = now
        self._not_before: dict[str, datetime] = {}

    async def tick(self, _: datetime) -> None:
        """Do what has come due. May raise StorageUnavailable, and is then called again."""
        for schedule in self._schedules:
            if self._not_before.get(schedule.name, self._now()) <= self._now():
                await self._look_at(schedule)

    async def _look_at(self, schedule: DeploySchedule) -> None:
        now = self._now()
        kept = await self._records.get(COLLECTION, schedule.name)
        if kept is None:
            # Nothing was missed before there was a schedule.
            await self._note(schedule, now)
            return
        since = datetime.fromisoformat(kept["done"])
        slots = due(schedule, since=since, now=now)
        if slots is None:
            # Another replica can only have come further, so that nothing is due before.
            self._not_before[schedule.name] = schedule.cron.next_after(since) or now + NEVER
            return
        late = now - slots.newest > schedule.grace
        if slots.missed or late:
            await self._tell_missed(schedule, slots, late=late)
        if late or await self._done(schedule, slots.newest):
            await self._note(schedule, slots.newest)
        elif slots.missed:
            await self._note(schedule, slots.newest - timedelta(microseconds=1))

    async def _done(self, schedule: DeploySchedule, slot: datetime) -> bool:
        """Ask for the slot's deployment; False when it has to be asked again."""
        try:
            version = await self._version(schedule)
        except EngineError as failure:
            return await self._failed(schedule, failure.reason, failure.remedy, passing=_is_passing(failure))
        if await self._runs(schedule.service, schedule.environment) == version:
            log.info("%s has nothing to do: %s runs already", schedule.name, version)
            return True
        command = Deploy(schedule.service, version, schedule.environment)
        id = f"schedule:{schedule.name}:{slot.isoformat()}"  # noqa: A001
        response = await self._door.handle(Request(id, self._now(), "schedule", Actor("system", "schedule"), command))
        if response.ok:
            return True
        passing = response.kind == TemporaryFailure.__name__
        return await self._failed(schedule, response.error, response.remedy, passing=passing)

    async def _version(self, schedule: DeploySchedule) -> str:
        if schedule.version != LATEST:
            return schedule.version
        versions = await self._versions(schedule.service, schedule.environment)
        if not versions:
            raise EngineError(f"There is no version of {schedule.service} yet.", "Build one first.")
        return versions[-1]

    async def _failed(self, schedule: DeploySchedule, reason: str, remedy: str, *, passing: bool) -> bool:
        if passing:
            log.warning("%s is tried again: %s", schedule.name, reason)
            self._not_before[schedule.name] = self._now() + AGAIN
            return False
        await self._tell(f"The schedule {schedule.name} could not deploy: {reason}", remedy)
        return True

    async def _tell_missed(self, schedule: DeploySchedule, slots: Slots, *, late: bool) -> None:
        count = slots.missed + late
        times = "1 time" if count == 1 else f"{count} times"
        until = f", the last one due at {slots.newest:%Y-%m-%d %H:%M} UTC" if late else ""
        aim = f"{schedule.service} {schedule.version} to {schedule.environment}"
        await self._tell(
            f"The schedule {schedule.name} ({aim}) was missed {times}{until}.",
            f"It comes again at its next time; or: `/ops deploy {aim}`.",
        )

    async def _note(self, schedule: DeploySchedule, at: datetime) -> None:
        await self._records.put(COLLECTION, schedule.name, {"done": at.isoformat()}, at=self._now())


def _is_passing(failure: EngineError) -> bool:
    return isinstance(failure, TemporaryFailure)
