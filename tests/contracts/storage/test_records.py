"""What every store of records promises."""

import asyncio
from datetime import datetime

import msgspec
import pytest

from storage.codec import decode, written
from storage.database import Database


async def test_values_are_kept_by_collection(database: Database, now: datetime) -> None:
    await database.records.put("alerts", "b", {"n": 2}, at=now)
    await database.records.put("alerts", "a", {"n": 1}, at=now)
    await database.records.put("people", "a", {"n": 9}, at=now)
    assert await database.records.get("alerts", "a") == {"n": 1}
    assert await database.records.get("alerts", "c") is None
    assert list((await database.records.all("alerts")).items()) == [("a", {"n": 1}), ("b", {"n": 2})]
    assert await database.records.all("none") == {}


async def test_last_value_stands(database: Database, now: datetime) -> None:
    await database.records.put("alerts", "a", {"n": 1}, at=now)
    await database.records.put("alerts", "a", {"m": 2}, at=now)
    assert await database.records.get("alerts", "a") == {"m": 2}
    await database.records.delete("alerts", "a")
    await database.records.delete("alerts", "a")
    assert await database.records.get("alerts", "a") is None


async def test_many_at_once_and_what_goes(database: Database, now: datetime) -> None:
    await database.records.put_many("alerts", {f"{n}": {"n": n} for n in range(2000)}, at=now)
    await database.records.put_many("alerts", {"0": {"n": "new"}}, at=now, delete=[f"{n}" for n in range(1999)])
    assert await database.records.all("alerts") == {"0": {"n": "new"}, "1999": {"n": 1999}}
    await database.records.put_many("alerts", {}, at=now)


class Kept(msgspec.Struct):
    """What a room may write as text."""

    name: str
    at: datetime


async def test_text_comes_back_as_it_was_written(database: Database, now: datetime) -> None:
    texts = {f"{n}": written(Kept(name, now)) for n, name in enumerate(["", 'a"\\', "\0\n\u2028", "\U0001f600"])}
    await database.records.put_many("alerts", texts | {"plain": {"n": 1}}, at=now)
    assert await database.records.all("alerts") == {key: decode(text) for key, text in texts.items()} | {
        "plain": {"n": 1}
    }
    with pytest.raises(ValueError, match="cannot be stored"):
        written(Kept("\ud800", now))


async def test_many_are_written_whole_or_not(database: Database, now: datetime) -> None:
    await database.records.put("alerts", "a", {"n": 1}, at=now)
    with pytest.raises(ValueError, match="cannot be stored"):
        await database.records.put_many("alerts", {"b": {}, "c": {"n": float("inf")}}, at=now, delete=["a"])
    assert await database.records.all("alerts") == {"a": {"n": 1}}


async def test_writers_of_the_same_keys_do_not_block_one_another(database: Database, now: datetime) -> None:
    keys = [f"{n}" for n in range(50)]

    async def write(nth: int) -> None:
        order = keys if nth % 2 else keys[::-1]
        await database.records.put_many("alerts", {key: {"by": nth} for key in order}, at=now)

    async with asyncio.timeout(20):
        await asyncio.gather(*(write(nth) for nth in range(8)))
    assert len({value["by"] for value in (await database.records.all("alerts")).values()}) == 1


async def test_readers_see_what_was_written_since(database: Database, now: datetime) -> None:
    records = database.records
    assert await records.changes("alerts", after=0) == (0, {})
    await records.put_many("alerts", {"a": {"n": 1}, "b": {"n": 1}}, at=now)
    await records.put("people", "a", {}, at=now)
    first, values = await records.changes("alerts", after=0)
    assert values == {"a": {"n": 1}, "b": {"n": 1}}
    await records.put("alerts", "b", {"n": 2}, at=now)
    second, values = await records.changes("alerts", after=first)
    assert values == {"b": {"n": 2}}
    await records.delete("alerts", "b")
    third, values = await records.changes("alerts", after=second)
    assert (values, third > second) == ({}, True)
    await records.put("alerts", "b", {"n": 3}, at=now)
    assert await records.changes("alerts", after=third) == (third + 1, {"b": {"n": 3}})
    assert await records.changes("alerts", after=third + 1) == (third + 1, {})


async def test_no_write_is_missed_however_many_write(database: Database, now: datetime) -> None:
    seen: set[str] = set()

    async def read() -> None:
        after = 0
        while len(seen) < 40:
            after, values = await database.records.changes("alerts", after=after)
            seen.update(values)
            await asyncio.sleep(0)  # memory answers without ever waiting

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(read())
        for n in range(40):
            group.create_task(database.records.put("alerts", str(n), {}, at=now))
