"""What every set of claims and leases promises."""

import asyncio
from datetime import datetime, timedelta

from storage.database import Database, open_database
from storage.leases import Lease

MINUTE = timedelta(minutes=1)
GONE = timedelta(0)


async def test_one_of_many_claims(database: Database, now: datetime) -> None:
    claimed = await asyncio.gather(*(database.claims.claim("click", now=now, ttl=MINUTE) for _ in range(20)))
    assert sorted(claimed) == [False] * 19 + [True]


async def test_one_of_many_claims_over_two_connections(url: str, now: datetime) -> None:
    both = await open_database(url), await open_database(url)
    claimed = await asyncio.gather(*(both[nth % 2].claims.claim("click", now=now, ttl=MINUTE) for nth in range(20)))
    assert sorted(claimed) == [False] * 19 + [True]
    for database in both:
        await database.close()


async def test_claim_expires_at_its_time(database: Database, now: datetime) -> None:
    assert await database.claims.claim("a", now=now, ttl=MINUTE)
    assert not await database.claims.claim("a", now=now + MINUTE - timedelta(microseconds=1), ttl=MINUTE)
    assert await database.claims.claim("a", now=now + MINUTE, ttl=MINUTE)


async def test_released_claim_is_free(database: Database, now: datetime) -> None:
    assert await database.claims.claim("a", now=now, ttl=MINUTE)
    await database.claims.release("a")
    assert await database.claims.claim("a", now=now, ttl=MINUTE)


async def test_live_claims_outlast_the_sweep(database: Database, now: datetime) -> None:
    await database.claims.claim("short", now=now, ttl=MINUTE)
    await database.claims.claim("long", now=now, ttl=10 * MINUTE)
    later = now + 5 * MINUTE
    await database.claims.claim("other", now=later, ttl=MINUTE)
    assert not await database.claims.claim("long", now=later, ttl=MINUTE)
    assert await database.claims.claim("short", now=later, ttl=MINUTE)


async def test_lease_has_one_holder(database: Database) -> None:
    taken = await asyncio.gather(*(database.leases.acquire("leader", f"r{n}", MINUTE) for n in range(10)))
    [lease] = [lease for lease in taken if lease is not None]
    assert await database.leases.live() == [lease]
    assert await database.leases.acquire("leader", "other", MINUTE) is None


async def test_holder_takes_and_renews_its_own(database: Database) -> None:
    lease = await database.leases.acquire("leader", "r1", MINUTE)
    assert lease is not None
    renewed = await database.leases.renew(lease, 2 * MINUTE)
    assert renewed is not None
    assert renewed.expires_at > lease.expires_at
    again = await database.leases.acquire("leader", "r1", 3 * MINUTE)
    assert again is not None
    assert again.expires_at > renewed.expires_at


async def test_expired_lease_is_lost_even_if_nobody_took_it(database: Database) -> None:
    lease = await database.leases.acquire("leader", "r1", GONE)
    assert lease is not None
    assert await database.leases.live() == []
    assert await database.leases.renew(lease, MINUTE) is None
    assert await database.leases.acquire("leader", "r2", MINUTE) is not None


async def test_lease_of_another_is_left_alone(database: Database) -> None:
    held = await database.leases.acquire("leader", "r1", MINUTE)
    assert held is not None
    stale = Lease("leader", "r0", held.expires_at)
    await database.leases.release(stale)
    assert await database.leases.renew(stale, MINUTE) is None
    assert await database.leases.live() == [held]
    await database.leases.release(held)
    assert await database.leases.live() == []


async def test_the_dead_hold_nothing(database: Database) -> None:
    for name, holder in (("b", "r1"), ("a", "r1"), ("c", "r2")):
        await database.leases.acquire(name, holder, MINUTE)
    assert [lease.name for lease in await database.leases.live()] == ["a", "b", "c"]
    await database.leases.drop("r1")
    assert [lease.holder for lease in await database.leases.live()] == ["r2"]
