"""What every strategy keeps to, the next one too: it is in the table, so it is tested here."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.settings.strategy_parts import StrategyPart
from engine.catalog import Environment, EnvironmentName, Version
from engine.commands import Abort, Deploy, Resume, RollBack
from engine.deployments.deployment import ENDED, Deployment, Outcome, State, Verdict
from engine.deployments.plan import make_plan
from engine.deployments.strategies import STRATEGIES, next_step, strategy_of
from engine.ports import Artifact
from engine.strategy_specs import StrategySpec
from tests.fakes.durable import VirtualClock
from tests.unit.deployments.world import ANN, GATE, Behaviour, Killed, Town, World

FREE = Environment(EnvironmentName("production"))
ENOUGH = 1500.0  # seconds in which everything has ended, or waits for a person
SHORT = timedelta(seconds=4)


def spec_of(kind: str) -> StrategySpec:
    """The strategy with nothing but a gate, and times a test can wait for."""
    plain = StrategySpec(name=kind, kind=kind, gates=(GATE,), progress_deadline=timedelta(minutes=2))
    steps = strategy_of(kind).steps(plain, 3) if not list(strategy_of(kind).faults(_stepped(plain))) else ()
    return replace(plain, steps=tuple(replace(step, dwell=SHORT) for step in steps))


def _stepped(spec: StrategySpec) -> StrategySpec:
    return replace(spec, steps=strategy_of(spec.kind).steps(spec, 3))


def town_of(kind: str, behaviour: Behaviour | None = None, *, instances: int = 3, lag: float = 0.3) -> Town:
    town = Town(
        strategy=spec_of(kind),
        instances=instances,
        environment=FREE,
        behaviour={"v2": behaviour or Behaviour()},
        lag=lag,
    )
    town.settle()
    return town


async def begun(town: Town, version: str = "v2") -> Deployment:
    return await town.desk.deploy(town.ask(Deploy("shop", version, "production")), ANN)


def check_alone(town: Town, version: str) -> None:
    world = town.world
    assert world.running() == [f"shop-production-{version}-{n}" for n in range(1, world.instances + 1)]
    assert (world.weights, world.stable_version) == ({version: 100}, version)
    assert not world.broken, (world.broken, world.effects)


@pytest.mark.parametrize("instances", [1, 2, 5])
@pytest.mark.parametrize("lag", [0.0, 2.5])
async def test_the_new_version_ends_alone(kind: str, instances: int, lag: float) -> None:
    town = town_of(kind, instances=instances, lag=lag)
    deployment = await begun(town)
    await town.run(ENOUGH)
    after = await town.at(deployment)
    assert (after.state, after.outcome, after.weight) == (State.SUCCEEDED, Outcome.PROMOTED, 100)
    check_alone(town, "v2")


async def test_a_first_deployment_skips_the_traffic_steps(kind: str) -> None:
    town = town_of(kind)
    town.world.stable_version, town.world.weights, town.world.routed = None, {}, ()
    town.world.runs.clear()
    deployment = await begun(town)
    await town.run(60)
    after = await town.at(deployment)
    assert (after.state, after.step) == (State.SUCCEEDED, -1)
    check_alone(town, "v2")


async def test_an_abort_at_any_moment_restores_the_old_version(kind: str) -> None:
    town = town_of(kind)
    deployment = await begun(town)
    await town.run(ENOUGH)
    length = (await town.at(deployment)).stream_version
    for moment in range(2, length):
        town = town_of(kind)
        deployment = await begun(town)
        while (now := await town.at(deployment)).stream_version < moment:
            await town.run(0.1)
        if now.state in ENDED:
            continue
        await town.desk.abort(town.ask(Abort(deployment.id)), ANN)
        await town.run(ENOUGH)
        after = await town.at(deployment)
        assert after.outcome is Outcome.ABORTED, (moment, after.state)
        check_alone(town, "v1")


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (Behaviour(errors=0.4), Outcome.GATE_FAILED),
        (Behaviour(healthy_after=9999), Outcome.BROKEN),
        (Behaviour(dies_after=0.5), Outcome.BROKEN),
        (Behaviour(refuses="no space left on device"), Outcome.BROKEN),
    ],
    ids=["errors", "never healthy", "crash loop", "refused"],
)
async def test_a_bad_version_goes_back_by_itself(kind: str, behaviour: Behaviour, outcome: Outcome) -> None:
    town = town_of(kind, behaviour)
    deployment = await begun(town)
    await town.run(ENOUGH)
    after = await town.at(deployment)
    assert (after.state, after.outcome) == (State.ROLLED_BACK, outcome)
    check_alone(town, "v1")


@pytest.mark.parametrize("dies_after", [0.0, 0.4, 30.0])
async def test_a_version_that_is_down_can_be_replaced(kind: str, dies_after: float) -> None:
    town = town_of(kind)
    town.world.behaviour["v1"] = Behaviour(dies_after=dies_after)
    deployment = await begun(town)
    await town.run(ENOUGH)
    assert (await town.at(deployment)).outcome is Outcome.PROMOTED
    check_alone(town, "v2")


async def test_too_little_data_extends_once_then_waits_for_a_person(kind: str) -> None:
    town = town_of(kind, Behaviour(errors=None))
    deployment = await begun(town)
    await town.run(90)
    waiting = await town.at(deployment)
    assert (waiting.state, waiting.measurements[0].verdict) == (State.PAUSED, Verdict.INCONCLUSIVE)
    assert sum("stays once more" in line.text for line in waiting.history) == 1
    asked_at = waiting.measured_at
    town.world.behaviour["v2"] = Behaviour()
    await town.run(12)
    assert (await town.at(deployment)).measured_at != asked_at  # evaluation goes on while it waits
    await town.desk.resume(town.ask(Resume(deployment.id)), ANN)
    await town.run(ENOUGH)
    check_alone(town, "v2")


async def test_killed_at_each_moment_it_does_the_same(kind: str) -> None:
    town = town_of(kind, instances=2)
    first = town.world.moments
    await begun(town)
    planned = town.world.moments
    await town.run(ENOUGH)
    last, effects = town.world.moments, town.world.effects
    assert planned > first
    for moment in range(planned + 1, last + 1):
        town = town_of(kind, instances=2)
        await begun(town)
        town.world.kill_at = moment
        await town.run(ENOUGH)
        assert [type(one) for one in town.durable.failures] == [Killed], moment
        assert town.world.effects == effects, moment
        check_alone(town, "v2")


async def test_it_is_pure(kind: str) -> None:
    town = town_of(kind)
    deployment = await begun(town)
    for _ in range(60):
        await town.run(1)
        now = await town.at(deployment)
        if now.ended:
            return
        seen = await town.drive._observe(now, town.world.place)
        assert next_step(now, seen, now=town.clock()) == next_step(now, seen, now=town.clock())


async def test_a_finished_deployment_can_be_undone(kind: str) -> None:
    town = town_of(kind)
    await begun(town)
    await town.run(ENOUGH)
    back = await town.desk.roll_back(town.ask(RollBack("shop", "production")), ANN)
    await town.run(60)
    after = await town.at(back)
    assert (after.state, after.outcome) == (State.SUCCEEDED, Outcome.FAST_PROMOTED)
    check_alone(town, "v1")


def test_it_says_its_plan_and_the_settings_know_it(kind: str) -> None:
    place = World(VirtualClock(), strategy=StrategySpec(name="plain", kind=kind), instances=2).place
    plan = make_plan(place, FREE, Artifact(Version("v2"), "sha256:x"), Version("v1"), now=VirtualClock().at)
    assert plan.strategy.steps[-1].weight == 100
    assert 0 <= STRATEGIES[kind].floor(plan.strategy, 2) <= 2
    said = STRATEGIES[kind].told(plan)
    assert said
    assert not said.endswith(".")
    assert StrategyPart(kind=kind).kind == kind
