"""A process among replicas: its lease, and how it tells that another is gone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from bot.clock.membership import PREFIX, TTL, Membership, ended_here, own_name
from engine.errors import LeaseLost
from storage.errors import StorageUnavailable
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

START = datetime(2026, 1, 1, tzinfo=UTC)


def name_of_ended_process() -> str:
    """The name that a process of this machine had, which has ended."""
    program = "from bot.clock.membership import own_name; print(own_name())"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_a_process_of_this_machine_that_ended_is_known_to_be_gone() -> None:
    assert ended_here(name_of_ended_process())
    assert not ended_here(own_name())


def test_nothing_is_known_of_processes_elsewhere() -> None:
    namespace, pid, birth, chance = own_name().split("/")
    other_boot = birth.replace(birth.partition(":")[0], "0" * 36)
    assert not ended_here("/".join([namespace, pid, other_boot, chance]))
    assert not ended_here("/".join(["pid:[1]", pid, birth, chance]))
    assert not ended_here("a name of an older form")


async def test_the_lease_of_a_gone_process_is_dropped_and_that_of_a_living_one_kept() -> None:
    clock = VirtualClock(START)
    database = MemoryDatabase(now=clock)
    gone, elsewhere = name_of_ended_process(), "pid:[1]/7/boot:1/aa"
    for holder in (gone, elsewhere):
        await database.leases.acquire(PREFIX + holder, holder, TTL)
    member = Membership(database.leases, own_name(), lost=lambda: None)
    await member.join(alone=False)
    assert not await member.alive(gone)
    assert await member.alive(elsewhere)


async def test_whoever_is_alone_takes_every_lease_for_dead() -> None:
    database = MemoryDatabase(now=VirtualClock(START))
    await database.leases.acquire("clockwork", "elsewhere", TTL)
    member = Membership(database.leases, own_name(), lost=lambda: None)
    await member.join(alone=True)
    assert [lease.name for lease in await database.leases.live()] == [PREFIX + member.name]


async def test_a_lost_lease_is_told_once() -> None:
    clock = VirtualClock(START)
    database = MemoryDatabase(now=clock)
    told: list[str] = []
    member = Membership(database.leases, own_name(), lost=lambda: told.append("lost"))
    await member.join(alone=True)
    clock.advance(TTL / 2)
    await member.keep()
    assert told == []
    clock.advance(TTL + timedelta(seconds=1))
    await database.leases.acquire(PREFIX + "another", "another", TTL)
    await member.keep()
    await member.keep()
    assert told == ["lost"]


async def test_a_lease_that_only_ran_out_is_taken_again() -> None:
    clock = VirtualClock(START)
    database = MemoryDatabase(now=clock)
    told: list[str] = []
    member = Membership(database.leases, own_name(), lost=lambda: told.append("lost"))
    await member.join(alone=True)
    clock.advance(TTL * 3)
    await member.keep()
    assert (told, await member.alive(member.name)) == ([], True)


async def test_nothing_may_be_done_when_the_lease_may_be_anothers() -> None:
    clock = VirtualClock(START)
    database = MemoryDatabase(now=clock)
    told: list[str] = []
    member = Membership(
        database.leases, own_name(), lost=lambda: told.append("lost"), clock=lambda: clock().timestamp()
    )
    await member.join(alone=True)
    clock.advance(TTL - timedelta(seconds=1))
    await member.check()
    clock.advance(timedelta(seconds=2))
    await database.leases.acquire(PREFIX + "another", "another", TTL)
    for _ in range(2):
        with pytest.raises(LeaseLost, match="15 s"):
            await member.check()
    assert told == ["lost"]


async def test_whoever_asks_after_a_pause_in_which_nobody_lived_may_go_on_at_once() -> None:
    clock = VirtualClock(START)
    database = MemoryDatabase(now=clock)
    member = Membership(database.leases, own_name(), lost=lambda: None, clock=lambda: clock().timestamp())
    await member.join(alone=True)
    clock.advance(TTL * 2)
    await asyncio.gather(*(member.check() for _ in range(3)))
    assert await member.alive(member.name)


async def test_while_the_database_is_away_the_lease_counts_only_for_its_time() -> None:
    clock = VirtualClock(START)
    database = MemoryDatabase(now=clock)
    member = Membership(database.leases, own_name(), lost=lambda: None, clock=lambda: clock().timestamp())
    await member.join(alone=True)

    async def away(*_: object) -> None:
        raise StorageUnavailable("the database is away", "wait for it")

    database.leases.renew = away  # type: ignore[method-assign, assignment]
    clock.advance(TTL / 2)
    await member.keep()
    await member.check()
    clock.advance(TTL / 2)
    with pytest.raises(LeaseLost):
        await member.check()
