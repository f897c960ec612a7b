"""Where trains are kept: their facts in the event log, and a card each. One may be open in each environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from engine.commands import TrainId
from engine.deployments.journal import SYSTEM, Overtaken
from engine.errors import NotFound
from engine.trains import fold
from engine.trains.events import TrainEvent, TrainPlanned, event_data, parse_event
from engine.trains.train import Train
from storage.cards import every_card
from storage.errors import Conflict, KeyTaken
from storage.events import CardChange, EventLog, NewEvent

KIND: Final = "train"
PREFIX: Final = "train/"


class TrackTaken(Exception):
    """Another train (`holder`) is under way in the same environment. Nothing was written."""

    def __init__(self, holder: TrainId) -> None:
        super().__init__(f"Train {holder} is under way there.")
        self.holder = holder


def subject_of(id: TrainId) -> str:  # noqa: A002
    """The stream of a train, which is also the subject of its durable loop."""
    return f"{PREFIX}{id}"


def id_of(subject: str) -> TrainId:
    """The train a subject or stream belongs to."""
    return TrainId(subject.removeprefix(PREFIX))


class TrainJournal:
    """Reads and writes trains. Every method may raise StorageUnavailable."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def find(self, id: TrainId) -> Train | None:  # noqa: A002
        """The train, or None when there is none of that id."""
        train: Train | None = None
        for stored in await self._log.read(subject_of(id)):
            event = parse_event(stored.type, stored.data)
            if isinstance(event, TrainPlanned) and train is None:
                train = fold.begin(id, event, at=stored.at)
            elif event is not None and train is not None:
                train = fold.apply(train, event, at=stored.at)
            if train is not None:
                train = replace(train, stream_version=stored.version)
        return train

    async def load(self, id: TrainId) -> Train:  # noqa: A002
        """The train. Raises NotFound."""
        found = await self.find(id)
        if found is None:
            raise NotFound(f"There is no train {id[:40]!r}.", "Its message in the channel says its id.", field="train")
        return found

    async def begin(self, id: TrainId, planned: TrainPlanned, *, at: datetime, correlation: str = "") -> Train:  # noqa: A002
        """Write a new train. Raises TrackTaken, and Overtaken when the id exists."""
        train = fold.begin(id, planned, at=at)
        return await self._append(train, (planned,), 0, at, planned.requested_by, correlation)

    async def record(self, train: Train, *events: TrainEvent, at: datetime, actor: str = SYSTEM) -> Train:
        """Append facts to the train as it was loaded and give it as it is now.

        Raises Overtaken when somebody else wrote first, TrackTaken when another is under way meanwhile, IllegalMove
        when a fact does not fit; then nothing is written.
        """
        if not events:
            return train
        after = train
        for event in events:
            after = fold.apply(after, event, at=at)
        return await self._append(after, events, train.stream_version, at, actor, "")

    async def open(self) -> tuple[TrainId, ...]:
        """Every train that has not ended."""
        return tuple(id_of(card.stream) for card in await every_card(self._log, KIND, open=True))

    async def recent(self, *, limit: int = 20) -> tuple[Train, ...]:
        """The trains, the newest first."""
        return tuple([await self.load(id_of(card.stream)) for card in await self._log.cards(KIND, limit=limit)])

    async def _append(
        self, train: Train, events: Sequence[TrainEvent], expected: int, at: datetime, actor: str, correlation: str
    ) -> Train:
        new = [NewEvent(type(one).__name__, event_data(one), actor, correlation) for one in events]
        card = CardChange(KIND, train.plan.environment, train.state, not train.ended, {})
        try:
            await self._log.append(subject_of(train.id), new, expected=expected, at=at, card=card)
        except Conflict as conflict:
            raise Overtaken(conflict.reason) from conflict
        except KeyTaken as taken:
            raise TrackTaken(id_of(taken.stream)) from taken
        return train
