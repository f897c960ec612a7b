"""The pool's four settings, where connections cost something: on PostgreSQL; and the wait for a turn on SQLite."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import psycopg
import pytest
import sqlalchemy as sa

from storage.database import Database, PoolSettings, open_database
from storage.errors import StorageUnavailable
from storage.sql.backend import Backend
from storage.sql.opened import SqlDatabase
from tests.fakes import postgres

SOON = timedelta(milliseconds=50)


def backend_of(database: Database) -> Backend:
    return cast("SqlDatabase", database).backend


def connections(url: str) -> int:
    with psycopg.connect(postgres.shared_server().url) as connection:
        statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        row = connection.execute(statement, [url.rpartition("/")[2]]).fetchone()
    assert row is not None
    return int(row[0])


def threads_of_connections() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "connection" in thread.name]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):
            continue


@pytest.mark.parametrize(("least", "most"), [(-1, 1), (2, 1), (0, 0)])
def test_impossible_pools_are_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match="0 <= min <= max"):
        PoolSettings(min_connections=least, max_connections=most)


async def test_no_more_than_the_most_and_no_longer_than_the_timeout(url: str) -> None:
    database = await open_database(url, pool=PoolSettings(max_connections=1, acquire_timeout=SOON))
    async with backend_of(database).reading():
        with pytest.raises(StorageUnavailable, match="became free in time"):
            await database.ping()
    await database.ping()
    await database.close()


async def test_writer_waits_for_its_turn_no_longer_than_the_timeout(tmp_path: Path, now: datetime) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/a.db", pool=PoolSettings(acquire_timeout=SOON))
    async with backend_of(database).writing():
        with pytest.raises(StorageUnavailable, match=r"Other writes .* took more than 0.05 s"):
            await database.records.put("a", "b", {}, at=now)
    await database.records.put("a", "b", {}, at=now)
    await database.close()


async def test_pool_grows_to_the_most_and_shrinks_to_the_least(postgres_url: str) -> None:
    settings = PoolSettings(min_connections=2, max_connections=5, idle_timeout=timedelta(milliseconds=200))
    database = await open_database(postgres_url, pool=settings)
    await until(lambda: connections(postgres_url) == 2)
    everyone = asyncio.Barrier(6)

    async def hold() -> None:
        async with backend_of(database).reading():
            await everyone.wait()
            await everyone.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(hold())
        await everyone.wait()
        assert await asyncio.to_thread(connections, postgres_url) == 5
        await everyone.wait()
    await until(lambda: connections(postgres_url) == 2)
    await database.close()
    await until(lambda: connections(postgres_url) == 0)


async def test_cancelled_readers_give_their_connection_back(url: str) -> None:
    settings = PoolSettings(max_connections=2, acquire_timeout=timedelta(seconds=5))
    database = await open_database(url, pool=settings)
    for turns in range(60):
        reader = asyncio.create_task(database.log.last_position())
        for _ in range(turns % 20):
            await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait([reader])
    async with backend_of(database).reading(), backend_of(database).reading():
        pass
    await database.close()
    await until(lambda: not threads_of_connections())


async def test_close_during_reads_leaves_no_connection(url: str) -> None:
    database = await open_database(url)
    readers = [asyncio.create_task(database.ping()) for _ in range(8)]
    await database.ping()
    await database.close()
    ended = await asyncio.gather(*readers, return_exceptions=True)
    assert {type(end) for end in ended} <= {type(None), StorageUnavailable}
    await until(lambda: not threads_of_connections())


async def test_a_process_stopped_in_a_transaction_holds_others_up_no_longer_than_it_may(
    postgres_url: str, now: datetime
) -> None:
    stopped, other = await open_database(postgres_url), await open_database(postgres_url)

    async def stand_still() -> None:
        async with backend_of(stopped).writing() as connection:
            allowed = await connection.scalar(sa.text("SHOW idle_in_transaction_session_timeout"))
            assert allowed == "10s"
            await connection.execute(sa.text("SET idle_in_transaction_session_timeout = 300"))
            await connection.execute(sa.text("INSERT INTO collections VALUES ('things', 1)"))
            async with asyncio.timeout(10):
                await other.records.put("things", "a", {}, at=now)
            await connection.execute(sa.text("SELECT 1"))

    with pytest.raises(StorageUnavailable, match="stood still in the middle of a transaction"):
        await stand_still()
    assert await other.records.get("things", "a") == {}
    await other.close()
    await stopped.close()
