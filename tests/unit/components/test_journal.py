"""Deciding and appending are one step, whoever else writes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from engine.catalog import ServiceName
from engine.components import changes
from engine.components.journal import ComponentJournal, all_cards
from engine.components.lifecycle import ComponentState, Moved
from engine.errors import IllegalMove, NotNow, TemporaryFailure
from storage.cards import PAGE
from storage.events import CardChange, Event, NewEvent
from storage.follow import Bell
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryLog
from tests.unit.components.house import PLACE, V1, V2


class RacedLog(MemoryLog):
    """Somebody else appends `rivals` first, one before each append of ours."""

    def __init__(self) -> None:
        super().__init__(Bell())
        self.rivals: list[list[NewEvent]] = []

    async def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected: int,
        at: datetime,
        card: CardChange | None = None,
    ) -> list[Event]:
        if self.rivals:
            await super().append(stream, self.rivals.pop(0), expected=expected, at=at)
        return await super().append(stream, events, expected=expected, at=at, card=card)


async def begin(journal: ComponentJournal, clock: VirtualClock, deployment: str) -> None:
    await journal.record(PLACE, lambda one: changes.begun(one, PLACE, V2, deployment), at=clock())


async def test_the_loser_of_a_race_decides_anew(clock: VirtualClock) -> None:
    log = RacedLog()
    journal = ComponentJournal(log)
    await journal.record(PLACE, partial(changes.registered, place=PLACE), at=clock())
    log.rivals = [changes.begun(await journal.load("shop", "production"), PLACE, V1, "d1")]
    with pytest.raises(NotNow, match="d1"):
        await begin(journal, clock, "d2")


async def test_a_race_lost_to_oneself_is_no_second_deed(clock: VirtualClock) -> None:
    log = RacedLog()
    journal = ComponentJournal(log)
    log.rivals = [changes.begun(None, PLACE, V2, "d1")]
    await begin(journal, clock, "d1")
    assert len(await log.read("component-shop-production")) == 3


async def test_a_race_lost_again_and_again_may_be_tried_later(clock: VirtualClock) -> None:
    log = RacedLog()
    journal = ComponentJournal(log)
    await journal.record(PLACE, partial(changes.registered, place=PLACE), at=clock())
    log.rivals = [[NewEvent("SomethingElse", {})] for _ in range(20)]
    with pytest.raises(TemporaryFailure):
        await begin(journal, clock, "d1")


async def test_what_does_not_fit_is_never_written(clock: VirtualClock) -> None:
    log = RacedLog()
    journal = ComponentJournal(log)
    await journal.record(PLACE, partial(changes.registered, place=PLACE), at=clock())
    with pytest.raises(IllegalMove):
        await journal.record(PLACE, lambda _: [NewEvent(Moved.STOPPED, {})], at=clock())
    assert len(await log.read("component-shop-production")) == 1


async def test_the_card_tells_lists_what_they_need(clock: VirtualClock) -> None:
    log = RacedLog()
    journal = ComponentJournal(log)
    await begin(journal, clock, "d1")
    [card] = await log.cards("component")
    assert (card.key, card.state, card.open) == ("shop/production", "deploying", True)
    assert (card.data["target"], card.data["deployment"], card.data["health"]) == ("v2", "d1", "0 of 2 healthy")


async def test_another_process_reads_the_same(clock: VirtualClock) -> None:
    log = RacedLog()
    first, second = ComponentJournal(log), ComponentJournal(log)
    await begin(first, clock, "d1")
    assert await second.load("shop", "production") == await first.load("shop", "production")
    await first.record(PLACE, lambda one: changes.finished(one, V2, "d1") if one else [], at=clock())
    found = await second.load("shop", "production")
    assert found is not None
    assert found.state is ComponentState.RUNNING


async def test_all_are_found_however_many_there_are(clock: VirtualClock) -> None:
    log = MemoryLog(Bell())
    journal = ComponentJournal(log)
    names = [f"shop-{nth:04}" for nth in range(PAGE + 1)]
    for name in names:
        place = replace(PLACE, service=ServiceName(name))
        await log.append(
            f"component-{name}-production",
            changes.registered(None, place=place),
            expected=0,
            at=clock(),
            card=CardChange(
                "component",
                f"{name}/production",
                "registered",
                open=True,
                data={"service": name, "environment": "production"},
            ),
        )
    assert [one.service for one in await journal.all()] == names
    assert len(await all_cards(log)) == PAGE + 1
