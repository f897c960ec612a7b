"""What is written of an incident comes back as it was."""

import math
from datetime import timedelta

import pytest

from alerting.incidents.codec import event_from_json, event_to_json, incident_from_json, incident_to_json
from alerting.incidents.events import AlertJoined, IncidentOpened
from alerting.incidents.incident import Incident
from storage.codec import decode, encode
from tests.unit.alerting.incidents.world import ADA, BOB, START, World, alert, firing, resolved


@pytest.mark.parametrize("value", [0.0, 1.5, math.inf, -math.inf, math.nan])
def test_every_value_of_an_alert_comes_back(value: float) -> None:
    event = AlertJoined(alert(value=value))
    again = event_from_json("AlertJoined", decode(encode(event_to_json(event))))
    assert repr(again) == repr(event)


def test_a_label_called_value_is_left_alone() -> None:
    event = AlertJoined(alert(value=math.nan, alert="Inf"))
    again = event_from_json("AlertJoined", decode(encode(event_to_json(event))))
    assert repr(again) == repr(event)


def test_an_event_of_a_newer_version_is_named() -> None:
    with pytest.raises(ValueError, match="IncidentMerged is no event of an incident; a newer version"):
        event_from_json("IncidentMerged", {})


async def eventful() -> World:
    world = World()
    incident = await world.opened()
    await world.take([firing("Down", value=math.nan)])
    await world.run(until=70)
    await world.take([resolved("Down", ended=70)])
    await world.desk.acknowledge(incident, BOB)
    await world.desk.resolve(incident, ADA)
    await world.take([firing("Full", since=100)])
    return world


async def test_a_whole_incident_comes_back() -> None:
    for incident in await (await eventful()).journal.recent():
        again = await incident_from_json(decode(encode(await incident_to_json(incident))))
        assert repr(again) == repr(incident)


async def test_a_snapshot_of_another_format_is_not_used() -> None:
    incident = (await (await eventful()).journal.recent())[0]
    assert await incident_from_json({**await incident_to_json(incident), "format": 99}) is None


async def test_a_long_incident_is_read_from_its_snapshot() -> None:
    world = World()
    incident = await world.opened()
    for number in range(1, 120):
        world.clock.at = START + timedelta(minutes=number)
        await world.take([firing(value=number)])
    snapshot = await world.log.snapshot(f"incident-{incident}")
    assert snapshot is not None
    assert snapshot.version == 100
    world.restart()
    assert repr(await world.only()) == repr(await whole(world))


async def whole(world: World) -> Incident:
    """The incident from its events alone."""
    snapshots, world.database.log._snapshots = world.database.log._snapshots, {}
    world.restart()
    found = await world.only()
    world.database.log._snapshots = snapshots
    return found


def test_the_first_event_keeps_what_may_be_left_out() -> None:
    event = IncidentOpened("k", "t", "", "c", "", "", (alert(),))
    assert event_from_json("IncidentOpened", event_to_json(event)) == event
