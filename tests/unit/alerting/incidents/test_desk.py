"""Alerts become incidents, and people decide about them."""

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.errors import TemporaryFailure
from alerting.incidents.errors import IncidentEnded, NothingToEscalate, UnknownIncident
from alerting.incidents.incident import IncidentId, State, stream_of
from alerting.incidents.intake import AlertChange
from alerting.incidents.suspects import Change
from storage.errors import Conflict, KeyTaken
from storage.events import CardChange, Event, NewEvent
from tests.fakes.memory_storage import MemoryLog
from tests.unit.alerting.incidents.world import ADA, BOB, PLACE, START, UNPAGED, World, firing, resolved, seconds


async def test_an_alert_opens_an_incident_with_all_that_is_known_of_it() -> None:
    world = World()
    incident = await world.journal.load(await world.opened())
    assert (incident.title, incident.severity, incident.channel) == ("Slow in the shop", "page", "#incidents")
    assert (incident.service, incident.environment, incident.on_call) == ("shop", "production", ADA)
    assert incident.policy == "shop"
    assert world.durable.starts == [stream_of(incident.id)]


async def test_alerts_of_the_group_join_and_the_incident_resolves_itself_with_the_last() -> None:
    world = World()
    await world.opened()
    await world.take([firing("Down")])
    await world.take([resolved("Slow")])
    assert (await world.only()).state is State.OPEN
    await world.take([resolved("Down")])
    incident = await world.only()
    assert (incident.state, incident.resolved_by) == (State.RESOLVED, None)
    assert [line.text for line in incident.history] == [
        "Opened: Slow firing.",
        "Down joined.",
        "Slow ended.",
        "Down ended.",
        "Resolved: every alert has ended.",
    ]


async def test_an_alert_that_fires_anew_is_a_new_incident() -> None:
    world = World()
    await world.take([firing()])
    await world.take([resolved()])
    await world.take([firing(since=60)])
    assert [one.state for one in await world.journal.recent()] == [State.OPEN, State.RESOLVED]


async def test_told_again_nothing_is_written() -> None:
    world = World()
    await world.opened()
    version = (await world.only()).stream_version
    await world.take([firing(), firing()])
    assert (await world.only()).stream_version == version


async def test_a_value_is_written_at_most_every_half_minute_and_never_an_older_one() -> None:
    world = World()
    await world.take([firing(value=1, seen=0)])
    shown = []
    for value, seen in [(2, 29), (3, 30), (4, 10), (5, 60)]:
        await world.take([firing(value=value, seen=seen)])
        shown.append((await world.only()).alerts[0].value)
    assert shown == [1, 3, 3, 5]


async def test_resolved_by_hand_it_opens_again_only_when_the_alert_fires_anew() -> None:
    world = World()
    answer = await world.desk.resolve(await world.opened(), ADA)
    assert answer.text == "Resolved. Its alert still fires: a new incident opens once one ended and fires anew."
    await world.take([firing(value=9)])
    await world.take([firing("Down")])  # another alert of the group does open one
    await world.take([firing(value=9)])
    await world.desk.resolve((await world.journal.recent())[0].id, ADA)
    await world.take([firing(value=9), firing("Down", value=9)])
    assert [one.ended for one in await world.journal.recent()] == [True, True]
    await world.take([resolved()])
    await world.take([firing(since=60)])
    newest = (await world.journal.recent())[0]
    assert [alert.since for alert in newest.firing] == [START + seconds(60)]


async def test_an_end_before_its_firing_opens_nothing() -> None:
    world = World()
    await world.take([resolved()])
    await world.take([firing()])
    assert await world.journal.recent() == ()


async def test_an_alert_that_ended_stays_so_when_its_firing_is_told_again_after_a_restart() -> None:
    world = World()
    await world.take([firing(), firing("Down")])
    await world.take([resolved()])
    world.restart()
    await world.take([firing(value=7, seen=29)])
    assert [alert.name for alert in (await world.only()).firing] == ["Down"]


async def test_an_alert_that_ended_by_itself_and_fires_on_as_before_is_a_new_incident_that_pages() -> None:
    world = World()
    first = await world.opened()
    await world.run(until=1)
    await world.take([resolved(ended=30)])
    world.clock.at = START + seconds(300)
    for _ in range(2):
        await world.take([firing(seen=300)])
    await world.run(until=301)
    newest, oldest = await world.journal.recent()
    assert (newest.state, oldest.state, oldest.id) == (State.OPEN, State.RESOLVED, first)
    assert newest.firing[0].since == START
    assert world.pager.told == [(ADA, 0), (ADA, 300)]


async def test_in_an_open_incident_it_fires_again() -> None:
    world = World()
    await world.take([firing(), firing("Down")])
    await world.take([resolved(ended=30)])
    world.restart()
    await world.take([firing(seen=31)])
    await world.take([resolved(ended=30)])
    incident = await world.only()
    assert [alert.name for alert in incident.firing] == ["Down", "Slow"]
    assert [line.text for line in incident.history[1:]] == ["Slow ended.", "Slow fires again."]


async def test_the_other_of_a_pair_may_know_an_earlier_start() -> None:
    world = World()
    await world.take([firing(since=7)])
    await world.take([resolved(since=7, ended=30)])
    await world.take([firing(since=0, seen=33)])
    assert [one.ended for one in await world.journal.recent()] == [False, True]
    await world.take([firing(since=-5, seen=34)])
    await world.take([resolved(since=-5, ended=35)])
    assert [one.ended for one in await world.journal.recent()] == [True, True]


async def test_resolved_by_hand_it_stays_so_until_its_end_was_told_even_after_a_restart() -> None:
    world = World()
    await world.take([firing(), firing("Down")])
    await world.desk.resolve((await world.only()).id, ADA)
    await world.take([firing("Full", since=10)])  # what is settled is handed on to the next incident
    await world.take([firing(seen=60), firing("Down", seen=60)])
    assert [alert.name for alert in (await world.journal.recent())[0].firing] == ["Full"]
    await world.take([resolved(ended=70)])
    world.restart()
    await world.take([firing(seen=90), firing("Down", seen=90)])
    assert [alert.name for alert in (await world.journal.recent())[0].firing] == ["Full", "Slow"]
    await world.take([resolved("Full", since=10, ended=100), resolved(ended=100)])
    await world.take([resolved("Down", ended=110)])
    world.restart()
    await world.take([firing("Down", seen=109)])
    assert all(one.ended for one in await world.journal.recent())
    await world.take([firing("Down", seen=120)])
    assert [alert.name for alert in (await world.journal.recent())[0].firing] == ["Down"]


async def test_two_replicas_that_hear_of_it_again_open_one() -> None:
    world = World()
    log = RacingLog(world.database.bell)
    world.log = log
    world.restart()
    first = world.desk
    world.restart()
    await first.take([firing()], PLACE)
    await world.take([resolved()])
    log.rival = world.take([firing(seen=40)])
    await first.take([firing(seen=41)], PLACE)
    assert [one.ended for one in await world.journal.recent()] == [False, True]


async def test_however_many_a_person_resolved_they_open_no_other() -> None:
    world = World()
    many = [firing(f"Slow{number}") for number in range(600)]
    await world.take(many)
    await world.desk.resolve((await world.only()).id, ADA)
    await world.take(many)
    assert (await world.only()).ended


async def test_news_of_an_alert_reach_every_incident_in_which_it_fires_and_open_none() -> None:
    world = World()
    await world.desk.keep([firing()])
    assert await world.journal.recent() == ()
    await world.opened()
    await world.desk.take([firing()], replace(PLACE, key="elsewhere", channel="#elsewhere"))
    await world.desk.keep([firing(value=2, seen=60), firing("Down")])
    incidents = await world.journal.recent()
    assert [[(alert.name, alert.value) for alert in one.firing] for one in incidents] == [[("Slow", 2)], [("Slow", 2)]]
    await world.desk.keep([resolved(ended=90)])
    assert [one.ended for one in await world.journal.recent()] == [True, True]


async def test_suspects_are_ranked_anew_when_an_alert_joins() -> None:
    world = World()
    change = Change("d1", "shop", "production", "v3", "v2", "bob", START + seconds(30), in_progress=True)
    world.changes.known = [change]
    await world.opened()
    assert (await world.only()).suspects == ()
    await world.take([firing("Down", since=60)])
    assert [one.deployment for one in (await world.only()).suspects] == ["d1"]
    world.changes.failure = TemporaryFailure("the journal is away")
    await world.take([firing("Full", since=90)])
    assert [one.deployment for one in (await world.only()).suspects] == ["d1"]


async def test_without_knowing_what_changed_it_opens_all_the_same_and_says_so() -> None:
    world = World()
    world.changes.failure = TemporaryFailure("the journal is away")
    await world.opened()
    assert [line.text for line in (await world.only()).history] == [
        "Opened: Slow firing.",
        "Recent changes are not known: the journal is away.",
    ]


async def test_what_still_fires_is_said_again_once_for_each_time() -> None:
    world = World()
    await world.desk.repeat(PLACE, "first")
    incident = await world.opened()
    for key in ("first", "first", "second"):
        await world.desk.repeat(PLACE, key)
    await world.desk.acknowledge(incident, ADA)
    await world.desk.repeat(PLACE, "third")
    assert [line.text for line in (await world.only()).history[1:]] == [
        "Still open: its alert fires, and nobody has it.",
        "Still open: its alert fires, and nobody has it.",
        "ada acknowledged it.",
        "Still open: its alert fires, and it is taken by ada.",
    ]
    await world.desk.resolve(incident, ADA)
    await world.desk.repeat(PLACE, "fourth")
    assert (await world.only()).repeated == "third"


async def test_acknowledging_twice_is_once_and_another_takes_over() -> None:
    world = World()
    incident = await world.opened()
    answers = [await world.desk.acknowledge(incident, who) for who in (ADA, ADA, BOB)]
    assert [answer.text for answer in answers] == [
        "You have it now. Nobody else is paged.",
        "You have it already.",
        "You took it over from ada.",
    ]
    assert [line.text for line in answers[-1].incident.history[1:]] == [
        "ada acknowledged it.",
        "bob took it over from ada.",
    ]


async def test_giving_back_what_nobody_has_says_so() -> None:
    world = World()
    answer = await world.desk.unacknowledge(await world.opened(), ADA)
    assert answer.text == "Nobody has acknowledged it."


async def test_what_has_ended_is_told_with_who_and_when() -> None:
    world = World()
    incident = await world.opened()
    await world.desk.resolve(incident, ADA)
    assert (await world.desk.resolve(incident, ADA)).text == "You resolved it already."
    for decide in (world.desk.acknowledge, world.desk.resolve, world.desk.unacknowledge, world.desk.escalate):
        with pytest.raises(IncidentEnded, match="was resolved by ada at 2026-03-02 10:00 UTC; Nothing is left to do"):
            await decide(incident, BOB)


async def test_what_resolved_itself_is_told_so() -> None:
    world = World()
    incident = await world.opened()
    await world.take([resolved()])
    with pytest.raises(IncidentEnded, match="This incident resolved itself"):
        await world.desk.acknowledge(incident, ADA)


async def test_an_unknown_incident_is_an_error() -> None:
    with pytest.raises(UnknownIncident, match="There is no incident nothing"):
        await World().desk.acknowledge(IncidentId("nothing"), ADA)


async def test_without_a_policy_there_is_nobody_to_escalate_to() -> None:
    world = World(place=UNPAGED)
    incident = await world.opened()
    await world.run(until=3600)
    assert world.pager.told == []
    with pytest.raises(NothingToEscalate):
        await world.desk.escalate(incident, ADA)


async def test_a_crash_before_the_loop_began_is_made_good_at_start() -> None:
    world = World()
    await world.opened()
    world.durable.due.clear()
    world.restart()
    await world.desk.adopt()
    await world.run(until=1)
    assert world.pager.told == [(ADA, 0)]


async def test_two_replicas_that_open_the_same_incident_open_one() -> None:
    world = World()
    log = RacingLog(world.database.bell)
    world.log = log
    world.restart()
    first = world.desk
    world.restart()
    log.rival = world.take([firing("Down"), firing()])
    await first.take([firing()], PLACE)
    incident = await world.only()
    assert [alert.name for alert in incident.firing] == ["Down", "Slow"]


class RacingLog(MemoryLog):
    """Lets a rival write just before the first append."""

    rival: Awaitable[None] | None = None

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: int, at: datetime, card: CardChange | None = None
    ) -> list[Event]:
        rival, self.rival = self.rival, None
        if rival is not None:
            await rival
        return await super().append(stream, events, expected=expected, at=at, card=card)


class BusyLog(MemoryLog):
    """Somebody else is always quicker."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: int, at: datetime, card: CardChange | None = None
    ) -> list[Event]:
        raise KeyTaken("incident", "x", stream) if expected == 0 else Conflict(stream, expected, expected + 1)


async def test_overtaken_again_and_again_it_asks_to_be_told_again() -> None:
    world = World()
    world.log = BusyLog(world.database.bell)
    world.restart()
    with pytest.raises(TemporaryFailure, match="1 alerts could not be taken"):
        await world.take([firing()])


STORY = (firing("Slow"), firing("Down"), resolved("Slow"), firing("Slow", since=60), firing("Full"), resolved("Full"))


@pytest.mark.parametrize("order", permutations(STORY[:5]))
async def test_in_one_batch_the_order_does_not_matter(order: tuple[AlertChange, ...]) -> None:
    world, reference = World(), World()
    await world.take(order)
    await reference.take(STORY[:5])
    assert await world.only() == await reference.only()


@settings(deadline=None)
@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=4))
async def test_one_by_one_in_any_order_and_repeated_the_same_alerts_fire_in_the_end(
    order: list[AlertChange], repeated: list[AlertChange]
) -> None:
    world = World()
    for change in [*order, *repeated]:
        await world.take([change])
        world.clock.at += timedelta(seconds=1)
    firing_now = [alert for one in await world.journal.open_incidents() for alert in one.firing]
    assert sorted((alert.name, alert.since) for alert in firing_now) == [
        ("Down", START),
        ("Slow", START + seconds(60)),
    ]
