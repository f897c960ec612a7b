"""Follows the deployments that CI systems asked for, and lets each hear how it stands.

What is told comes from the deployment's state and never from the event, as in chat: after a crash, or on another
replica, every open subject is looked at again, and what was told already is written with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.inputs.webhooks.wish import Wish
from bot.results.lane import Lane
from bot.results.status import Status, settled_status, status_of
from bot.results.told import COLLECTION, Subject, data_of, subject_of
from engine.deployments.deployment import Deployment, DeploymentId
from engine.deployments.journal import PREFIX, id_of
from engine.errors import NotFound
from storage.errors import StorageError
from storage.events import EventLog
from storage.records import Records

log = logging.getLogger(__name__)

PAUSE: Final = timedelta(seconds=1)


class Deployments(Protocol):
    """The journal, as this room needs it."""

    async def load(self, id: DeploymentId) -> Deployment: ...  # noqa: A002


class Results:
    """`lanes` are by trigger; a trigger without one tells nobody. `link` is the address of a deployment's page."""

    def __init__(
        self,
        records: Records,
        events: EventLog,
        deployments: Deployments,
        lanes: Mapping[str, Lane],
        link: Callable[[str], str],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._events = events
        self._deployments = deployments
        self._lanes = lanes
        self._link = link
        self._now = now

    async def begun(self, wish: Wish, deployment: str) -> None:
        """See the inbox: the wish became this deployment."""
        if (subject := await self._open(wish, deployment)) is not None:
            await self._look_at(subject)

    async def settled(self, wish: Wish, reason: str, *, well: bool) -> None:
        """See the inbox: no deployment came of the wish."""
        # Nothing else knows it after a crash, so it is written down with the subject.
        await self._open(wish, "", settled_status(reason, well=well, link=self._link("")))

    async def run(self) -> None:
        """Tell what is missing, then what happens, until cancelled; outlives an outage of the database."""
        while True:
            try:
                await self._run()
            except* StorageError as errors:
                log.warning("results wait: %s", errors.exceptions[0])
            await asyncio.sleep(PAUSE.total_seconds())

    async def _run(self) -> None:
        position = await self._events.last_position()
        await self._take_up()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(position), name="results of deployments")
            for name, lane in self._lanes.items():
                tasks.create_task(lane.run(), name=f"results of {name}")

    async def _open(self, wish: Wish, deployment: str, wanted: Status | None = None) -> Subject | None:
        lane = self._lanes.get(wish.trigger)
        if lane is None:
            return None
        kept = await self._records.get(COLLECTION, wish.request)
        subject = subject_of(kept) if kept else Subject(wish.request, wish.trigger, wish.origin, deployment, wanted)
        if kept is None:
            await self._records.put(COLLECTION, subject.request, data_of(subject), at=self._now())
        lane.add(subject)
        return subject

    async def _take_up(self) -> None:
        for lane in self._lanes.values():
            lane.empty()
        for kept in (await self._records.all(COLLECTION)).values():
            subject = subject_of(kept)
            if subject.trigger in self._lanes:
                self._lanes[subject.trigger].add(subject)
                await self._look_at(subject)

    async def _follow(self, position: int) -> None:
        async for event in self._events.follow(after=position):
            if event.stream.startswith(PREFIX):
                deployment = id_of(event.stream)
                for lane in self._lanes.values():
                    for subject in lane.find(deployment):
                        await self._look_at(subject)

    async def _look_at(self, subject: Subject) -> None:
        if subject.deployment:
            status = await self._status(subject.deployment)
            self._lanes[subject.trigger].want(subject.request, status)

    async def _status(self, deployment: str) -> Status:
        try:
            found = await self._deployments.load(DeploymentId(deployment))
        except NotFound as missing:
            return settled_status(missing.reason, well=False, link=self._link(""))
        return status_of(found, link=self._link(deployment))
