"""What is special to blue-green and recreate, and the moves that recipes are made of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Environment, EnvironmentName, Version
from engine.commands import Abort, Approve, Deploy
from engine.deployments import fold
from engine.deployments.action import Configure, Observation, StopInstances, Wait
from engine.deployments.deployment import ENDED, MOVES, Deployment, Outcome, Purpose, State, move
from engine.deployments.events import (
    DeploymentPlanned,
    DeploymentStarted,
    PromotionStarted,
    StepEntered,
    WeightShifted,
    event_data,
    parse_event,
)
from engine.deployments.plan import check_strategy
from engine.deployments.strategies import STRATEGIES, moves, strategy_of
from engine.errors import IllegalMove, Invalid
from engine.ports import FiringAlert, Instance, InstanceHealth, InstanceId, TrafficReading
from engine.strategy_specs import CanaryStep, GateSpec, Pin, StrategySpec
from tests.fakes.durable import VirtualClock
from tests.unit.deployments.world import ANN, BEN, BLUE_GREEN, CANARY, GATE, RECREATE, ROLLING, Behaviour, Town

FREE = Environment(EnvironmentName("production"))
BOTH = "shop-production-v1-1,shop-production-v1-2"
NEW = "shop-production-v2-1,shop-production-v2-2"
BEFORE = GateSpec(name="looked at", kind="health", when="before")
OLD_SHARE = ((Version("v1"), 100),)


async def begun(strategy: StrategySpec, **world: object) -> tuple[Town, Deployment]:
    town = Town(strategy=strategy, environment=FREE, **world)
    town.settle()
    return town, await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)


async def test_blue_green_shows_the_new_version_then_switches_at_once_and_keeps_the_old_one() -> None:
    town, deployment = await begun(BLUE_GREEN)
    await town.run(4)
    preview = await town.at(deployment)
    assert (preview.step, preview.weight, preview.previewing) == (0, 0, True)
    assert town.world.effects == ["start v2 1,2", "route v1=100"]  # named without a share: that is the preview
    assert set(town.world.routed) == {*BOTH.split(","), *NEW.split(",")}
    await town.run(16)
    kept = await town.at(deployment)
    assert (kept.state, kept.weight) == (State.PROMOTING, 100)
    assert kept.kept_until is not None
    assert kept.traffic_at == kept.kept_until - BLUE_GREEN.keep_old
    assert len(town.world.running()) == 4
    await town.run(30)
    after = await town.at(deployment)
    assert (after.state, after.outcome, after.kept_until) == (State.SUCCEEDED, Outcome.PROMOTED, None)
    assert town.world.effects[2:] == ["route v2=100", "route v2=100", f"stop {BOTH}"]
    told = [line.text for line in after.history][2:]
    assert told[:3] == [
        "Preview: bringing it up whole, without traffic.",
        "v2 is up and gets no traffic yet.",
        "Preview passed.",
    ]
    assert told[-3:-1] == [
        "Promoting v2: v1 is kept for 20 s from its first traffic, then it stops.",
        "v1 was kept long enough: its instances stop.",
    ]


async def test_an_abort_while_the_old_version_is_kept_is_one_switch() -> None:
    town, deployment = await begun(BLUE_GREEN)
    await town.run(20)
    before = len(town.world.effects)
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(0)
    assert town.world.weights == {"v1": 100}
    await town.run(10)
    assert town.world.effects[before:] == ["route v1=100", f"stop {NEW}"]
    assert (await town.at(deployment)).outcome is Outcome.ABORTED


async def test_a_gate_that_fails_while_the_old_version_is_kept_takes_it_back() -> None:
    town, deployment = await begun(BLUE_GREEN)
    await town.run(16)
    assert (await town.at(deployment)).state is State.PROMOTING
    town.world.behaviour["v2"] = Behaviour(errors=0.5)
    await town.run(10)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.GATE_FAILED)
    assert town.world.running() == BOTH.split(",")


async def test_an_old_instance_that_dies_while_it_is_kept_is_started_again() -> None:
    town, deployment = await begun(BLUE_GREEN)
    await town.run(16)
    town.world.kill("shop-production-v1-2")
    await town.run(3)
    assert len(town.world.running()) == 4
    await town.run(40)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_the_approval_before_the_switch_waits_in_the_preview_and_gates_go_on() -> None:
    town, deployment = await begun(replace(BLUE_GREEN, approval=True))
    await town.run(600)
    waiting = await town.at(deployment)
    assert (waiting.state, waiting.waiting_step, waiting.weight) == (State.PAUSED, 1, 0)
    assert waiting.reason == "The switch to v2 waits for approval."
    town.world.alerts.append(FiringAlert("x", {}, 1.0, town.clock()))  # no rule gate asks for it
    await town.desk.approve(town.ask(Approve(deployment.id, step=1)), BEN)
    await town.run(60)
    assert (await town.at(deployment)).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("when", "waits"), [("always", (False, True)), ("before", (False, True)), ("after", (False, False, True))]
)
def test_people_are_asked_before_the_switch_or_before_the_old_version_goes(when, waits) -> None:  # type: ignore[no-untyped-def]
    spec = replace(BLUE_GREEN, gates=(GateSpec(name="people", kind="approval", when=when),))
    assert tuple(step.approval for step in strategy_of("blue-green").steps(spec, 2)) == waits


@pytest.mark.parametrize(("when", "weight"), [("before", 0), ("after", 100)])
async def test_a_gate_counts_on_its_side_of_the_switch_only(when, weight) -> None:  # type: ignore[no-untyped-def]
    spec = replace(BLUE_GREEN, gates=(replace(GATE, when=when),))
    town, deployment = await begun(spec, behaviour={"v2": Behaviour(errors=0.5)})
    await town.run(60)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, Outcome.GATE_FAILED)
    shifted = [line.text for line in after.history if line.text.startswith("The router sends 100 % to v2")]
    assert bool(shifted) == bool(weight)


async def test_a_rule_is_judged_in_the_preview_too_and_the_warm_up_of_both_is_discarded() -> None:
    spec = replace(BLUE_GREEN, gates=(GateSpec(name="alerts", kind="rule"),), warm_up=timedelta(seconds=8))
    town, deployment = await begun(spec)
    await town.run(8)
    assert (await town.at(deployment)).previewing
    await town.run(4)
    switched = await town.at(deployment)
    assert (switched.step, switched.weight) == (1, 100)
    await town.run(6)
    assert (await town.at(deployment)).state is State.RUNNING
    await town.run(40)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_a_canary_may_keep_the_old_version_as_well() -> None:
    town, deployment = await begun(replace(CANARY, keep_old=timedelta(minutes=2)))
    await town.run(100)
    assert (await town.at(deployment)).state is State.PROMOTING
    assert len(town.world.running()) == 4
    await town.run(40)
    assert (await town.at(deployment)).state is State.SUCCEEDED


async def test_recreate_never_runs_two_versions_on_the_way_back_neither() -> None:
    town, deployment = await begun(RECREATE, draining=2.0)
    await town.run(6)
    assert (await town.at(deployment)).weight == 100
    await town.desk.abort(town.ask(Abort(deployment.id)), BEN)
    await town.run(30)
    after = await town.at(deployment)
    assert (after.state, after.outcome, after.weight) == (State.ROLLED_BACK, Outcome.ABORTED, 0)
    assert town.world.effects == [
        "route ",
        f"stop {BOTH}",
        "start v2 1,2",
        "route v2=100",
        "route ",
        f"stop {NEW}",
        "start v1 1,2",
        "route v1=100",
    ]
    assert not town.world.broken


async def test_an_open_connection_does_not_make_the_downtime_last() -> None:
    town, deployment = await begun(RECREATE, draining=3600.0)
    await town.run(60)
    after = await town.at(deployment)
    assert after.state is State.SUCCEEDED
    stopped = next(at for at, text in ((one.at, one.text) for one in after.history) if "sends 100 %" in text)
    assert after.started_at is not None
    assert timedelta(seconds=20) < stopped - after.started_at < timedelta(seconds=24)


async def test_an_open_connection_does_not_undo_a_rolling_replacement() -> None:
    town, deployment = await begun(replace(ROLLING, max_surge=0, max_unavailable=1), draining=3600.0)
    await town.run(400)
    assert (await town.at(deployment)).state is State.SUCCEEDED


@pytest.mark.parametrize("spec", [replace(BLUE_GREEN, approval=True), replace(BLUE_GREEN, gates=(BEFORE,))])
async def test_a_version_that_is_down_opens_no_gate(spec: StrategySpec) -> None:
    town, deployment = await begun(spec, behaviour={"v1": Behaviour(dies_after=0.0)})
    await town.run(100)
    assert (await town.at(deployment)).weight == 0
    await town.run(600)
    assert (await town.at(deployment)).state is State.FAILED


async def test_rolling_takes_no_old_instance_while_a_new_one_is_ill() -> None:
    spec = replace(ROLLING, max_surge=0, max_unavailable=1, dwell=timedelta(seconds=2))
    town, deployment = await begun(spec, instances=3, behaviour={"v2": Behaviour(flaps=3)})
    await town.run(400)
    assert (await town.at(deployment)).ended
    assert not town.world.broken


async def test_a_kind_that_is_not_known_any_more_ends_the_deployment_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town, deployment = await begun(CANARY)
    await town.run(6)
    monkeypatch.delitem(STRATEGIES, "canary")
    await town.run(10)
    after = await town.at(deployment)
    assert after.state is State.FAILED
    assert "There is no strategy of the kind 'canary'. Known: rolling, blue-green, recreate." in after.reason


async def test_what_was_written_before_there_were_these_fields_is_still_a_deployment() -> None:
    town, deployment = await begun(CANARY)
    data = event_data(DeploymentPlanned(deployment.plan, Purpose.DEPLOY, ANN))
    for field in ("approval", "dwell", "keep_old", "pin"):
        del data["plan"]["strategy"][field]
    for gate in data["plan"]["strategy"]["gates"]:
        del gate["when"]
    old = parse_event("DeploymentPlanned", data)
    assert isinstance(old, DeploymentPlanned)
    again = fold.begin(deployment.id, old, at=town.clock())
    for event in (DeploymentStarted(), StepEntered(0, 10), WeightShifted(10), PromotionStarted(), WeightShifted(100)):
        again = fold.apply(again, event, at=town.clock())
    assert (again.plan.strategy, again.traffic_at, again.kept_until) == (CANARY, town.clock(), None)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (replace(RECREATE, steps=(CanaryStep(100, timedelta(0)),)), "steps means nothing to a recreate strategy"),
        (replace(ROLLING, keep_old=timedelta(seconds=1)), "keep_old means nothing to a rolling strategy"),
        (replace(ROLLING, pin=Pin("header", "x", "y")), "pin means nothing to a rolling strategy"),
        (replace(CANARY, gates=(replace(GATE, when="before"),)), "is for before the switch, and a canary"),
        (replace(BLUE_GREEN, steps=CANARY.steps), "steps means nothing to a blue-green strategy"),
    ],
)
def test_what_means_nothing_to_a_kind_is_refused(spec: StrategySpec, what: str) -> None:
    with pytest.raises(Invalid, match=what):
        check_strategy(spec)


def seen(ready: str = "", weights: dict[str, int] | None = None, **health: InstanceHealth) -> Observation:
    """Instances `v1_1=…`; `ready` names those that the router sends requests to."""
    clock = VirtualClock()
    instances = tuple(
        Instance(InstanceId(name), "shop", "production", name.partition("_")[0], "x:1", 1, clock.at, one)  # type: ignore[arg-type]
        for name, one in health.items()
    )
    reading = TrafficReading(weights or {}, tuple(ready.split()), 0, 0)  # type: ignore[arg-type]
    return Observation(instances, reading, frozenset(one.id for one in instances if one.id not in reading.ready))


WELL, ILL = InstanceHealth.HEALTHY, InstanceHealth.UNHEALTHY


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (seen("v1_1", {"v1": 100}, v1_1=WELL), type(None)),  # as it should be
        (seen("v1_1", {"v1": 90, "v2": 10}, v1_1=WELL), Configure),  # another weight
        (seen("v1_1 v2_1", {"v1": 100}, v1_1=WELL, v2_1=WELL), Configure),  # one too many
        (seen("", {"v1": 100}, v1_1=WELL), Configure),  # not ready yet
        (seen("", {}, v1_1=ILL), Wait),  # nobody to send to
    ],
)
def test_the_router_is_told_only_what_it_does_not_do_and_never_of_what_is_ill(there, expected) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(moves.route(there, [InstanceId("v1_1")], OLD_SHARE), expected)


@pytest.mark.parametrize(
    ("there", "force", "expected"),
    [
        (seen("", {}, v1_1=WELL), False, StopInstances),
        (seen("v1_1", {}, v1_1=WELL), False, Wait),
        (seen("v1_1", {}, v1_1=InstanceHealth.DEAD), False, StopInstances),
        (seen("v1_1", {}, v1_1=WELL), True, StopInstances),
        (seen(), False, type(None)),
    ],
)
def test_nothing_is_stopped_that_the_router_has_not_let_go_of(there, force, expected) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(moves.let_go(there, there.instances, force=force), expected)


LEGAL = {
    "planned": "running cancelled failed",
    "running": "paused promoting rolling_back failed",
    "paused": "running promoting rolling_back failed",
    "promoting": "succeeded rolling_back failed",
    "rolling_back": "rolled_back failed",
}


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_only_the_moves_of_the_diagram_are_possible(old: State, new: State) -> None:
    if new in LEGAL.get(old, "").split():
        assert move("Deployment d-1", old, new) is new
    else:
        with pytest.raises(IllegalMove, match=f"from {old} to {new}"):
            move("Deployment d-1", old, new)


@pytest.mark.parametrize("state", [state for state in State if state not in ENDED])
def test_there_is_a_way_back_from_every_state_that_has_not_ended(state: State) -> None:
    back = {State.ROLLING_BACK, State.CANCELLED}
    assert state is State.ROLLING_BACK or MOVES[state] & back
