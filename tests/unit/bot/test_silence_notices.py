"""What the channel is told of silences: each once, over restarts too, and the incident knows of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from alerting.incidents.events import IncidentOpened, IncidentResolved
from alerting.incidents.incident import Incident, IncidentId
from alerting.incidents.journal import IncidentJournal
from alerting.routing.matcher import Matcher, Op
from alerting.silences.desk import SilenceDesk
from alerting.silences.silence import Silence, SilenceId
from bot.chat.ledger import Ledger
from bot.chat.outbox import Outbox
from bot.chat.silence_notices import SilenceNotices
from tests.fakes.blockkit import KNOWN_USER
from tests.fakes.chat import FakePlatform
from tests.fakes.memory_storage import MemoryDatabase
from tests.fakes.virtual_time import run

Now = Callable[[], datetime]
HOUR = timedelta(hours=1)
DOWN = (Matcher("alertname", Op.EQUAL, "Down"),)
INCIDENT = IncidentId("i-1")


class House:
    """A desk and its notices, which may be begun anew as after a crash."""

    def __init__(self, now: Now) -> None:
        self.now = now
        self.platform = FakePlatform(now)
        self.database = MemoryDatabase(now)
        self.incidents = IncidentJournal(self.database.log)
        self.desk = SilenceDesk(self.database.log, now=now)
        self.begin()

    async def restart(self) -> None:
        await self.outbox.close()
        self.desk = SilenceDesk(self.database.log, now=self.now)
        self.begin()

    def begin(self) -> None:
        ledger = Ledger(self.database.records, self.platform, now=self.now)
        self.outbox = Outbox(self.platform, ledger, now=self.now)
        self.woken: list[str] = []
        self.notices = SilenceNotices(
            self.desk, self.incidents, self.outbox, ledger, lambda _: KNOWN_USER, channel="ops", wake=self.wake
        )

    async def wake(self, incident: Incident) -> None:
        self.woken.append(str(incident.id))

    async def set(self, **more: Any) -> SilenceId:
        now = self.now()
        made = Silence(SilenceId(""), DOWN, now, now + HOUR, now, "ada", "upgrade")
        return await self.desk.set(replace(made, **more))

    async def tick(self, firing: bool = True) -> list[str]:
        await self.desk.tick(self.now(), [{"alertname": "Down"}] if firing else [])
        await self.notices.tick(self.now())
        await self.outbox.settle()
        return self.platform.texts("C-ops")

    async def open(self) -> None:
        event = IncidentOpened("k", "Down", "page", "deploys", "", "", ())
        await self.incidents.open(INCIDENT, event, at=self.now())

    async def history(self) -> list[str]:
        return [entry.text for entry in (await self.incidents.load(INCIDENT)).history]


STARTED, SOON, OVER = (
    'Alerts are silenced: alertname="Down"',
    'A silence ends soon: alertname="Down"',
    'A silence has ended: alertname="Down"',
)


def passed(minutes: float) -> Awaitable[None]:
    return asyncio.sleep(minutes * 60)


def test_begin_soon_and_end_are_told_once_each() -> None:
    async def main(now: Now) -> None:
        house = House(now)
        await house.set()
        for _ in range(3):
            assert await house.tick() == [STARTED]
        await house.restart()
        assert await house.tick() == [STARTED]
        await passed(46)
        assert await house.tick() == [STARTED, SOON]
        await house.restart()
        assert await house.tick() == [STARTED, SOON]
        await passed(20)
        assert await house.tick() == [STARTED, SOON, OVER]
        await house.restart()
        assert await house.tick() == [STARTED, SOON, OVER]
        await house.outbox.close()

    run(main)


def test_a_crash_before_or_after_the_post_tells_it_once() -> None:
    async def main(now: Now) -> None:
        house = House(now)
        await house.set()
        house.platform.order("post", "error")
        await house.desk.tick(now(), [])
        await house.notices.tick(now())
        await house.restart()  # nothing was posted
        house.platform.order("post", "drop_after")
        await house.desk.tick(now(), [])
        await house.notices.tick(now())
        await passed(0.01)
        await house.restart()  # it was posted, and nobody wrote that down
        assert await house.tick() == [STARTED]
        await house.outbox.close()

    run(main)


def test_its_own_channel_hears_and_a_moved_end_is_drawn_anew() -> None:
    async def main(now: Now) -> None:
        house = House(now)
        made = await house.set(channel="payments")
        await house.tick()
        assert house.platform.texts("C-payments") == [STARTED]
        known = house.desk.get(made)
        assert known is not None
        await house.desk.set(replace(known, ends_at=known.ends_at + HOUR))
        await house.tick()
        (message,) = house.platform.messages
        assert len(message.texts) == 2
        await house.desk.expire(made, "ben")
        await house.tick()
        assert house.platform.texts("C-payments") == [STARTED, OVER]
        assert len(house.platform.messages[0].texts) == 3
        await house.outbox.close()

    run(main)


def test_many_at_once_are_one_message() -> None:
    async def main(now: Now) -> None:
        house = House(now)
        for number in range(20):
            await house.set(matchers=(Matcher("n", Op.EQUAL, str(number)),), incident="gone" if number else "")
        house.platform.order("post", "drop_after")
        await house.notices.tick(now())
        await passed(0.01)
        await house.restart()  # it was posted, and nobody wrote that down
        for _ in range(3):
            assert await house.tick() == ["🔕 20 silences have begun"]
        await house.restart()
        await house.set(matchers=(Matcher("n", Op.EQUAL, "late"),))
        assert await house.tick() == ["🔕 20 silences have begun", 'Alerts are silenced: n="late"']
        await passed(61)
        told = await house.tick()
        assert told[2:] == ["🔔 21 silences have ended"]
        assert [len(one.texts) for one in house.platform.messages] == [2, 2, 1]
        await house.outbox.close()

    run(main)


def test_one_that_never_began_is_never_told() -> None:
    async def main(now: Now) -> None:
        house = House(now)
        made = await house.set(starts_at=now() + HOUR, ends_at=now() + 2 * HOUR)
        assert await house.tick() == []
        await house.desk.expire(made, "ben")
        await passed(180)
        assert await house.tick() == []
        await house.outbox.close()

    run(main)


def test_an_incident_knows_of_its_silence() -> None:
    async def main(now: Now) -> None:
        house = House(now)
        await house.open()
        made = await house.set(incident=str(INCIDENT), channel="deploys")
        for _ in range(2):
            await house.tick()
        await house.restart()
        await house.tick()
        assert (await house.history())[1:] == ["ada silenced it until 2026-01-05 10:00 UTC."]
        (silenced,) = (await house.incidents.load(INCIDENT)).silenced
        assert (silenced.silence, silenced.person) == (made, "ada")
        await house.desk.expire(made, "ben")
        await house.tick()
        assert (await house.history())[2:] == ["ben ended its silence."]
        assert not (await house.incidents.load(INCIDENT)).silenced
        facts = await house.database.log.read(f"incident-{INCIDENT}")
        assert [one.actor for one in facts[1:]] == ["ada", "ben"]
        await house.outbox.close()

    run(main)


def test_until_resolved_ends_by_itself_and_says_so() -> None:
    async def main(now: Now) -> None:
        house = House(now)
        await house.open()
        await house.set(incident=str(INCIDENT), until_resolved=True)
        await house.tick()
        await house.tick(firing=False)
        assert (await house.history())[1:] == [
            "ada silenced it until its alerts are resolved.",
            "Its silence has ended.",
        ]
        await house.outbox.close()

    run(main)


def test_what_is_over_or_unknown_is_left_alone() -> None:
    async def main(now: Now) -> None:
        house = House(now)
        await house.open()
        await house.incidents.change(INCIDENT, lambda _: (IncidentResolved(),), at=now())
        await house.set(incident=str(INCIDENT))
        await house.set(incident="gone")
        await house.tick()
        assert len(await house.history()) == 2
        await house.outbox.close()

    run(main)
