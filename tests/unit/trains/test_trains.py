"""Release trains over real desks and drives: waves, one approval, all or none, and nothing before all is checked."""

from dataclasses import replace

import pytest

from engine.commands import (
    Abort,
    AbortTrain,
    ApproveTrain,
    Deploy,
    DeployTrain,
    Freeze,
    Lock,
    Reject,
    RejectTrain,
    RollBack,
)
from engine.deployments.deployment import PersonId, Purpose, State
from engine.errors import Denied, Invalid, LeaseLost, NotFound, NotNow, Refused
from engine.flows.saga import State as Part
from engine.trains.train import Train, TrainState
from tests.unit.deployments.world import ANN, BEN, CID, Behaviour
from tests.unit.trains.rail import OPEN, TWO_AGREE, Killed, Rail

CHAIN = {"web": ("api",), "api": ("db",), "db": ()}


async def leave(rail: Rail, *versions: str, who: PersonId = ANN, name: str = "", override: str = "") -> Train:
    pairs = tuple((one.split("=")[0], one.split("=")[1]) for one in versions)
    return await rail.train_desk.ask(rail.request(DeployTrain(pairs, "production", override), name), who)


async def test_services_come_out_in_the_order_of_what_they_depend_on() -> None:
    rail = Rail(CHAIN)
    train = await leave(rail, "web=v2", "api=v2", "db=v2")
    assert train.plan.waves == (("db",), ("api",), ("web",))
    await rail.run(60)
    assert (await rail.at(train)).state is TrainState.SUCCEEDED
    assert rail.order == ["db v2", "api v2", "web v2"]
    assert not rail.durable.running
    assert not rail.durable.failures


async def test_a_service_that_is_not_part_of_it_still_orders_those_that_are() -> None:
    rail = Rail(CHAIN)
    train = await leave(rail, "web=v2", "db=v2")
    assert train.plan.waves == (("db",), ("web",))


async def test_the_next_wave_begins_as_soon_as_the_one_before_is_out() -> None:
    rail = Rail(CHAIN)
    train = await leave(rail, "api=v2", "db=v2")
    while "db v2" not in rail.order:
        await rail.run(0.1)
    await rail.run(0.1)
    assert await rail.deployment(train, "api") is not None


async def test_services_of_one_wave_go_together() -> None:
    rail = Rail({"a": (), "b": (), "c": ("a", "b")})
    train = await leave(rail, "c=v2", "b=v2", "a=v2")
    await rail.run(0.5)
    found = await rail.at(train)
    assert [found.operation(name).state for name in ("a", "b", "c")] == [Part.RUNNING, Part.RUNNING, Part.WAITING]


async def test_one_approval_is_everybodys_and_stands_at_each_deployment() -> None:
    rail = Rail(CHAIN, TWO_AGREE)
    train = await leave(rail, "api=v2", "db=v2")
    await rail.run(5)
    assert (await rail.at(train)).state is TrainState.PLANNED
    assert rail.order == []
    with pytest.raises(Denied, match="you asked for it"):
        await rail.train_desk.approve(rail.request(ApproveTrain(train.id)), ANN)
    await rail.train_desk.approve(rail.request(ApproveTrain(train.id, train.plan.digest)), BEN)
    await rail.train_desk.approve(rail.request(ApproveTrain(train.id, train.plan.digest)), BEN)
    await rail.run(60)
    assert (await rail.at(train)).state is TrainState.SUCCEEDED
    for service in ("api", "db"):
        child = await rail.deployment(train, service)
        assert child is not None
        assert child.requested_by == ANN
        assert [one.person for one in child.decisions] == [BEN]
        assert child.plan.digest == train.plan.component(service).digest


async def test_an_approval_of_another_plan_does_not_count() -> None:
    rail = Rail(CHAIN, TWO_AGREE)
    train = await leave(rail, "db=v2")
    with pytest.raises(NotNow, match="has changed since"):
        await rail.train_desk.approve(rail.request(ApproveTrain(train.id, "another")), BEN)
    rail.worlds["db"].instances = 3
    with pytest.raises(NotNow, match="db in production has changed since"):
        await rail.train_desk.approve(rail.request(ApproveTrain(train.id, train.plan.digest)), BEN)


async def test_what_changes_after_the_approval_is_not_deployed_and_the_rest_is_taken_back() -> None:
    rail = Rail(CHAIN, TWO_AGREE)
    train = await leave(rail, "api=v2", "db=v2")
    await rail.train_desk.approve(rail.request(ApproveTrain(train.id)), BEN)
    rail.worlds["api"].instances = 3
    await rail.run(120)
    ended = await rail.at(train)
    assert ended.state is TrainState.TAKEN_BACK
    assert "api in production has changed since" in ended.reason
    assert rail.runs() == {"web": "v1", "api": "v1", "db": "v1"}
    assert await rail.deployment(train, "api") is None


async def test_a_failure_takes_back_what_is_out_the_last_first() -> None:
    rail = Rail(CHAIN, TWO_AGREE)
    rail.worlds["web"].behaviour["v2"] = Behaviour(refuses="no room")
    train = await leave(rail, "web=v2", "api=v2", "db=v2")
    await rail.train_desk.approve(rail.request(ApproveTrain(train.id)), BEN)
    await rail.run(120)
    ended = await rail.at(train)
    assert ended.state is TrainState.TAKEN_BACK
    assert "no room" in ended.reason
    assert rail.order == ["db v2", "api v2", "api v1", "db v1"]
    assert rail.runs() == {"web": "v1", "api": "v1", "db": "v1"}
    back = (await rail.journal.latest("api", "production"))[0]
    assert back.purpose is Purpose.ROLL_BACK
    assert [world.broken for world in rail.worlds.values()] == [[], [], []]
    lines = [one.text for one in ended.history]
    assert lines[0] == "Planned by ann: db v2, then api v2, then web v2."
    assert lines[-3:] == ["db is taken back.", "db is as it was: v1 runs again.", "Everything is as it was."]


async def test_what_runs_beside_the_one_that_fails_is_aborted() -> None:
    rail = Rail({"a": (), "b": ()})
    rail.worlds["a"].behaviour["v2"] = Behaviour(refuses="no room")
    rail.worlds["b"].behaviour["v2"] = Behaviour(healthy_after=30)
    train = await leave(rail, "a=v2", "b=v2")
    await rail.run(20)
    assert (await rail.at(train)).state is TrainState.TAKEN_BACK
    child = await rail.deployment(train, "b")
    assert child is not None
    assert (child.state, child.abort_asked_by) == (State.ROLLED_BACK, "system")


@pytest.mark.parametrize("after", [0.2, 3.0, 9.0, 15.0])
async def test_an_abort_takes_everything_back(after: float) -> None:
    rail = Rail(CHAIN)
    rail.worlds["web"].behaviour["v2"] = Behaviour(healthy_after=100)
    train = await leave(rail, "web=v2", "api=v2", "db=v2")
    await rail.run(after)
    await rail.train_desk.abort(rail.request(AbortTrain(train.id)), CID)
    await rail.train_desk.abort(rail.request(AbortTrain(train.id)), CID)
    await rail.run(120)
    ended = await rail.at(train)
    assert (ended.state, ended.reason, ended.aborted_by) == (TrainState.TAKEN_BACK, "Aborted by cid.", CID)
    assert rail.runs() == {"web": "v1", "api": "v1", "db": "v1"}
    with pytest.raises(NotNow, match="has ended"):
        await rail.train_desk.abort(rail.request(AbortTrain(train.id)), CID)


async def test_before_it_begins_it_is_rejected_aborted_or_runs_out_of_time() -> None:
    for decide in ("reject", "abort", "nobody"):
        rail = Rail(CHAIN, TWO_AGREE)
        train = await leave(rail, "db=v2")
        if decide == "reject":
            await rail.train_desk.reject(rail.request(RejectTrain(train.id)), BEN)
        elif decide == "abort":
            await rail.train_desk.abort(rail.request(AbortTrain(train.id)), ANN)
        await rail.run(3700)
        ended = await rail.at(train)
        assert (ended.state, ended.saga) == (TrainState.CANCELLED, None)
        with pytest.raises(NotNow):
            await rail.train_desk.approve(rail.request(ApproveTrain(train.id)), BEN)
        assert not rail.durable.running


async def test_a_person_at_one_deployment_decides_for_the_train() -> None:
    rail = Rail(CHAIN)
    train = await leave(rail, "api=v2", "db=v2")
    await rail.run(0.5)
    child = await rail.deployment(train, "db")
    assert child is not None
    await rail.desk.abort(rail.request(Abort(child.id)), BEN)
    await rail.run(60)
    ended = await rail.at(train)
    assert ended.state is TrainState.TAKEN_BACK
    assert "Aborted by ben" in ended.reason
    assert await rail.deployment(train, "api") is None


async def test_what_cannot_be_taken_back_is_told_exactly_and_tried_again_when_asked() -> None:
    rail = Rail(CHAIN)
    rail.worlds["web"].behaviour["v2"] = Behaviour(refuses="no room")
    rail.worlds["api"].behaviour["v1"] = Behaviour(refuses="no such image")  # what runs of it goes on
    train = await leave(rail, "web=v2", "api=v2", "db=v2")
    await rail.run(300)
    stuck = await rail.at(train)
    assert stuck.state is TrainState.STUCK
    parts = [stuck.operation(name).state for name in ("web", "api", "db")]
    assert parts == [Part.FAILED, Part.STUCK, Part.KEPT]
    told = stuck.history[-1].text
    assert told.startswith("Not everything could be taken back. db: v2 stays (api needs it")
    assert "no such image" in told
    assert told.endswith("web: v1, as before.")
    assert rail.runs() == {"web": "v1", "api": "v2", "db": "v2"}
    del rail.worlds["api"].behaviour["v1"]
    await rail.train_desk.abort(rail.request(AbortTrain(train.id)), BEN)
    await rail.run(120)
    assert (await rail.at(train)).state is TrainState.TAKEN_BACK
    assert rail.runs() == {"web": "v1", "api": "v1", "db": "v1"}


async def test_what_somebody_deployed_since_is_left_alone() -> None:
    rail = Rail(CHAIN)
    rail.worlds["api"].behaviour["v2"] = Behaviour(healthy_after=60)
    train = await leave(rail, "api=v2", "db=v2")
    while "db v2" not in rail.order:
        await rail.run(1)
    await rail.desk.deploy(rail.request(Deploy("db", "v3", "production")), BEN)
    await rail.run(1)
    await rail.train_desk.abort(rail.request(AbortTrain(train.id)), ANN)
    await rail.run(300)
    ended = await rail.at(train)
    assert ended.state is TrainState.STUCK
    assert "v3 was deployed since" in ended.operation("db").reason
    assert rail.runs()["db"] == "v3"


async def test_what_somebody_rolled_back_already_is_as_it_was() -> None:
    rail = Rail(CHAIN)
    rail.worlds["api"].behaviour["v2"] = Behaviour(healthy_after=60)
    train = await leave(rail, "api=v2", "db=v2")
    while "db v2" not in rail.order:
        await rail.run(1)
    await rail.desk.roll_back(rail.request(RollBack("db", "production")), BEN)
    await rail.run(1)
    await rail.train_desk.abort(rail.request(AbortTrain(train.id)), ANN)
    await rail.run(120)
    assert (await rail.at(train)).state is TrainState.TAKEN_BACK
    assert rail.order == ["db v2", "db v1"]


async def test_what_never_ran_before_is_stopped() -> None:
    rail = Rail(CHAIN)
    rail.worlds["db"].stable_version = None
    rail.worlds["api"].behaviour["v2"] = Behaviour(refuses="no room")
    train = await leave(rail, "api=v2", "db=v2")
    await rail.run(120)
    ended = await rail.at(train)
    assert ended.state is TrainState.TAKEN_BACK
    assert ended.operation("db").note == "nothing runs, as before"
    assert rail.order == ["db v2", "db stopped by system"]


async def test_a_process_that_lost_its_lease_asks_for_nothing() -> None:
    rail = Rail(CHAIN)
    rail.lost = True
    train = await leave(rail, "db=v2")
    await rail.run(5)
    assert await rail.deployment(train, "db") is None
    assert {type(one) for one in rail.durable.failures} == {LeaseLost}
    rail.lost = False
    await rail.run(60)
    assert (await rail.at(train)).state is TrainState.SUCCEEDED


async def test_a_train_is_asked_for_once_however_often_it_is_delivered() -> None:
    rail = Rail(CHAIN)
    first, second = await leave(rail, "db=v2", name="same"), await leave(rail, "db=v2", name="same")
    assert first.id == second.id
    assert len(await rail.trains.recent()) == 1


async def refused(rail: Rail, *versions: str, error: type[Refused], match: str) -> None:
    before, running = await rail.database.log.last_position(), rail.durable.running
    with pytest.raises(error, match=match):
        await leave(rail, *versions)
    assert await rail.database.log.last_position() == before
    assert rail.durable.running == running


async def test_what_cannot_be_is_refused_before_any_effect() -> None:
    rail = Rail(CHAIN)
    await refused(rail, "db=v2", "shop=v2", error=NotFound, match="no service 'shop'")
    await refused(rail, "db=v2", "api=v9", error=NotFound, match="api has no version 'v9'")
    await refused(rail, "db=v2", "api=v1", error=NotNow, match="v1 of api runs in production already")
    await refused(rail, "db=v2", "db=v3", error=Invalid, match="named twice")
    with pytest.raises(NotFound, match="no environment"):
        await rail.train_desk.ask(rail.request(DeployTrain((("db", "v2"),), "nowhere")), ANN)
    with pytest.raises(Invalid, match="1 to 50"):
        await rail.train_desk.ask(rail.request(DeployTrain((), "production")), ANN)


async def test_a_circle_is_refused_by_name() -> None:
    rail = Rail({"a": ("b",), "b": ("c",), "c": ("a",), "d": ()})
    await refused(rail, "d=v2", "a=v2", "b=v2", "c=v2", error=Invalid, match="a needs b needs c needs a")


async def test_a_lock_a_freeze_or_a_deployment_of_one_holds_up_all() -> None:
    rail = Rail(CHAIN)
    await rail.permit_desk.lock(Lock("api", "production"), BEN)
    await refused(rail, "db=v2", "api=v2", error=NotNow, match="api in production is locked by ben")
    await rail.permit_desk.freeze(Freeze("web", ""), BEN)
    await refused(rail, "db=v2", "web=v2", error=NotNow, match="frozen")
    await rail.desk.deploy(rail.request(Deploy("db", "v3", "production")), BEN)
    await refused(rail, "db=v2", error=NotNow, match="ben is deploying db v3")


async def test_a_freeze_is_passed_with_a_reason_that_somebody_else_agrees_to() -> None:
    rail = Rail(CHAIN)
    await rail.permit_desk.freeze(Freeze("", "production", reason="audit"), BEN)
    train = await leave(rail, "db=v2", "api=v2", override="customers cannot pay")
    assert (train.plan.approvals_needed, train.plan.four_eyes) == (1, True)
    [passed] = train.plan.overrides
    assert (passed.by, passed.reason) == (ANN, "customers cannot pay")
    [line] = train.history
    assert line.text.startswith("Planned by ann: db v2, then api v2. Overridden by ann: production is frozen by ben")
    assert line.text.endswith("Reason: customers cannot pay.")
    await rail.run(5)
    with pytest.raises(Denied, match="you asked for it"):
        await rail.train_desk.approve(rail.request(ApproveTrain(train.id)), ANN)
    await rail.train_desk.approve(rail.request(ApproveTrain(train.id, train.plan.digest)), BEN)
    await rail.run(60)
    assert (await rail.at(train)).state is TrainState.SUCCEEDED
    for service in ("db", "api"):
        child = await rail.deployment(train, service)
        assert child is not None
        assert [one.reason for one in child.plan.overrides] == ["customers cannot pay"]
        assert [one.person for one in child.decisions] == [BEN]


async def test_what_comes_up_after_the_plan_is_not_passed_by_its_reason() -> None:
    rail = Rail(CHAIN)
    await rail.permit_desk.freeze(Freeze("db", ""), BEN)
    train = await leave(rail, "db=v2", "api=v2", override="customers cannot pay")
    await rail.permit_desk.freeze(Freeze("api", ""), BEN)
    with pytest.raises(NotNow, match=r"api everywhere is frozen by ben\. Train t-.* was planned before that"):
        await rail.train_desk.approve(rail.request(ApproveTrain(train.id)), BEN)


async def test_what_comes_up_after_the_approval_takes_all_of_it_back() -> None:
    rail = Rail(CHAIN)
    await rail.permit_desk.freeze(Freeze("db", ""), BEN)
    train = await leave(rail, "db=v2", "api=v2", override="customers cannot pay")
    await rail.train_desk.approve(rail.request(ApproveTrain(train.id)), BEN)
    await rail.permit_desk.freeze(Freeze("api", ""), BEN)
    await rail.run(180)
    ended = await rail.at(train)
    assert ended.state is TrainState.TAKEN_BACK
    assert "api everywhere is frozen" in ended.reason
    assert rail.runs() == {"web": "v1", "api": "v1", "db": "v1"}


async def test_a_lock_of_somebody_is_not_passed_by_a_reason() -> None:
    rail = Rail(CHAIN)
    await rail.permit_desk.lock(Lock("api", "production"), BEN)
    with pytest.raises(NotNow, match="api in production is locked by ben"):
        await leave(rail, "db=v2", "api=v2", override="customers cannot pay")


async def test_one_train_runs_in_an_environment() -> None:
    rail = Rail(CHAIN, TWO_AGREE)
    train = await leave(rail, "db=v2")
    await refused(rail, "api=v2", error=NotNow, match=f"Train {train.id} of ann is under way in production")


async def test_a_rejected_deployment_of_a_train_ends_the_train() -> None:
    rail = Rail(CHAIN, replace(TWO_AGREE, approvals=2))
    train = await leave(rail, "db=v2")
    for person in (BEN, CID):
        await rail.train_desk.approve(rail.request(ApproveTrain(train.id)), person)
    await rail.run(60)
    child = await rail.deployment(train, "db")
    assert child is not None
    assert [one.person for one in child.decisions] == [BEN, CID]
    with pytest.raises(Refused):
        await rail.desk.reject(rail.request(Reject(child.id)), CID)


async def ride(kill_at: int | None) -> Rail:
    """A train whose last service fails, killed once at a moment."""
    rail = Rail({"api": ("db",), "db": ()}, OPEN)
    rail.worlds["api"].behaviour["v2"] = Behaviour(refuses="no room")
    rail.kill_at = kill_at
    for _ in range(2):
        try:
            train = await leave(rail, "api=v2", "db=v2", name="once")
            break
        except Killed:
            continue
    for _ in range(18):
        await rail.run(10)
        await rail.train_desk.resume_all()  # what the start of a process does
        await rail.desk.resume_all()
    ended = await rail.at(train)
    assert ended.state is TrainState.TAKEN_BACK, (kill_at, ended.history)
    return rail


async def steps(rail: Rail) -> list[tuple[str, object]]:
    """What is written of the train, but for how often it was looked at."""
    written = await rail.database.log.read_all(stream_prefix="train/")
    return [(one.type, one.data.get("operation")) for one in written if one.type != "OperationSeen"]


async def test_a_kill_at_any_moment_changes_nothing_but_the_time() -> None:
    calm = await ride(None)
    kinds = await steps(calm)
    for moment in range(1, calm.moments + 1):
        rail = await ride(moment)
        assert rail.runs() == {"api": "v1", "db": "v1"}, moment
        assert rail.order == ["db v2", "db v1"], moment
        assert [world.broken for world in rail.worlds.values()] == [[], []], moment
        assert await steps(rail) == kinds, moment
        planned = [one.stream for one in await rail.database.log.read_all() if one.type == "DeploymentPlanned"]
        assert len(planned) == len(set(planned)) == 3, moment
