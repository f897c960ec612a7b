"""What senders tell reaches the incidents as the store of alerts has merged it."""

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import fingerprint
from alerting.alerts.store import AlertStore
from alerting.incidents.incident import State
from alerting.notify.incident import change_of
from tests.unit.alerting.incidents.world import ADA, START, World, seconds

LABELS = {"alertname": "Slow", "service": "shop"}
MARK = fingerprint(LABELS)


@dataclass
class Heard:
    """A store that hears senders, and the desk that is told of what the store then holds."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.store = AlertStore(self.world.database.records, now=self.world.clock)

    async def post(self, since: float, ends: float) -> None:
        """A sender tells the alert now; its end may have passed already."""
        told = ReceivedAlert(LABELS, {}, self.at(since), self.at(ends), self.world.clock(), MARK, "api")
        await self.store.take([told])
        await self.dispatch()

    async def dispatch(self) -> None:
        self.store.expire(self.world.clock())
        alert = self.store.get(MARK)
        assert alert is not None
        await self.world.take([change_of(alert, self.world.clock())])

    async def pass_to(self, at: float) -> None:
        await self.world.run(until=at)
        await self.dispatch()

    async def states(self) -> list[State]:
        return [one.state for one in await self.world.journal.recent()]

    @staticmethod
    def at(number: float) -> datetime:
        return START + seconds(number)


@pytest.fixture
async def heard() -> Heard:
    heard = Heard()
    await heard.store.load()
    return heard


async def test_a_sender_that_was_cut_off_comes_back_and_pages(heard: Heard) -> None:
    await heard.post(since=-60, ends=240)
    await heard.pass_to(300)
    assert await heard.states() == [State.RESOLVED]
    await heard.post(since=-60, ends=540)
    await heard.post(since=-60, ends=541)
    await heard.pass_to(302)
    assert await heard.states() == [State.OPEN, State.RESOLVED]
    assert heard.world.pager.told[-1] == (ADA, 300)


async def test_one_of_a_pair_says_it_ended_and_the_other_goes_on(heard: Heard) -> None:
    await heard.post(since=-60, ends=240)
    await heard.post(since=-53, ends=241)
    await heard.pass_to(10)
    await heard.post(since=-60, ends=10)
    await heard.pass_to(13)
    await heard.post(since=-53, ends=253)
    assert await heard.states() == [State.OPEN, State.RESOLVED]
    await heard.pass_to(20)
    await heard.post(since=-53, ends=20)
    assert await heard.states() == [State.RESOLVED, State.RESOLVED]


async def test_what_a_person_resolved_stays_so_while_it_is_told_on(heard: Heard) -> None:
    await heard.post(since=-60, ends=240)
    await heard.world.desk.resolve((await heard.world.only()).id, ADA)
    await heard.pass_to(60)
    await heard.post(since=-60, ends=300)
    assert await heard.states() == [State.RESOLVED]
    await heard.pass_to(310)
    await heard.post(since=-60, ends=600)
    assert await heard.states() == [State.OPEN, State.RESOLVED]
