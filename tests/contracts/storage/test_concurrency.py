"""Many writers at once, in this process and others: nothing lost, nothing torn, one order for all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from storage.database import Database, open_database
from storage.errors import Conflict, KeyTaken
from storage.events import CardChange, Event, NewEvent
from tests.contracts.storage.children import start_child

WRITERS = 8
EACH = 15


async def take(follower: AsyncIterator[Event], count: int) -> list[Event]:
    async with asyncio.timeout(60):
        return [await anext(follower) for _ in range(count)]


async def append_until_it_fits(database: Database, stream: str, new: NewEvent, at: datetime) -> None:
    while True:
        version = len(await database.log.read(stream))
        try:
            await database.log.append(stream, [new], expected=version, at=at)
        except Conflict:
            continue
        return


async def write(database: Database, writer: int, at: datetime) -> None:
    for nth in range(EACH):
        if nth % 3:
            await database.log.append(f"own/{writer}", [NewEvent("Own", {})], expected=nth - 1 - nth // 3, at=at)
        else:
            await append_until_it_fits(database, "shared", NewEvent("Shared", {"by": writer, "n": nth}), at)


def check_order(events: list[Event]) -> None:
    assert [event.position for event in events] == list(range(1, WRITERS * EACH + 1))
    versions: dict[str, int] = {}
    for event in events:
        assert event.version == versions.get(event.stream, 0) + 1
        versions[event.stream] = event.version


async def test_many_writers_of_one_database(database: Database, now: datetime) -> None:
    async with asyncio.TaskGroup() as group:
        seen = group.create_task(take(database.log.follow(after=0), WRITERS * EACH))
        for writer in range(WRITERS):
            group.create_task(write(database, writer, now))
    check_order(seen.result())
    assert seen.result() == await database.log.read_all()


async def test_many_writers_over_two_connections(url: str, now: datetime) -> None:
    first, second = await open_database(url), await open_database(url)
    async with asyncio.TaskGroup() as group:
        seen = group.create_task(take(first.log.follow(after=0), WRITERS * EACH))
        for writer in range(WRITERS):
            group.create_task(write((first, second)[writer % 2], writer, now))
    check_order(seen.result())
    await first.close()
    await second.close()


async def test_one_of_many_gets_the_open_card(database: Database, now: datetime) -> None:
    async def start(nth: int) -> bool:
        card = CardChange("deployment", "shop", "running", True, {})
        try:
            await database.log.append(f"d/{nth}", [NewEvent("Started", {})], expected=0, at=now, card=card)
        except KeyTaken:
            return False
        return True

    assert sorted(await asyncio.gather(*(start(nth) for nth in range(10)))) == [False] * 9 + [True]
    assert await database.log.last_position() == 1


async def test_cancelled_writers_leave_whole_writes(database: Database, now: datetime) -> None:
    async def start(nth: int) -> None:
        card = CardChange("deployment", f"{nth}", "running", True, {})
        new = [NewEvent("Started", {}), NewEvent("Moved", {})]
        await database.log.append(f"d/{nth}", new, expected=0, at=now, card=card)

    writers = [asyncio.create_task(start(nth)) for nth in range(30)]
    for nth, writer in enumerate(writers):
        if nth % 2:
            await database.log.last_position()
            writer.cancel()
    await asyncio.wait(writers)
    cards = await database.log.cards("deployment")
    assert {card.stream for card in cards} >= {f"d/{nth}" for nth in range(0, 30, 2)}
    assert await database.log.last_position() == 2 * len(cards)
    assert [event.position for event in await database.log.read_all()] == list(range(1, 2 * len(cards) + 1))
    await database.log.append("after", [NewEvent("Started", {})], expected=0, at=now)


async def test_killed_writer_leaves_whole_writes(url: str) -> None:
    child = start_child("write", url)
    acknowledged = [int(child.line()) for _ in range(25)][-1]
    child.kill()
    database = await open_database(url)
    events = await database.log.read("child")
    [card] = await database.log.cards("written")
    assert len(events) >= 2 * acknowledged
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert card.data == {"times": len(events) // 2}
    await database.close()


async def test_starts_at_the_same_time_migrate_once(url: str) -> None:
    children = [start_child("open", url) for _ in range(2)]
    for child in children:
        assert child.line() == "ready"
    for child in children:
        child.tell("go")
    assert [child.line() for child in children] == ["open", "open"]
    for child in children:
        child.kill()


async def test_follower_hears_of_other_processes(url: str) -> None:
    database = await open_database(url)
    child = start_child("write", url)
    events = await take(database.log.follow(after=0), 40)
    child.kill()
    assert [event.position for event in events] == list(range(1, 41))
    await database.close()
