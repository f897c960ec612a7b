"""Whatever chat and the process do: each subject has one message with its last state, and each line stands once.

A history of events, troubles of the platform and crashes is played in virtual time. A crash drops every object of ours;
the database and the chat stay.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat.ledger import Ledger
from bot.chat.live import Live, Teller, Telling
from bot.chat.outbox import Outbox
from bot.views.blocks import Message
from storage.events import CardChange, NewEvent
from tests.fakes.chat import FakePlatform
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.virtual_time import run

Now = Callable[[], datetime]
STREAMS = ("thing-1", "thing-2")
CARD = CardChange("thing", "k", "open", False, {})


@dataclass(frozen=True, slots=True)
class Happen:
    stream: str


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Crash:
    pass


@dataclass(frozen=True, slots=True)
class Trouble:
    method: str
    kind: Any
    times: int


ACTS = (
    st.builds(Happen, st.sampled_from(STREAMS))
    | st.builds(Wait, st.sampled_from([0.01, 0.06, 0.11, 0.16, 0.3, 1.0, 3.1, 7.0]))
    | st.builds(Crash)
    | st.builds(
        Trouble,
        st.sampled_from(["post", "update", "find", "channel", "*"]),
        st.sampled_from(["ratelimited", "error", "hang", "drop", "drop_after"]),
        st.integers(1, 3),
    )
)


class Process:
    """One life of the product's speaking half."""

    def __init__(self, database: MemoryDatabase, platform: FakePlatform, now: Now) -> None:
        ledger = Ledger(database.records, platform, now=now)
        self.outbox = Outbox(platform, ledger, now=now)
        teller = Teller("thing", "thing-", lambda stream: tell(database, stream))
        self.live = Live(database.log, database.records, self.outbox, ledger, [teller], now=now)
        self.following = asyncio.create_task(self.live.follow())

    async def die(self) -> None:
        self.following.cancel()
        with suppress(asyncio.CancelledError):
            await self.following
        await self.outbox.close()


async def tell(database: MemoryDatabase, stream: str) -> Telling:
    events = await database.log.read(stream)
    lines = [f"{stream} line {number}" for number in range(len(events))]
    return Telling("#things", Message(f"{stream} at {len(events)}"), lines, str(len(events)), len(events), ended=False)


@settings(max_examples=300, deadline=None)
@given(st.lists(ACTS, max_size=25))
def test_each_message_once_each_line_once_and_the_last_state(acts: list[Any]) -> None:
    async def main(now: Now) -> None:
        database, platform = MemoryDatabase(now), FakePlatform(now)
        process = Process(database, platform, now)
        for act in acts:
            match act:
                case Happen(stream):
                    expected = len(await database.log.read(stream))
                    await database.log.append(
                        stream, [NewEvent("Happened", {})], expected=expected, at=now(), card=CARD
                    )
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Trouble(method, kind, times):
                    platform.order(method, kind, times=times, retry_after=5)
                case Crash():
                    await process.die()
                    process = Process(database, platform, now)
        await asyncio.sleep(7200)  # longer than all troubles together
        await process.die()
        for stream in STREAMS:
            await check(stream, database, platform)

    run(main)


async def check(stream: str, database: MemoryDatabase, platform: FakePlatform) -> None:
    count = len(await database.log.read(stream))
    parents = [one for one in platform.messages if not one.thread and one.metadata.get("key") == stream]
    assert len(parents) == (1 if count else 0)
    if parents:
        assert parents[0].texts[-1] == f"{stream} at {count}"
        told = [line for text in platform.texts("C-things", thread=parents[0].ts) for line in text.split("\n")]
        assert told == [f"{stream} line {number}" for number in range(count)]


def test_a_channel_that_is_opened_again_is_told_what_stands_though_nothing_changed() -> None:
    async def main(now: Now) -> None:
        database, platform = MemoryDatabase(now), FakePlatform(now, archived={"C-things"})
        process = Process(database, platform, now)
        await database.log.append("thing-1", [NewEvent("Happened", {})], expected=0, at=now(), card=CARD)
        await asyncio.sleep(600)
        assert [one.reason for one in process.outbox.closed()] == ["is_archived"]
        assert len(platform.calls) < 20
        platform.archived.clear()
        await asyncio.sleep(1200)
        assert process.outbox.closed() == []
        await check("thing-1", database, platform)
        await process.die()

    run(main)


def test_a_channel_that_stays_closed_for_days_is_still_tried_each_hour() -> None:
    async def main(now: Now) -> None:
        database, platform = MemoryDatabase(now), FakePlatform(now, archived={"C-things"})
        process = Process(database, platform, now)
        for count in range(60):  # what changes much is not tried more seldom for it
            await database.log.append("thing-1", [NewEvent("Happened", {})], expected=count, at=now(), card=CARD)
            await asyncio.sleep(1)
        platform.archived.clear()
        await asyncio.sleep(120)
        await check("thing-1", database, platform)
        platform.archived.add("C-things")
        await database.log.append("thing-1", [NewEvent("Happened", {})], expected=60, at=now(), card=CARD)
        await asyncio.sleep(86_400 * 4)
        platform.archived.clear()
        await asyncio.sleep(3700)
        await check("thing-1", database, platform)
        await process.die()

    run(main)
