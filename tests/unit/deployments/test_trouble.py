"""What goes wrong on the way, and in which words it is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Catalog, Version
from engine.commands import Abort, Approve, Deploy, Resume, RollBack
from engine.deployments.deployment import Deployment, Outcome, Plan, State
from engine.errors import NotFound, NotNow, PermanentFailure
from engine.ports import FiringAlert
from engine.strategy_specs import GateSpec, StrategySpec
from tests.unit.deployments.world import ANN, BEN, BLUE_GREEN, CANARY, RECREATE, ROLLING, Behaviour, Town

RULE = GateSpec(name="alerts", kind="rule")


async def started(town: Town) -> Deployment:
    town.settle()
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    return await town.desk.approve(town.ask(Approve(planned.id)), BEN)


async def test_the_platform_refuses_the_new_version() -> None:
    town = Town(behaviour={"v2": Behaviour(refuses="exec format error")})
    deployment = await started(town)
    await town.run(10)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.BROKEN)
    assert "exec format error" in after.reason
    assert town.world.book[-1] == "fail restored=True"


async def test_the_component_refuses_to_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()

    async def begin(*_: object, **__: object) -> None:
        raise NotNow("shop is being stopped.", "Wait for it.")

    monkeypatch.setattr(type(town.world), "begin", begin)
    deployment = await started(town)
    await town.run(10)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.FAILED, Outcome.BROKEN)
    assert after.reason == "shop is being stopped. Wait for it. Nothing was changed."


async def test_a_roll_back_that_cannot_be_done_says_what_runs() -> None:
    town = Town()
    deployment = await started(town)
    await town.run(6)
    town.world.behaviour["v1"] = Behaviour(refuses="no space left on device")
    town.world.kill("shop-production-v1-1")
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(30)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.FAILED, Outcome.BROKEN)
    assert after.reason == (
        "Aborted by ben. no space left on device. v1: 1 healthy, 1 dead. v2: 1 healthy. "
        "The router sends 10 % to v2, 90 % to v1."
    )
    assert town.world.book[-1] == "fail restored=False"


EMPTY = Catalog({}, {})


async def gone(town: Town, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A canary at its first step whose service has left the settings."""
    deployment = await started(town)
    await town.run(6)
    monkeypatch.setattr(town.drive, "_catalog", lambda: EMPTY)
    await town.run(1000)
    return await town.at(deployment)


async def test_a_service_gone_from_the_settings_waits_and_goes_on_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town()
    waiting = await gone(town, monkeypatch)
    assert (waiting.state, waiting.weight) == (State.RUNNING, 10)
    assert waiting.trouble.startswith("pilothouse.yaml has no service shop in production any more.")
    assert f"Put it back, or abort {waiting.id}" in waiting.trouble
    assert sum("pilothouse.yaml" in step.text for step in waiting.history) == 1
    monkeypatch.setattr(town.drive, "_catalog", town.world.catalog)
    await town.run(60)
    after = await town.at(waiting)
    assert (after.state, after.trouble) == (State.SUCCEEDED, "")


async def test_what_was_late_when_its_service_came_back_gets_its_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(behaviour={"v2": Behaviour(healthy_after=9999)})
    waiting = await gone(town, monkeypatch)
    monkeypatch.setattr(town.drive, "_catalog", town.world.catalog)
    town.world.behaviour["v2"] = Behaviour()
    await town.run(60)
    assert (await town.at(waiting)).state is State.SUCCEEDED


async def test_a_service_gone_from_the_settings_is_aborted_as_far_as_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town()
    waiting = await gone(town, monkeypatch)
    await town.desk.abort(town.ask(Abort(waiting.id)), BEN)
    await town.run(30)
    after = await town.at(waiting)
    assert (after.state, after.outcome, after.reason) == (State.ROLLED_BACK, Outcome.ABORTED, "Aborted by ben.")
    assert town.world.running() == ["shop-production-v1-1", "shop-production-v1-2"]
    assert town.world.weights == {"v1": 100}
    assert town.world.book[-1] == "fail restored=True"


async def test_where_nothing_is_recorded_an_abort_frees_the_component_and_says_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(_: object, plan: Plan) -> None:
        raise NotFound("pilothouse.yaml has no service shop in production any more.")

    town = Town()
    waiting = await gone(town, monkeypatch)
    monkeypatch.setattr("engine.deployments.drive.recorded", nothing)
    await town.desk.abort(town.ask(Abort(waiting.id)), BEN)
    await town.run(30)
    after = await town.at(waiting)
    assert after.state is State.FAILED
    assert after.reason == (
        "Aborted by ben. pilothouse.yaml has no service shop in production any more. Nothing was looked at or stopped: "
        "shop-production-v1-1, shop-production-v1-2 and shop-production-v2-1, shop-production-v2-2 may run. "
        "The router last sent 10 % to v2."
    )
    assert town.world.book[-1] == "fail restored=False"


async def test_a_plan_whose_service_left_the_settings_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    town.settle()
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    monkeypatch.setattr(town.drive, "_catalog", lambda: EMPTY)
    await town.run(4000)
    after = await town.at(planned)
    assert (after.state, after.outcome) == (State.CANCELLED, Outcome.VOID)
    assert after.reason == "pilothouse.yaml has no service shop in production any more. Nothing was changed."


@pytest.mark.parametrize("spec", [CANARY, ROLLING, BLUE_GREEN, RECREATE], ids=lambda spec: spec.kind)
async def test_an_instance_that_hangs_all_the_time_does_not_fail_the_way_back(spec: StrategySpec) -> None:
    town = Town(strategy=spec, instances=3)
    town.settle()
    town.world.hung.add("shop-production-v1-2")
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    deployment = await town.desk.approve(town.ask(Approve(planned.id)), BEN)
    await town.run(6)
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(20)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.ABORTED)
    assert after.reason == "Aborted by ben. shop-production-v1-2 is unhealthy."
    assert (town.world.weights, town.world.book[-1]) == ({"v1": 100}, "fail restored=True")
    assert town.world.running() == [f"shop-production-v1-{n}" for n in (1, 2, 3)]


@pytest.mark.parametrize("spec", [CANARY, ROLLING, BLUE_GREEN, RECREATE], ids=lambda spec: spec.kind)
async def test_when_all_hang_those_of_the_former_version_are_started_anew(spec: StrategySpec) -> None:
    town = Town(strategy=spec)
    deployment = await started(town)
    await town.run(2)
    old = [run for name, run in town.world.runs.items() if "-v1-" in name]
    town.world.hung_pids.update(run.instance.pid for run in old)
    town.world.floor = 0
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(80)
    after = await town.at(deployment)
    assert (after.state, after.reason) == (State.ROLLED_BACK, "Aborted by ben.")
    assert town.world.running() == ["shop-production-v1-1", "shop-production-v1-2"]
    assert not town.world.broken


@pytest.mark.parametrize("spec", [CANARY, ROLLING, BLUE_GREEN, RECREATE], ids=lambda spec: spec.kind)
async def test_one_that_begins_to_hang_on_the_way_is_waited_for_and_then_told_of(spec: StrategySpec) -> None:
    town = Town(strategy=spec, instances=3)
    deployment = await started(town)
    await town.run(2)
    town.world.hung.add("shop-production-v1-2")
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(60)
    assert (await town.at(deployment)).state is State.ROLLING_BACK
    await town.run(400)
    after = await town.at(deployment)
    assert (after.state, after.reason) == (State.ROLLED_BACK, "Aborted by ben. shop-production-v1-2 is unhealthy.")
    assert town.world.weights == {"v1": 100}


async def test_a_router_that_forgot_is_told_again_and_nothing_is_judged_meanwhile() -> None:
    town = Town()
    deployment = await started(town)
    await town.run(6)
    town.world.weights, town.world.routed = {Version("v1"): 100}, ("shop-production-v1-1",)  # type: ignore[assignment]
    await town.run(4)
    after = await town.at(deployment)
    assert town.world.weights == {"v2": 10, "v1": 90}
    assert any("does not send the step's 10 %" in step.text for step in after.history)
    assert after.trouble == ""
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_a_router_that_never_obeys_in_a_step_rolls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    deployment = await started(town)
    await town.run(6)
    town.world.weights = {Version("v1"): 100}

    async def deaf(*_: object) -> None:
        return

    monkeypatch.setattr(type(town.world), "configure", deaf)
    await town.run(60)
    during = await town.at(deployment)
    assert (during.state, during.step, during.step_passed) == (State.RUNNING, 0, False)
    await town.run(300)
    after = await town.at(deployment)
    assert after.state is State.FAILED  # it could not be told to go back either
    assert "does not send the step's 10 %" in after.reason


async def test_an_alert_while_it_is_paused_takes_it_back() -> None:
    town = Town(strategy=replace(CANARY, gates=(*CANARY.gates, RULE)), behaviour={"v2": Behaviour(errors=None)})
    deployment = await started(town)
    await town.run(60)
    assert (await town.at(deployment)).state is State.PAUSED
    town.world.alerts.append(FiringAlert("HighErrors", {"version": "v2"}, 0.4, town.clock()))
    await town.run(20)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.GATE_FAILED)
    assert after.reason == "Gate alerts failed: Alert HighErrors is firing."


async def test_metrics_away_pauses_after_a_few_tries_and_resume_tries_anew() -> None:
    town = Town()
    deployment = await started(town)
    town.world.away.add("metrics")
    await town.run(30)
    paused = await town.at(deployment)
    assert (paused.state, paused.step) == (State.PAUSED, 0)
    assert "The metrics does not answer." in paused.reason
    await town.desk.resume(town.ask(Resume(deployment.id)), BEN)
    await town.run(1)
    assert (await town.at(deployment)).state is State.RUNNING
    await town.run(30)
    assert (await town.at(deployment)).state is State.PAUSED


async def test_an_instance_that_dies_in_a_step_is_not_left_with_traffic() -> None:
    town = Town()
    deployment = await started(town)
    await town.run(6)
    town.world.kill("shop-production-v2-1")
    await town.run(20)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.BROKEN)
    assert "No instance of v2 is healthy. shop-production-v2-1 is dead: exit code 1" in after.reason


async def test_while_promoting_a_dead_new_instance_is_started_again() -> None:
    town = Town(draining=20.0)
    deployment = await started(town)
    await town.run(35)
    assert (await town.at(deployment)).state is State.PROMOTING
    town.world.kill("shop-production-v2-1")
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED
    assert town.world.running() == ["shop-production-v2-1", "shop-production-v2-2"]


async def test_abort_after_the_old_version_went_restores_it_before_traffic_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town()
    deployment = await started(town)

    async def unsaid(*_: object, **__: object) -> None:
        raise PermanentFailure("The book is closed.")

    real = type(town.world).finish
    monkeypatch.setattr(type(town.world), "finish", unsaid)
    await town.run(60)
    monkeypatch.setattr(type(town.world), "finish", real)
    after = await town.at(deployment)
    assert after.state is State.ROLLED_BACK
    assert town.world.effects[-3:] == [
        "start v1 1,2",
        "route v1=100",
        "stop shop-production-v2-1,shop-production-v2-2",
    ]
    assert not town.world.broken


async def test_counters_of_the_router_count_from_the_start_of_the_deployment() -> None:
    town = Town()
    town.world.requests = 5000
    deployment = await started(town)
    await town.run(8)
    first = await town.at(deployment)
    assert 0 < first.requests < 1000
    town.world.requests = 0  # the router was started anew
    await town.run(60)
    assert (await town.at(deployment)).requests > first.requests


async def test_roll_back_of_an_unknown_place_is_refused() -> None:
    town = Town()
    with pytest.raises(NotNow, match="Nothing of shop runs in production, so there is nothing to roll back"):
        await town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN)


async def test_a_loop_without_a_deployment_ends() -> None:
    assert await Town().drive.turn("deployment/d-none") is None


async def test_waits_are_short_while_it_runs_and_long_while_it_waits() -> None:
    town = Town()
    town.settle()
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    assert await town.drive.turn(f"deployment/{planned.id}") == timedelta(hours=1)
    await town.desk.approve(town.ask(Approve(planned.id)), BEN)
    await town.run(6)
    wait = await town.drive.turn(f"deployment/{planned.id}")
    assert wait is not None
    assert wait <= timedelta(seconds=2)
