"""Drives trains: load, decide, act, record. A turn may be repeated or cut off anywhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from engine.deployments.journal import Overtaken
from engine.flows.advance import advance
from engine.flows.saga import Saga, SagaBegun, SagaEvent
from engine.trains.decide import expired
from engine.trains.deeds import TrainDeeds, Yard
from engine.trains.events import TrainExpired
from engine.trains.fold import saga_of
from engine.trains.journal import TrainJournal, id_of
from engine.trains.train import Train, TrainState

LONGEST = timedelta(minutes=1)

log = logging.getLogger(__name__)


class TrainDrive:
    """Takes turns for trains; holds nothing between them, so any process can take the next one."""

    def __init__(self, journal: TrainJournal, yard: Yard) -> None:
        self._journal = journal
        self._yard = yard

    async def turn(self, subject: str) -> timedelta | None:
        """Bring the train of `subject` as far as it goes now; how long to wait, None when it has ended."""
        train = await self._journal.find(id_of(subject))
        if train is None:
            log.warning("There is no train %s; its loop ends.", id_of(subject))
            return None
        try:
            return await self._advance(train)
        except Overtaken:
            return timedelta(0)  # somebody decided meanwhile: take the turn again on what they wrote

    async def _advance(self, train: Train) -> timedelta | None:
        if train.state is TrainState.PLANNED:
            train = await self._begun(train)
        if train.ended:
            return None
        if train.saga is None:
            return self._until_expiry(train)
        present = train

        async def record(events: Sequence[SagaEvent]) -> Saga:
            nonlocal present
            present = await self._journal.record(present, *events, at=self._yard.now())
            return saga_of(present)

        return await advance(train.saga, TrainDeeds(train, self._yard), record, now=self._yard.now)

    async def _begun(self, train: Train) -> Train:
        """The train on its way, when enough people agreed; cancelled, when nobody did in time."""
        now = self._yard.now()
        if train.approved:
            needs = tuple((str(one.service), tuple(map(str, one.needs))) for one in train.plan.components)
            return await self._journal.record(train, SagaBegun(needs), at=now)
        return await self._journal.record(train, TrainExpired(), at=now) if expired(train, now) else train

    def _until_expiry(self, train: Train) -> timedelta:
        expires = train.plan.expires_at
        return LONGEST if expires is None else min(LONGEST, max(timedelta(0), expires - self._yard.now()))
