"""Locks, freezes and marks: who may, what is refused and how, what is written down."""

import asyncio
from datetime import timedelta

import pytest

from engine.commands import AwaitUnlock, Deploy, Freeze, Lock, MarkVersion, Unfreeze, Unlock
from engine.errors import Denied, Invalid, NotFound, NotNow
from engine.permits.locks import LockState
from tests.unit.deployments.world import ANN, BEN, CID, Town

HOUR = timedelta(hours=1)
LOCK, UNLOCK = Lock("shop", "production", reason="migration"), Unlock("shop", "production")


@pytest.fixture
def town() -> Town:
    made = Town()
    made.settle()
    return made


async def held(town: Town) -> LockState:
    lock = await town.permit_journal.lock("shop", "production")
    assert lock is not None
    return lock


async def test_a_lock_is_its_owners_until_given_back(town: Town) -> None:
    lock = await town.permit_desk.lock(LOCK, ANN)
    assert (lock.owner, lock.number, lock.reason, lock.until) == (ANN, 1, "migration", None)
    with pytest.raises(NotNow, match="shop in production is locked by ann: migration"):
        await town.permit_desk.lock(LOCK, BEN)
    assert (await town.permit_desk.unlock(UNLOCK, ANN, admin=False)).ended == "unlocked"
    with pytest.raises(NotNow, match="is not locked"):
        await town.permit_desk.unlock(UNLOCK, ANN, admin=False)


async def test_each_lock_has_a_greater_number(town: Town) -> None:
    numbers = []
    for person in (ANN, BEN, ANN):
        numbers.append((await town.permit_desk.lock(LOCK, person)).number)
        await town.permit_desk.unlock(UNLOCK, person, admin=False)
    assert numbers == [1, 2, 3]


async def test_of_many_who_lock_at_once_one_gets_it(town: Town) -> None:
    people = [ANN, BEN, CID]
    asked = await asyncio.gather(*(town.permit_desk.lock(LOCK, one) for one in people), return_exceptions=True)
    assert sum(isinstance(one, LockState) for one in asked) == 1
    assert sum(isinstance(one, NotNow) for one in asked) == 2


async def test_the_owner_gives_a_lock_another_end(town: Town) -> None:
    await town.permit_desk.lock(LOCK, ANN)
    again = await town.permit_desk.lock(Lock("shop", "production", HOUR), ANN)
    assert (again.number, again.reason, again.until) == (1, "migration", town.clock.at + HOUR)


async def test_a_lock_whose_time_is_over_keeps_nobody_out(town: Town) -> None:
    await town.permit_desk.lock(Lock("shop", "production", HOUR), ANN)
    town.clock.advance(HOUR)
    assert (await town.permit_desk.lock(LOCK, BEN)).number == 2
    events = await town.log.read("lock/shop/production/1")
    assert [one.type for one in events] == ["LockTaken", "LockEnded"]
    assert events[-1].data["how"] == "expired"


async def test_only_an_admin_breaks_a_lock_with_a_reason_and_on_record(town: Town) -> None:
    await town.permit_desk.lock(LOCK, ANN)
    with pytest.raises(Denied, match="ann locked shop in production: migration"):
        await town.permit_desk.unlock(UNLOCK, BEN, admin=False)
    with pytest.raises(Invalid, match="needs a reason"):
        await town.permit_desk.unlock(UNLOCK, BEN, admin=True)
    broken = await town.permit_desk.unlock(Unlock("shop", "production", "ann is away"), BEN, admin=True)
    assert (broken.ended, broken.ended_by) == ("broken", BEN)
    last = (await town.log.read("lock/shop/production/1"))[-1]
    assert (last.actor, last.data["reason"]) == (BEN, "ann is away")


async def test_the_queue_is_in_order_and_holds_each_once(town: Town) -> None:
    await town.permit_desk.lock(LOCK, ANN)
    for person in (CID, BEN, CID):
        await town.permit_desk.wait(AwaitUnlock("shop", "production"), person)
    assert (await held(town)).waiters == (CID, BEN)
    with pytest.raises(NotNow, match="You have the lock"):
        await town.permit_desk.wait(AwaitUnlock("shop", "production"), ANN)
    await town.permit_desk.unlock(UNLOCK, ANN, admin=False)
    with pytest.raises(NotNow, match="is not locked"):
        await town.permit_desk.wait(AwaitUnlock("shop", "production"), BEN)


async def test_what_has_run_out_is_ended_so_that_those_who_wait_are_told(town: Town) -> None:
    await town.permit_desk.lock(Lock("shop", "production", HOUR), ANN)
    await town.permit_desk.freeze(Freeze("", "production", HOUR), BEN)
    await town.permit_desk.tidy(town.clock.at)
    assert len(await town.permit_journal.locks()) == len(await town.permit_journal.freezes()) == 1
    town.clock.advance(HOUR)
    await town.permit_desk.tidy(town.clock.at)
    assert (await town.permit_journal.locks(), await town.permit_journal.freezes()) == ((), ())
    assert (await held(town)).ended == "expired"


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(seconds=-1), timedelta(days=400)])
async def test_a_time_that_is_none_is_refused(town: Town, lasts: timedelta) -> None:
    with pytest.raises(Invalid, match="no time"):
        await town.permit_desk.lock(Lock("shop", "production", lasts), ANN)
    assert await town.permit_journal.lock("shop", "production") is None


@pytest.mark.parametrize("command", [Lock("shpo", "production"), Lock("shop", "prod")])
async def test_a_place_that_is_none_is_refused(town: Town, command: Lock) -> None:
    with pytest.raises(NotFound):
        await town.permit_desk.lock(command, ANN)


async def test_a_freeze_is_of_exactly_its_scope(town: Town) -> None:
    await town.permit_desk.freeze(Freeze("", "production", reason="audit"), BEN)
    with pytest.raises(NotNow, match="production is frozen by ben already"):
        await town.permit_desk.freeze(Freeze("", "production"), CID)
    await town.permit_desk.freeze(Freeze("shop", "production"), CID)
    with pytest.raises(NotNow, match="Nobody froze shop everywhere"):
        await town.permit_desk.unfreeze(Unfreeze("shop", ""), BEN)
    over = await town.permit_desk.unfreeze(Unfreeze("", "production"), CID)
    assert (over.ended, over.ended_by) == ("unfrozen", CID)
    assert [one.scope for one in await town.permit_journal.freezes()] == ["shop in production"]


async def test_a_freeze_of_nothing_in_particular_is_refused(town: Town) -> None:
    with pytest.raises(Invalid, match="Say what to freeze"):
        await town.permit_desk.freeze(Freeze("", ""), BEN)


async def test_a_version_is_marked_and_cleared(town: Town) -> None:
    with pytest.raises(NotNow, match="not marked"):
        await town.permit_desk.mark(MarkVersion("shop", "v2", bad=False), ANN)
    await town.permit_desk.mark(MarkVersion("shop", "v2", bad=True, reason="leaks memory"), ANN)
    assert [one.version for one in await town.permit_journal.bad_versions()] == ["v2"]
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), BEN)
    assert planned.plan.warnings == ("v2 of shop is known to be bad (says ann): leaks memory",)
    await town.permit_desk.mark(MarkVersion("shop", "v2", bad=False), ANN)
    assert await town.permit_journal.bad_versions() == ()
