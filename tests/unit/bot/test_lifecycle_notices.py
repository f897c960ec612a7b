"""What the channel is told of a component: one message for each deed, rewritten to its end, over restarts too."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from bot.chat.ledger import Ledger
from bot.chat.lifecycle_notices import LifecycleNotices
from bot.chat.outbox import Outbox
from engine.components import changes, routing, wishes
from engine.components.journal import ComponentJournal
from tests.fakes.blockkit import KNOWN_USER
from tests.fakes.chat import FakePlatform
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.virtual_time import run
from tests.unit.components.house import CATALOG, PLACE, V1


class House:
    """A component's journal and the notices of it, which may be begun anew as after a crash."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.platform = FakePlatform(now)
        self.database = MemoryDatabase(now)
        self.journal = ComponentJournal(self.database.log)
        self.ledger = Ledger(self.database.records, self.platform, now=now)
        self.outbox = Outbox(self.platform, self.ledger, now=now)

    async def record(self, decide: Callable[..., object]) -> None:
        await self.journal.record(PLACE, decide, at=self.now())  # type: ignore[arg-type]

    async def listen(self, seconds: float = 8) -> list[str]:
        """Follow for some seconds; what stands in the channel then."""
        notices = LifecycleNotices(
            self.database.log,
            self.database.records,
            self.outbox,
            self.ledger,
            lambda _: KNOWN_USER,
            lambda: CATALOG,
            fallback="deploys",
            now=self.now,
        )
        task = asyncio.create_task(notices.follow(), name="notices")
        await asyncio.sleep(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return self.platform.texts("C-deploys")


async def running(house: House) -> None:
    await house.record(lambda one: changes.begun(one, PLACE, V1, "d1"))
    await house.record(lambda one: changes.finished(one, V1, "d1"))
    await house.listen(1)


def test_a_deed_is_one_message_that_is_rewritten_and_told_once_over_restarts() -> None:
    async def story(now: Callable[[], datetime]) -> None:
        house = House(now)
        await running(house)
        await house.record(lambda one: wishes.scale_wished(one, PLACE, 3, 2, "ada"))
        assert await house.listen() == ["Scale shop in production from 2 to 3: under way"]
        await house.record(changes.scaled)
        assert await house.listen() == ["Scale shop in production from 2 to 3: done"]
        await house.record(lambda one: wishes.stop_wished(one, PLACE, "ada"))
        told = ["Scale shop in production from 2 to 3: done", "Stop shop in production: under way"]
        assert await house.listen() == told
        assert await house.listen() == told
        await house.outbox.close()

    run(story)


def test_a_failure_is_told_with_its_reason_and_a_deployment_is_not() -> None:
    async def story(now: Callable[[], datetime]) -> None:
        house = House(now)
        await running(house)
        await house.record(lambda one: changes.repair_failed(one, "No such table."))
        assert await house.listen() == ["shop in production has failed: No such table."]
        await house.outbox.close()

    run(story)


def test_a_router_that_another_hand_changed_is_told_with_its_end() -> None:
    async def story(now: Callable[[], datetime]) -> None:
        house = House(now)
        await running(house)
        title = "The router of shop in production is not as it was set"
        await house.record(lambda one: routing.noticed(one, "v9 100 %", now=now()))
        assert await house.listen() == [f"{title}: being set right"]
        await house.record(routing.restored)
        told = [f"{title}: set right"]
        assert await house.listen() == told
        await house.record(lambda one: routing.given_up(one, "v9 100 %", "It comes back."))
        assert await house.listen() == [*told, f"{title}: left alone"]
        await house.record(lambda one: routing.given_up(one, "v9 100 %", "It comes back.", again=True))
        assert await house.listen() == [*told, f"{title}: left alone"]
        await house.outbox.close()

    run(story)
