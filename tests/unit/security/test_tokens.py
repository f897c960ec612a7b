"""Bearer tokens: shown once, kept as a hash, expiring, revocable."""

from datetime import timedelta

import pytest

from engine.deployments.deployment import PersonId
from engine.errors import Invalid, NotFound, Unauthenticated
from engine.security.tokens import COLLECTION, Tokens
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

ADA = PersonId("ada")


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def tokens(database: MemoryDatabase) -> Tokens:
    return Tokens(database.records)


async def test_a_token_is_recognised_and_its_use_noted(tokens: Tokens, clock: VirtualClock) -> None:
    text, made = await tokens.create(ADA, "ci", at=clock())
    assert made.subject == "ada/ci"
    found = await tokens.verify(text, at=clock.advance(timedelta(hours=1)))
    assert (found.person, found.name, found.last_used) == (ADA, "ci", clock())
    assert await tokens.all() == [found]


async def test_use_is_written_at_most_once_a_minute(tokens: Tokens, clock: VirtualClock) -> None:
    text, _ = await tokens.create(ADA, "ci", at=clock())
    first = await tokens.verify(text, at=clock())
    assert await tokens.verify(text, at=clock.advance(timedelta(seconds=59))) == first
    assert (await tokens.verify(text, at=clock.advance(timedelta(seconds=1)))).last_used == clock()


async def test_the_text_is_nowhere_in_storage(tokens: Tokens, database: MemoryDatabase, clock: VirtualClock) -> None:
    text, made = await tokens.create(ADA, "ci", at=clock())
    kept = str(await database.records.all(COLLECTION))
    assert made.id in kept
    assert text.rsplit("_", 1)[-1] not in kept
    assert len(text) > 40


async def test_unknown_texts_are_refused(tokens: Tokens, clock: VirtualClock) -> None:
    text, made = await tokens.create(ADA, "ci", at=clock())
    for wrong in (
        "",
        "ph_",
        "bearer",
        f"ph_{made.id}_wrong",
        text + "x",
        text[:-1],
        text.upper(),
        "ph_00000000_x",
        "ü",
    ):
        with pytest.raises(Unauthenticated):
            await tokens.verify(wrong, at=clock())


async def test_a_token_ends_at_its_time(tokens: Tokens, clock: VirtualClock) -> None:
    text, _ = await tokens.create(ADA, "ci", at=clock(), lifetime=timedelta(days=1))
    await tokens.verify(text, at=clock.advance(timedelta(days=1, microseconds=-1)))
    with pytest.raises(Unauthenticated, match="'ci' expired"):
        await tokens.verify(text, at=clock.advance(timedelta(microseconds=1)))


async def test_a_revoked_token_is_refused(tokens: Tokens, clock: VirtualClock) -> None:
    text, made = await tokens.create(ADA, "ci", at=clock())
    assert await tokens.revoke(made.id) == made
    with pytest.raises(Unauthenticated):
        await tokens.verify(text, at=clock())
    with pytest.raises(NotFound):
        await tokens.revoke(made.id)


@pytest.mark.parametrize("name", ["", "  ", "a/b", "x" * 61, "a\nb"])
async def test_a_token_needs_a_decent_name(tokens: Tokens, clock: VirtualClock, name: str) -> None:
    with pytest.raises(Invalid):
        await tokens.create(ADA, name, at=clock())
