"""What is written can be read, by this version and over the ages."""

from datetime import timedelta

import pytest

from engine.commands import Approve, Deploy
from engine.deployments.deployment import Deployment, State
from engine.deployments.events import TYPES, TroubleCleared, TroubleMet, event_data, parse_event
from engine.deployments.journal import DeploymentJournal, Overtaken, subject_of
from engine.errors import IllegalMove
from storage.events import NewEvent
from tests.unit.deployments.world import ANN, BEN, Behaviour, Town


async def grown(town: Town) -> Deployment:
    town.settle()
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    await town.desk.approve(town.ask(Approve(planned.id)), BEN)
    return planned


async def test_the_state_is_the_fold_of_what_was_written() -> None:
    town = Town()
    deployment = await grown(town)
    await town.run(60)
    stored = await town.log.read(subject_of(deployment.id))
    for event in stored:
        again = parse_event(event.type, event.data)
        assert again is not None
        assert parse_event(event.type, event_data(again)) == again
    after = await town.at(deployment)
    assert after.stream_version == len(stored)
    assert [step.text for step in after.history][:3] == [
        "ann asked to deploy v2 of shop in production.",
        "Approved by ben.",
        "Started: bringing up v2.",
    ]


async def test_types_of_a_later_version_are_skipped() -> None:
    town = Town()
    deployment = await grown(town)
    before = await town.at(deployment)
    new = NewEvent("DeploymentPolished", {"shine": 3})
    await town.log.append(subject_of(deployment.id), [new], expected=before.stream_version, at=town.clock())
    after = await town.at(deployment)
    assert after.stream_version == before.stream_version + 1
    assert after.state is before.state
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_a_snapshot_is_as_good_as_the_events() -> None:
    town = Town(behaviour={"v2": Behaviour(errors=None)})
    deployment = await grown(town)
    await town.run(1200)
    stored = await town.log.read(subject_of(deployment.id))
    assert len(stored) > 100
    assert await town.log.snapshot(subject_of(deployment.id)) is not None
    short = await town.at(deployment)
    town.log._snapshots.clear()
    assert await DeploymentJournal(town.log).load(deployment.id) == short


async def test_what_is_remembered_is_what_was_written() -> None:
    town = Town()
    deployment = await grown(town)
    for _ in range(60):
        await town.run(1)
        assert await town.journal.load(deployment.id) == await DeploymentJournal(town.log).load(deployment.id)
    assert town.journal._known == {}  # nothing is kept of what has ended


async def test_what_another_process_wrote_is_seen() -> None:
    town = Town()
    deployment = await town.at(await grown(town))
    other = DeploymentJournal(town.log)
    written = await other.record(await other.load(deployment.id), TroubleMet("x"), at=town.clock())
    assert await town.at(deployment) == written


async def test_two_writers_one_wins() -> None:
    town = Town()
    deployment = await town.at(await grown(town))
    await town.journal.record(deployment, TroubleMet("x"), at=town.clock())
    with pytest.raises(Overtaken):
        await town.journal.record(deployment, TroubleCleared(), at=town.clock())


async def test_what_does_not_fit_the_state_is_not_written() -> None:
    town = Town()
    deployment = await town.at(await grown(town))
    with pytest.raises(IllegalMove, match="from planned to succeeded"):
        await town.journal.record(deployment, TYPES["DeploymentSucceeded"](), at=town.clock())  # type: ignore[call-arg]
    assert await town.at(deployment) == deployment


async def test_lists_tell_open_from_ended_and_the_newest_first() -> None:
    town = Town()
    first = await grown(town)
    assert [one.id for one in await town.journal.in_flight()] == [first.id]
    await town.run(60)
    assert await town.journal.in_flight() == ()
    second = await town.desk.deploy(town.ask(Deploy("shop", "v3", "production")), ANN)
    listed = await town.journal.latest("shop", "production")
    assert [one.id for one in listed] == [second.id, first.id]
    assert [one.open for one in listed] == [True, False]
    assert [one.id for one in await town.journal.recent(since=town.clock() - timedelta(seconds=1))] == [second.id]
