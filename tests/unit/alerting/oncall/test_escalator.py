"""The whole escalation on a virtual clock, from a firing alert to the last page."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import pytest

from alerting.errors import AlertingError, PermanentFailure, TemporaryFailure
from alerting.incidents.errors import UnknownIncident
from alerting.incidents.incident import Incident, PersonId, State, stream_of
from storage.events import CardChange, Event, NewEvent
from tests.fakes.memory_storage import MemoryLog
from tests.unit.alerting.incidents.world import ADA, BOB, CY, START, World, firing, resolved, seconds


def fails_for(person: PersonId, failure: AlertingError) -> Callable[[PersonId], AlertingError | None]:
    return lambda who: failure if who == person else None


async def test_left_alone_it_escalates_step_by_step_and_says_when_nobody_answers() -> None:
    world = World()
    await world.opened()
    await world.run(until=3600)
    assert world.pager.told == [(ADA, 0), (BOB, 60), (CY, 180)]
    incident = await world.only()
    assert incident.exhausted
    assert [line.text for line in incident.history] == [
        "Opened: Slow firing.",
        "Paging ada (step 1 of 3).",
        "ada was paged.",
        "Paging bob (step 2 of 3).",
        "bob was paged.",
        "Paging cy (step 3 of 3).",
        "cy was paged.",
        "Everybody in the escalation policy was paged and nobody acknowledged.",
    ]


async def test_an_acknowledgment_stops_it_at_once() -> None:
    world = World()
    incident = await world.opened()
    await world.run(until=30)
    await world.desk.acknowledge(incident, ADA)
    await world.run(until=7200)
    assert world.pager.told == [(ADA, 0)]
    assert (await world.only()).state is State.ACKNOWLEDGED


async def test_given_back_it_pages_everybody_again() -> None:
    world = World()
    incident = await world.opened()
    await world.run(until=30)
    await world.desk.acknowledge(incident, ADA)
    await world.run(until=100)
    await world.desk.unacknowledge(incident, ADA)
    await world.run(until=170)
    assert world.pager.told == [(ADA, 0), (ADA, 100), (BOB, 160)]


async def test_it_ends_with_the_incident() -> None:
    world = World()
    await world.opened()
    await world.run(until=30)
    await world.take([resolved()])
    await world.run(until=3600)
    assert world.pager.told == [(ADA, 0)]
    assert not world.durable.due


async def test_escalate_pages_the_next_step_now_and_a_double_click_is_one() -> None:
    world = World()
    incident = await world.opened()
    await world.run(until=10)
    first = await world.desk.escalate(incident, ADA, level=0)
    second = await world.desk.escalate(incident, ADA, level=0)
    await world.run(until=20)
    third = await world.desk.escalate(incident, ADA, level=0)
    await world.run(until=30)
    assert world.pager.told == [(ADA, 0), (BOB, 10)]
    assert [one.text for one in (first, second, third)] == [
        "Step 2 is being paged.",
        "It has been escalated already.",
        "It has been escalated already.",
    ]


async def test_escalating_an_acknowledged_incident_pages_one_step_and_it_stays_acknowledged() -> None:
    world = World()
    incident = await world.opened()
    await world.run(until=10)
    await world.desk.acknowledge(incident, ADA)
    await world.desk.escalate(incident, ADA)
    await world.run(until=7200)
    assert world.pager.told == [(ADA, 0), (BOB, 10)]
    assert (await world.only()).acknowledged_by == ADA


async def test_escalating_when_everybody_was_paged_starts_another_round() -> None:
    world = World()
    incident = await world.opened()
    await world.run(until=1000)
    await world.desk.escalate(incident, CY)
    await world.run(until=1061)
    assert world.pager.told[3:] == [(ADA, 1000), (BOB, 1060)]


async def test_a_permanent_failure_tells_the_next_step_at_once() -> None:
    world = World()
    world.pager.trouble = fails_for(ADA, PermanentFailure("ada has left the workspace", "name another"))
    await world.opened()
    await world.run(until=59)
    assert world.pager.told == [(BOB, 0)]
    assert (await world.only()).pages[0].error == "ada has left the workspace; name another"


async def test_a_temporary_failure_is_tried_for_five_minutes_with_growing_waits() -> None:
    world = World()
    world.pager.trouble = lambda _: TemporaryFailure("the chat is away")
    await world.opened()
    await world.run(until=2000)
    tries = [at for person, at in world.pager.tries if person == ADA]
    assert tries == [0, 5, 10, 20, 40, 80, 140, 200, 260, 300]
    incident = await world.only()
    assert [page.error for page in incident.pages] == ["tried for 5 minutes: the chat is away"] * 3
    assert incident.exhausted


async def test_a_page_that_gets_through_late_is_told_once() -> None:
    world = World()
    world.pager.trouble = lambda _: None if world.clock.passed >= 20 else TemporaryFailure("away")
    await world.opened()
    await world.run(until=50)
    assert world.pager.told == [(ADA, 20)]
    (page,) = (await world.only()).pages
    assert page.delivered_at == world.clock.at - timedelta(seconds=30)


async def test_the_chat_may_ask_for_a_longer_wait() -> None:
    world = World()
    world.pager.trouble = lambda _: TemporaryFailure("slow down", retry_after=timedelta(seconds=42))
    await world.opened()
    await world.run(until=50)
    assert world.pager.tries == [(ADA, 0), (ADA, 42)]


async def test_a_wake_does_not_hurry_a_page_that_waits_to_be_tried_again() -> None:
    world = World()
    world.pager.trouble = lambda _: TemporaryFailure("slow down", retry_after=timedelta(seconds=42))
    incident = await world.opened()
    await world.run(until=1)
    await world.durable.wake(stream_of(incident))
    await world.run(until=40)
    assert world.pager.tries == [(ADA, 0)]


async def test_the_next_step_does_not_wait_for_a_page_that_is_still_tried() -> None:
    world = World()
    world.pager.trouble = fails_for(ADA, TemporaryFailure("away"))
    await world.opened()
    await world.run(until=61)
    assert world.pager.told == [(BOB, 60)]


async def test_a_page_on_its_way_is_withdrawn_by_an_acknowledgment() -> None:
    world = World()
    world.pager.trouble = lambda _: TemporaryFailure("away")
    incident = await world.opened()
    await world.run(until=1)
    await world.desk.acknowledge(incident, BOB)
    await world.run(until=3600)
    assert world.pager.tries == [(ADA, 0)]
    (page,) = (await world.only()).pages
    assert page.withdrawn


async def test_an_acknowledgment_during_the_delivery_loses_neither() -> None:
    world = World()

    class AckingPager:
        async def page(self, key: str, incident: Incident, person: PersonId, level: int) -> None:
            await world.desk.acknowledge(incident.id, BOB)

    world.escalator._pager = AckingPager()
    await world.opened()
    await world.run(until=600)
    incident = await world.only()
    assert incident.acknowledged_by == BOB
    assert [page.delivered_at is not None for page in incident.pages] == [True]


async def test_an_unknown_incident_is_an_error() -> None:
    with pytest.raises(UnknownIncident):
        await World().escalator.turn("incident-nothing")


async def test_while_the_database_is_away_it_comes_back_soon() -> None:
    world = World()
    incident = await world.opened()
    await world.database.close()
    assert await world.escalator.turn(stream_of(incident)) == timedelta(seconds=5)


class Killed(BaseException):
    """The process dies here."""


class MortalLog(MemoryLog):
    """Dies before or after the nth append."""

    deaths: Sequence[tuple[int, str]] = ()
    appends = 0

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: int, at: datetime, card: CardChange | None = None
    ) -> list[Event]:
        self.appends += 1
        if (self.appends, "before") in self.deaths:
            raise Killed
        added = await super().append(stream, events, expected=expected, at=at, card=card)
        if (self.appends, "after") in self.deaths:
            raise Killed
        return added


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 9))
async def test_a_crash_between_any_two_effects_pages_nobody_twice_and_forgets_nobody(nth: int, moment: str) -> None:
    world = World()
    log = MortalLog(world.database.bell)
    log.deaths = [(nth, moment)]
    world.log = log
    world.restart()
    for _ in range(3):
        try:
            await world.take([firing()])
            await world.run(until=3600)
            break
        except Killed:
            world.restart()
            await world.desk.adopt()
    assert world.pager.told == [(ADA, 0), (BOB, 60), (CY, 180)]
    incident = await world.only()
    assert all(page.delivered_at for page in incident.pages)
    assert incident.exhausted


class InterruptedLog(MemoryLog):
    """Lets something else happen just before the nth append."""

    before: tuple[int, Callable[[], Awaitable[object]]]
    appends = 0

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: int, at: datetime, card: CardChange | None = None
    ) -> list[Event]:
        self.appends += 1
        if self.appends == self.before[0]:
            await self.before[1]()
        return await super().append(stream, events, expected=expected, at=at, card=card)


async def test_an_alert_that_joins_while_a_step_is_written_delays_no_page() -> None:
    world = World()
    log = InterruptedLog(world.database.bell)
    log.before = (2, lambda: world.take([firing("Down")]))
    world.log = log
    world.restart()
    await world.opened()
    await world.run(until=0)
    assert world.pager.told == [(ADA, 0)]
    assert len((await world.only()).firing) == 2


async def test_an_acknowledgment_while_a_step_is_written_comes_first() -> None:
    world = World()
    log = InterruptedLog(world.database.bell)
    log.before = (2, lambda: acknowledge_the_only(world))
    world.log = log
    world.restart()
    await world.opened()
    await world.run(until=600)
    assert world.pager.told == []


async def acknowledge_the_only(world: World) -> None:
    await world.desk.acknowledge((await world.only()).id, BOB)


async def test_a_page_that_fails_after_an_acknowledgment_pages_nobody_else() -> None:
    world = World()

    class AckedThenRefused:
        async def page(self, key: str, incident: Incident, person: PersonId, level: int) -> None:
            await world.desk.acknowledge(incident.id, CY)
            raise PermanentFailure("ada has left the workspace", "name another")

    world.escalator._pager = AckedThenRefused()
    await world.opened()
    await world.run(until=600)
    assert [page.person for page in (await world.only()).pages] == [ADA]


async def test_a_silenced_incident_pages_nobody_until_then_unless_by_hand() -> None:
    world = World()
    incident = await world.opened()
    await world.run(until=1)
    world.quiet.until = {"Slow": START + seconds(600)}
    await world.desk.wake(await world.only())
    await world.run(until=300)
    assert world.pager.told == [(ADA, 0)]
    await world.desk.escalate(incident, CY)
    await world.run(until=301)
    assert world.pager.told == [(ADA, 0), (BOB, 300)]
    await world.run(until=599)
    world.quiet.until = {}
    await world.desk.wake(await world.only())
    await world.run(until=610)
    assert world.pager.told == [(ADA, 0), (BOB, 300), (CY, 599)]
    texts = [line.text for line in (await world.only()).history]
    assert "Nobody is paged while all its alerts are silenced." in texts
    assert texts[-3] == "Paging goes on: not all its alerts are silenced any more."


async def test_paging_goes_on_when_the_silence_ends_and_for_an_alert_that_is_not_silenced() -> None:
    world = World()
    world.quiet.until = {"Slow": START + seconds(90)}
    await world.opened()
    await world.run(until=89)
    assert world.pager.told == []
    await world.run(until=91)
    assert world.pager.told == [(ADA, 90)]
    world.quiet.until = {"Slow": START + seconds(9000)}
    await world.take([firing("Down", since=91)])
    await world.desk.wake(await world.only())
    await world.run(until=200)
    assert world.pager.told == [(ADA, 90), (BOB, 150)]
