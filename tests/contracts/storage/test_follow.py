"""What every follower promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import cast

import pytest

from storage.database import Database, PoolSettings, open_database
from storage.errors import StorageUnavailable
from storage.events import Event, NewEvent
from storage.sql.opened import SqlDatabase
from storage.sql.postgresql import PostgresBackend
from storage.sql.sqlite import SqliteBackend
from tests.fakes import postgres

NEVER = timedelta(hours=1)


async def take(follower: AsyncIterator[Event], count: int) -> list[str]:
    async with asyncio.timeout(20):
        return [(await anext(follower)).type for _ in range(count)]


async def append(database: Database, type_: str, now: datetime) -> None:
    position = await database.log.last_position()
    await database.log.append(f"s/{position}", [NewEvent(type_, {})], expected=0, at=now)


async def append_when_possible(database: Database, type_: str, now: datetime) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                return await append(database, type_, now)
            except StorageUnavailable:
                continue


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what another process brings about."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(0.02)


def poll_every(database: Database, interval: timedelta) -> None:
    backend = cast("SqlDatabase", database).backend
    assert isinstance(backend, SqliteBackend | PostgresBackend)
    backend.poll = interval


async def test_it_begins_after_a_position_and_goes_on(database: Database, now: datetime) -> None:
    for type_ in "ABC":
        await append(database, type_, now)
    follower = database.log.follow(after=1)
    assert await take(follower, 2) == ["B", "C"]
    waiting = asyncio.create_task(take(follower, 1))
    await append(database, "D", now)
    assert await waiting == ["D"]


async def test_more_than_a_batch_comes_in_order(database: Database, now: datetime) -> None:
    await database.log.append("s", [NewEvent(f"{n}", {}) for n in range(1201)], expected=0, at=now)
    assert await take(database.log.follow(after=0), 1201) == [f"{n}" for n in range(1201)]


async def test_own_appends_wake_without_a_poll(url: str, now: datetime) -> None:
    database = await open_database(url)
    poll_every(database, NEVER)
    await append(database, "A", now)
    follower = database.log.follow(after=0)
    assert await take(follower, 1) == ["A"]
    waiting = asyncio.create_task(take(follower, 1))
    await asyncio.gather(*(database.ping() for _ in range(5)))
    await append(database, "B", now)
    assert await waiting == ["B"]
    await database.close()


async def test_a_poll_finds_what_others_appended(url: str, now: datetime) -> None:
    here, there = await open_database(url), await open_database(url)
    poll_every(here, timedelta(milliseconds=20))
    waiting = asyncio.create_task(take(here.log.follow(after=0), 1))
    await append(there, "A", now)
    assert await waiting == ["A"]
    await here.close()
    await there.close()


async def test_postgresql_tells_what_others_appended(postgres_url: str, now: datetime) -> None:
    here, there = await open_database(postgres_url), await open_database(postgres_url)
    poll_every(here, NEVER)
    follower = here.log.follow(after=0)
    for type_ in "ABC":
        waiting = asyncio.create_task(take(follower, 1))
        await append(there, type_, now)
        assert await waiting == [type_]
    await here.close()
    await there.close()


async def test_closing_the_database_ends_it(database: Database, now: datetime) -> None:
    await append(database, "A", now)
    follower = database.log.follow(after=0)
    assert await take(follower, 1) == ["A"]
    rest = asyncio.create_task(anext(follower, None))
    await database.ping()
    await database.close()
    async with asyncio.timeout(10):
        assert await rest is None


async def test_it_outlives_an_outage(postgres_url: str, now: datetime, caplog: pytest.LogCaptureFixture) -> None:
    server = postgres.shared_server()
    database = await open_database(postgres_url, pool=PoolSettings(acquire_timeout=timedelta(milliseconds=200)))
    poll_every(database, timedelta(milliseconds=50))
    await append(database, "A", now)
    follower = database.log.follow(after=0)
    assert await take(follower, 1) == ["A"]
    waiting = asyncio.create_task(take(follower, 1))
    await asyncio.to_thread(server.cut_off, postgres_url)
    with pytest.raises(StorageUnavailable):
        await database.ping()
    await eventually(lambda: "Following waits" in caplog.text)
    await asyncio.to_thread(server.let_in, postgres_url)
    await append_when_possible(database, "B", now)
    assert await waiting == ["B"]
    await database.close()
