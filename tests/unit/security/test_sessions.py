"""One-time sign-in links and the sessions they open."""

import asyncio
from datetime import timedelta

import pytest

from engine.deployments.deployment import PersonId
from engine.errors import Unauthenticated
from engine.security.sessions import SESSIONS, SIGN_INS, Sessions
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

ADA = PersonId("ada")


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def sessions(database: MemoryDatabase) -> Sessions:
    return Sessions(database.records, database.claims)


async def test_a_code_opens_one_session(sessions: Sessions, clock: VirtualClock) -> None:
    code = await sessions.new_code(ADA, at=clock())
    text, session = await sessions.redeem(code, at=clock())
    assert session.subject == "ada/browser"
    assert (await sessions.verify(text, at=clock())).person == ADA
    with pytest.raises(Unauthenticated, match="used up"):
        await sessions.redeem(code, at=clock())


async def test_of_two_browsers_at_once_one_gets_in(sessions: Sessions, clock: VirtualClock) -> None:
    code = await sessions.new_code(ADA, at=clock())
    both = await asyncio.gather(*(sessions.redeem(code, at=clock()) for _ in range(2)), return_exceptions=True)
    assert [isinstance(one, Unauthenticated) for one in both].count(True) == 1


async def test_a_code_lasts_five_minutes(sessions: Sessions, clock: VirtualClock) -> None:
    code = await sessions.new_code(ADA, at=clock())
    with pytest.raises(Unauthenticated):
        await sessions.redeem(code, at=clock.advance(timedelta(minutes=5)))


async def test_a_session_slides_with_its_use(sessions: Sessions, clock: VirtualClock) -> None:
    text, _ = await sessions.redeem(await sessions.new_code(ADA, at=clock()), at=clock())
    for _ in range(5):
        session = await sessions.verify(text, at=clock.advance(timedelta(hours=11)))
        assert session.expires == clock() + timedelta(hours=12)
    with pytest.raises(Unauthenticated, match="not signed in"):
        await sessions.verify(text, at=clock.advance(timedelta(hours=12)))


async def test_signing_out_ends_it(sessions: Sessions, clock: VirtualClock) -> None:
    text, _ = await sessions.redeem(await sessions.new_code(ADA, at=clock()), at=clock())
    await sessions.end(text)
    with pytest.raises(Unauthenticated):
        await sessions.verify(text, at=clock())


async def test_what_expired_is_swept_and_nothing_is_kept_in_the_clear(
    sessions: Sessions, database: MemoryDatabase, clock: VirtualClock
) -> None:
    unused = await sessions.new_code(ADA, at=clock())
    text, _ = await sessions.redeem(await sessions.new_code(ADA, at=clock()), at=clock())
    kept = str(await database.records.all(SIGN_INS)) + str(await database.records.all(SESSIONS))
    assert unused not in kept
    assert text not in kept
    clock.advance(timedelta(days=1))
    await sessions.redeem(await sessions.new_code(ADA, at=clock()), at=clock())
    assert await database.records.all(SIGN_INS) == {}
    assert len(await database.records.all(SESSIONS)) == 1
