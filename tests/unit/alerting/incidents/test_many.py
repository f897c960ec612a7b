"""Thousands of alerts in one incident are few events and short lines, and everything else goes on meanwhile."""

import asyncio
from dataclasses import replace

from alerting.incidents.incident import IncidentId, State
from alerting.incidents.intake import AlertChange
from alerting.incidents.journal import IncidentJournal
from alerting.incidents.known import RecentIncidents
from tests.unit.alerting.incidents.world import ADA, PLACE, START, World, firing, resolved, seconds

MANY = 5000


def on(host: int, change: AlertChange) -> AlertChange:
    """The change, of an alert on this host."""
    labels = {**change.alert.labels, "instance": f"host-{host:05}"}
    return replace(change, alert=replace(change.alert, fingerprint=f"fp-{host:05}", labels=labels))


def hosts(count: int, change: AlertChange) -> list[AlertChange]:
    return [on(host, change) for host in range(count)]


async def test_several_that_join_fire_again_or_end_at_once_are_one_line() -> None:
    world = World()
    await world.opened()
    await world.take(hosts(5, firing(since=1)))
    await world.take(hosts(2, resolved(since=1, ended=10)))
    await world.take(hosts(3, firing(since=1, seen=20)))
    await world.take([*hosts(5, resolved(since=1, ended=30)), resolved(ended=30)])
    assert [line.text for line in (await world.only()).history] == [
        "Opened: Slow firing.",
        "5 alerts joined: Slow on host-00000, Slow on host-00001, Slow on host-00002 and 2 more.",
        "2 alerts ended: Slow on host-00000, Slow on host-00001.",
        "2 alerts fire again: Slow on host-00000, Slow on host-00001.",
        "6 alerts ended: Slow, Slow on host-00000, Slow on host-00001 and 3 more.",
        "Resolved: every alert has ended.",
    ]


async def test_an_incident_of_many_names_opens_with_some_of_them() -> None:
    world = World()
    await world.take([firing(f"Slow{number:02}") for number in range(30)])
    [line] = (await world.only()).history
    assert line.text.endswith("Slow06, Slow07 and 22 more firing.")


async def test_thousands_join_and_end_in_few_events_while_others_have_their_turn() -> None:
    world = World()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(other(), name="everything else")
    await world.opened()
    await world.take([*hosts(MANY, firing(since=1)), resolved(ended=2)])
    incident = await world.only()
    assert (len(incident.firing), incident.state) == (MANY, State.OPEN)
    await world.desk.keep(hosts(MANY, resolved(since=1, ended=60)))
    incident = await world.only()
    others.cancel()
    assert (incident.firing, incident.state) == ((), State.RESOLVED)
    assert incident.stream_version < 30
    assert turns > 20
    assert all(len(line.text) < 150 for line in incident.history)


async def test_a_large_incident_comes_back_whole_in_another_process() -> None:
    world = World()
    await world.take(hosts(MANY, firing()))
    for nth in range(1, 4):
        at = nth * 6000.0
        await world.take(hosts(MANY, firing(value=float(nth), seen=at)))
    before = await world.only()
    assert {alert.value for alert in before.alerts} == {3.0}
    snapshot = await world.log.snapshot(f"incident-{before.id}")
    assert snapshot is not None
    world.restart()
    assert await world.only() == before


async def test_values_of_a_large_incident_are_written_more_seldom() -> None:
    world = World()
    await world.take(hosts(200, firing(seen=0)))
    version = (await world.only()).stream_version
    await world.take(hosts(200, firing(value=2.0, seen=59)))
    assert (await world.only()).stream_version == version
    await world.take(hosts(200, firing(value=2.0, seen=60)))
    assert (await world.only()).stream_version == version + 1


async def test_the_index_follows_what_another_replica_writes() -> None:
    world = World()
    mine = IncidentJournal(world.log)
    assert not (await mine.index()).firing
    incident = await world.opened()
    await world.take([firing("Down")])
    await world.desk.take([firing()], replace(PLACE, key="elsewhere"))
    homes = (await mine.index()).firing
    assert (len(homes["fp-Slow"]), homes["fp-Down"]) == (2, (incident,))
    await world.take([resolved()])
    assert len((await mine.index()).firing["fp-Slow"]) == 1
    await world.desk.resolve(incident, ADA)
    index = await mine.index()
    assert (set(index.firing), incident in index.incidents) == ({"fp-Slow"}, False)


async def test_of_what_is_known_the_newest_stays_and_the_least_used_goes() -> None:
    world = World()
    await world.take([firing()])
    old = await world.only()
    await world.take([firing("Down"), firing("Full")])
    new, known = await world.only(), RecentIncidents(alerts_at_most=5)
    known.put(new)
    known.put(old)
    assert known.get(old.id) is new
    other = replace(old, id=IncidentId("other"))
    known.put(other)
    assert (known.get(new.id), known.get(other.id)) == (None, other)
    assert new.opened_at == START + seconds(0)


async def test_a_card_that_names_no_version_is_not_relied_on() -> None:
    world = World()
    incident = await world.opened()
    stream = f"incident-{incident}"
    for name in ("Down", "Full"):
        card = world.database.log._cards[stream]
        world.database.log._cards[stream] = replace(card, data={"title": "", "firing": ["fp-Slow"]})
        assert "fp-Slow" in (await world.journal.index()).firing
        await world.take([firing(name)])
    assert set((await world.journal.index()).firing) == {"fp-Slow", "fp-Down", "fp-Full"}
