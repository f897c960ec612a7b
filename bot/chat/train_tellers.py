"""How a release train stands in chat: one message, in the channel of all deployments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bot.chat.live import Teller, Telling
from bot.chat.tellers import thread_lines
from bot.views.blocks import Mention
from bot.views.train import render_train, train_title
from engine.security.identity import Directory
from engine.trains.journal import KIND, PREFIX, TrainJournal, id_of
from engine.trains.train import TrainState

URGENT: Final = frozenset({TrainState.PLANNED, TrainState.GOING_BACK, TrainState.STUCK})


def train_teller(
    journal: TrainJournal, mention: Mention, directory: Callable[[], Directory], *, channel: str
) -> Teller:
    """Trains, in `channel` (a name without #); their deployments are told in their services' own."""

    async def tell(stream: str) -> Telling:
        train = await journal.load(id_of(stream))
        loud = train.ended or train.state is TrainState.GOING_BACK
        heading = train_title(train) if loud else ""
        return Telling(
            channel=f"#{channel}",
            message=render_train(train, mention=mention),
            lines=thread_lines([step.text for step in train.history], directory(), ended=heading),
            state=train.state.value,
            version=train.stream_version,
            ended=train.ended,
            urgent=train.state in URGENT,
            loud="failing" if train.state is TrainState.GOING_BACK else "",
        )

    return Teller(KIND, PREFIX, tell)
