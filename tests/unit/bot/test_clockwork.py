"""Who acts by the clock: the holder of the lease, once it has taken up what was there, and only while it holds it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.clock.clockwork import NAME, TTL, Clockwork, Job
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

SECOND = timedelta(seconds=1)


class Replica:
    """A clockwork whose timers the test pulls."""

    def __init__(self, name: str, clock: VirtualClock, database: MemoryDatabase) -> None:
        self.did: list[str] = []
        self.taken = 0
        self.lost = 0
        self.failure: Exception | None = None
        self.shared = Job("shared", SECOND, self._note("shared"))
        self.own = Job("own", SECOND, self._note("own"), shared=False)
        self.clockwork = Clockwork(database.leases, name, now=clock, taken=self._take, lost=self._lose)
        self.clock = clock

    def _note(self, name: str):
        async def run(_: datetime) -> None:
            self.did.append(name)

        return run

    async def _take(self) -> None:
        if self.failure:
            raise self.failure
        self.taken += 1

    async def _lose(self) -> None:
        self.lost += 1

    async def keep(self) -> None:
        await self.clockwork._keep(self.clock())

    async def fire(self) -> list[str]:
        self.did.clear()
        await self.clockwork._fire(self.shared)
        await self.clockwork._fire(self.own)
        return list(self.did)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def database(clock: VirtualClock) -> MemoryDatabase:
    return MemoryDatabase(clock)


async def test_one_replica_acts_and_another_takes_over(clock: VirtualClock, database: MemoryDatabase) -> None:
    first, second = Replica("first", clock, database), Replica("second", clock, database)
    await first.keep()
    await second.keep()
    assert await first.fire() == ["shared", "own"]
    assert await second.fire() == ["own"]
    clock.advance(TTL)
    await second.keep()
    assert second.taken == 1
    assert await second.fire() == ["shared", "own"]
    await first.keep()
    assert await first.fire() == ["own"]
    assert (first.lost, second.lost) == (1, 0)


async def test_a_process_that_was_stopped_does_not_act_on_an_old_lease(
    clock: VirtualClock, database: MemoryDatabase
) -> None:
    replica = Replica("first", clock, database)
    await replica.keep()
    clock.advance(TTL)
    assert await replica.fire() == ["own"]


async def test_a_process_that_was_stopped_does_not_act_while_it_asks_for_its_lease(
    clock: VirtualClock, database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica("first", clock, database)
    await replica.keep()
    clock.advance(TTL)

    async def slow(*_: object) -> None:
        assert await replica.fire() == ["own"]

    monkeypatch.setattr(database.leases, "renew", slow)
    await replica.keep()
    assert replica.lost == 1


async def test_what_could_not_be_taken_up_is_taken_up_before_acting(
    clock: VirtualClock, database: MemoryDatabase
) -> None:
    replica = Replica("first", clock, database)
    replica.failure = RuntimeError("not yet")
    with pytest.raises(RuntimeError):
        await replica.keep()
    assert await replica.fire() == ["own"]
    replica.failure = None
    clock.advance(TTL / 3)
    await replica.keep()
    assert replica.taken == 1
    assert await replica.fire() == ["shared", "own"]
    clock.advance(TTL / 3)
    await replica.keep()
    assert replica.taken == 1


async def test_without_the_database_nobody_acts(
    clock: VirtualClock, database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica("first", clock, database)
    await replica.keep()
    monkeypatch.setattr(database.bell, "_closed", True)
    await replica.keep()
    assert await replica.fire() == ["own"]
    assert replica.lost == 1
    monkeypatch.setattr(database.bell, "_closed", False)
    await replica.keep()
    assert await replica.fire() == ["shared", "own"]
    assert replica.taken == 2


async def test_a_job_that_fails_ends_nothing(
    clock: VirtualClock, database: MemoryDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    replica = Replica("first", clock, database)

    async def broken(_: datetime) -> None:
        raise RuntimeError("broken")

    await replica.clockwork._fire(Job("broken", SECOND, broken, shared=False))
    assert "broken failed and is tried again" in caplog.text


async def test_the_lease_is_given_back(clock: VirtualClock, database: MemoryDatabase) -> None:
    replica = Replica("first", clock, database)
    await replica.clockwork.start([])
    assert [lease.name for lease in await database.leases.live()] == [NAME]
    await replica.clockwork.stop()
    assert await database.leases.live() == []


async def test_a_clock_that_is_set_back_stops_nothing(
    database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.clock.clockwork.LOOK", timedelta(milliseconds=20))
    ran = asyncio.Event()

    async def nothing() -> None:
        return None

    async def run(_: datetime) -> None:
        ran.set()

    ahead = [timedelta(hours=1)]
    clock = Clockwork(database.leases, "first", now=lambda: datetime.now(UTC) + ahead[0], taken=nothing, lost=nothing)
    await clock.start([Job("late", timedelta(hours=1), run, shared=False)])
    await asyncio.sleep(0)  # the clock is looked at for the first time
    ahead[0] = timedelta(0)
    async with asyncio.timeout(5):
        await ran.wait()
    await clock.stop()


async def test_a_job_that_is_broken_off_at_the_end_is_no_failure(
    clock: VirtualClock, database: MemoryDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    replica, began = Replica("only", clock, database), asyncio.Event()

    async def lasting(_: datetime) -> None:
        began.set()
        await asyncio.Event().wait()

    await replica.clockwork.start([Job("lasting", timedelta(milliseconds=10), lasting, shared=False)])
    await began.wait()
    running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await replica.clockwork.stop()
    await asyncio.wait(running)
    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == []
