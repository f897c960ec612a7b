"""What others append to streams that are kept in memory is noticed, at the price of one look for all."""

from datetime import datetime, timedelta

from storage.database import Database
from storage.events import NewEvent
from storage.growth import Growth

SOON = timedelta(seconds=2)


async def grow(database: Database, stream: str, at: datetime, *, times: int = 1, expected: int = 0) -> None:
    await database.log.append(stream, [NewEvent("Grown", {})] * times, expected=expected, at=at)


async def test_a_stream_that_did_not_grow_is_current(database: Database, now: datetime) -> None:
    await grow(database, "plant-fern", now)
    growth = Growth(database.log, "plant-")
    await growth.begin()
    assert not await growth.beyond("plant-fern", 1, now=now)
    assert not await growth.beyond("plant-moss", 0, now=now)


async def test_growth_shows_at_the_next_look(database: Database, now: datetime) -> None:
    growth = Growth(database.log, "plant-")
    await growth.begin()
    assert not await growth.beyond("plant-fern", 0, now=now)
    await grow(database, "plant-fern", now, times=2)
    assert not await growth.beyond("plant-fern", 0, now=now), "it looked just now"
    assert await growth.beyond("plant-fern", 0, now=now + SOON)
    assert await growth.beyond("plant-fern", 1, now=now + SOON)
    assert not await growth.beyond("plant-fern", 2, now=now + SOON)


async def test_what_came_after_the_beginning_and_before_the_first_look_shows(database: Database, now: datetime) -> None:
    growth = Growth(database.log, "plant-")
    await growth.begin()
    await grow(database, "plant-fern", now)
    assert await growth.beyond("plant-fern", 0, now=now)


async def test_more_than_a_page_and_other_streams_hide_nothing(database: Database, now: datetime) -> None:
    growth = Growth(database.log, "plant-")
    await growth.begin()
    await grow(database, "plant-fern", now, times=501)
    await grow(database, "stone-flint", now, times=501)
    await grow(database, "plant-moss", now)
    assert await growth.beyond("plant-moss", 0, now=now)
    assert await growth.beyond("plant-fern", 500, now=now)
    assert not await growth.beyond("stone-flint", 0, now=now)


async def test_a_clock_that_was_set_back_delays_nothing(database: Database, now: datetime) -> None:
    growth = Growth(database.log, "plant-")
    assert not await growth.beyond("plant-fern", 0, now=now)
    await grow(database, "plant-fern", now)
    assert await growth.beyond("plant-fern", 0, now=now - timedelta(hours=1))
