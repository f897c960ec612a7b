"""Whatever happens and whenever the process dies: every path ends, and the rules of order hold."""

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.catalog import Version
from engine.commands import WHATEVER_WAITS, Abort, Approve, Deploy, Promote, ReleaseOld, Resume
from engine.deployments.action import Observation
from engine.deployments.deployment import Deployment, State
from engine.deployments.journal import subject_of
from engine.deployments.strategies import STRATEGIES, next_step
from engine.errors import NotNow
from engine.strategy_specs import CanaryStep, GateSpec, StrategySpec
from tests.unit.deployments.world import ANN, BEN, BLUE_GREEN, CANARY, GATE, RECREATE, ROLLING, Behaviour, Killed, Town

HEALTH = GateSpec(name="health", kind="health")


@dataclass(frozen=True)
class Case:
    """One world, and what befalls it: (second, what)."""

    strategy: StrategySpec
    instances: int
    behaviour: Behaviour
    lag: float
    happenings: tuple[tuple[int, str], ...]


TIMES = st.sampled_from([0, 1, 6]).map(lambda seconds: timedelta(seconds=seconds))


def canaries() -> st.SearchStrategy[StrategySpec]:
    weights = st.sets(st.integers(1, 99), max_size=3).map(lambda found: [*sorted(found), 100])
    dwells = st.integers(0, 6).map(lambda seconds: timedelta(seconds=seconds))
    steps = st.builds(lambda ws, dwell: tuple(CanaryStep(weight, dwell) for weight in ws), weights, dwells)
    gates = st.sampled_from([(), (GATE,), (GATE, HEALTH)])
    return st.builds(lambda s, g: replace(CANARY, steps=s, gates=g), steps, gates)


def rollings() -> st.SearchStrategy[StrategySpec]:
    pairs = st.tuples(st.integers(0, 2), st.integers(0, 2)).filter(lambda pair: sum(pair) > 0)
    return pairs.map(lambda pair: replace(ROLLING, max_surge=pair[0], max_unavailable=pair[1]))


def blue_greens() -> st.SearchStrategy[StrategySpec]:
    gates = st.sampled_from([(), (GATE, HEALTH), (replace(GATE, when="before"), replace(HEALTH, when="after"))])
    return st.builds(
        lambda dwell, keep, approval, gates: replace(
            BLUE_GREEN, dwell=dwell, keep_old=keep * 3, approval=approval, gates=gates
        ),
        TIMES,
        TIMES,
        st.booleans(),
        gates,
    )


def plain() -> st.SearchStrategy[StrategySpec]:
    """Every strategy there is, with nothing but a gate."""
    return st.builds(
        lambda kind, dwell: CANARY if kind == "canary" else replace(RECREATE, name=kind, kind=kind, dwell=dwell),
        st.sampled_from(list(STRATEGIES)),
        TIMES,
    )


BEHAVIOURS = st.sampled_from(
    [
        Behaviour(),
        Behaviour(healthy_after=8),
        Behaviour(healthy_after=9999),
        Behaviour(dies_after=0.5),
        Behaviour(dies_after=12),
        Behaviour(flaps=3),
        Behaviour(flaps=0.7),
        Behaviour(errors=0.3),
        Behaviour(errors=None),
    ]
)
HAPPENINGS = st.sampled_from(
    [
        *("abort", "resume", "approve", "promote", "finish", "kill new", "kill old", "hang old"),
        *("router forgets", "router meddled", "router away", "manager away", "metrics away", "all back"),
    ]
)
CASES = st.builds(
    Case,
    st.one_of(canaries(), rollings(), blue_greens(), plain()),
    st.integers(1, 4),
    BEHAVIOURS,
    st.sampled_from([0.0, 0.0, 0.3, 2.5]),
    st.lists(st.tuples(st.integers(0, 40), HAPPENINGS), max_size=4).map(lambda found: tuple(sorted(found))),
)

FLAPPING = Case(replace(ROLLING, max_surge=0, max_unavailable=1), 1, Behaviour(flaps=0.7), 2.5, ())


async def begun(case: Case) -> tuple[Town, Deployment]:
    town = Town(strategy=case.strategy, instances=case.instances, behaviour={"v2": case.behaviour}, lag=case.lag)
    town.settle()
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    return town, await town.desk.approve(town.ask(Approve(planned.id)), BEN)


async def befall(town: Town, deployment: Deployment, what: str) -> None:
    if (await town.at(deployment)).ended:
        return
    match what.split():
        case ["kill", which]:
            kill(town, "v2" if which == "new" else "v1")
        case ["hang", _]:
            hang(town)
        case ["router", ("forgets" | "meddled") as how]:
            meddle(town, {} if how == "forgets" else {Version("v1"): 50, Version("v2"): 50})
        case ["all", "back"]:
            town.world.away.clear()
        case [part, "away"]:
            town.world.away.add(part)
        case [word]:
            await tried(decide(town, deployment, word))


def decide(town: Town, deployment: Deployment, word: str) -> Awaitable[Deployment]:
    match word:
        case "abort":
            return town.desk.abort(town.ask(Abort(deployment.id)), BEN)
        case "resume":
            return town.desk.resume(town.ask(Resume(deployment.id)), BEN)
        case "promote":
            return town.desk.promote(town.ask(Promote(deployment.id)), BEN)
        case "finish":
            return town.desk.release_old(town.ask(ReleaseOld(deployment.id)), BEN)
        case _:
            return town.desk.approve(town.ask(Approve(deployment.id, step=WHATEVER_WAITS)), BEN)


def meddle(town: Town, weights: dict[Version, int]) -> None:
    """Another hand at the router, or a router that came up empty."""
    town.world.weights, town.world.routed = weights, tuple(town.world.runs) if weights else ()


async def tried(wish: Awaitable[Deployment]) -> None:
    with suppress(NotNow):
        await wish


def kill(town: Town, version: str) -> None:
    found = [name for name in town.world.runs if f"-{version}-" in name]
    if found:
        town.world.kill(found[0])
        town.world.floor = 0  # what dies by itself is not the deployment's doing


async def lived_through(town: Town, deployment: Deployment, case: Case) -> Deployment:
    """Let everything befall, then mend what is away and, while it waits for a person, abort."""
    for second, what in case.happenings:
        await run_through_deaths(town, deployment, second)
        await befall(town, deployment, what)
    await run_through_deaths(town, deployment, 60)
    town.world.away.clear()
    await run_through_deaths(town, deployment, 600)
    if (await town.at(deployment)).state is State.PAUSED:
        await tried(town.desk.abort(town.ask(Abort(deployment.id)), BEN))
        await run_through_deaths(town, deployment, 600)
    return await town.at(deployment)


async def run_through_deaths(town: Town, deployment: Deployment, seconds: float) -> None:
    """Let time pass; a turn that was killed is taken again by the next process."""
    await town.run(seconds)
    assert all(isinstance(failure, Killed) for failure in town.durable.failures), town.durable.failures


def check_end(town: Town, after: Deployment) -> None:
    world = town.world
    assert after.ended, after.history
    assert not world.broken, (world.broken, world.effects)
    there = list(world.runs)  # what died after the end is somebody else's matter
    versions = {name.rpartition("-")[0].rpartition("-")[2] for name in there}
    if after.state is State.SUCCEEDED:
        assert (versions, world.weights, world.stable_version) == ({"v2"}, {"v2": 100}, "v2")
    if after.state is State.ROLLED_BACK:
        assert (versions, world.weights, world.stable_version) == ({"v1"}, {"v1": 100}, "v1")
        assert len(there) == world.instances


def hang(town: Town) -> None:
    """One of the former version answers nothing any more, as long as it runs."""
    found = [name for name in town.world.runs if "-v1-" in name]
    town.world.hung.update(found[:1])
    town.world.floor = 0


@settings(max_examples=60, deadline=None)
@given(CASES)
async def test_every_path_ends_and_keeps_the_rules(case: Case) -> None:
    town, deployment = await begun(case)
    after = await lived_through(town, deployment, case)
    check_end(town, after)


PAUSES = st.sampled_from([timedelta(0), timedelta(seconds=1)])  # until another process takes the turn that was cut off


@settings(max_examples=40, deadline=None)
@given(CASES, st.integers(1, 80), PAUSES)
@example(FLAPPING, 54, timedelta(seconds=1))
async def test_a_kill_at_any_moment_changes_nothing_in_the_end(case: Case, moment: int, pause: timedelta) -> None:
    town, deployment = await begun(replace(case, happenings=()))
    expected = await lived_through(town, deployment, replace(case, happenings=()))
    town, deployment = await begun(replace(case, happenings=()))
    town.world.kill_at = town.world.moments + moment
    town.durable.retry = pause
    after = await lived_through(town, deployment, replace(case, happenings=()))
    check_end(town, after)
    if not pause or not fickle(case.behaviour):
        assert (after.state, after.outcome) == (expected.state, expected.outcome)


def fickle(behaviour: Behaviour) -> bool:
    """Whether it counts when one looks: a second later another deployment of it ends differently, killed or not."""
    return behaviour.flaps is not None or behaviour.dies_after is not None


@pytest.mark.parametrize("spec", [CANARY, ROLLING, BLUE_GREEN, RECREATE], ids=lambda spec: spec.kind)
async def test_killed_at_each_moment_of_a_whole_deployment(spec: StrategySpec) -> None:
    case = Case(spec, 2, Behaviour(), 0.0, ())
    town, deployment = await begun(case)
    first = town.world.moments
    await town.run(120)
    last, effects = town.world.moments, town.world.effects
    for moment in range(first + 1, last + 1):
        town, deployment = await begun(case)
        town.world.kill_at = moment
        await town.run(120)
        check_end(town, await town.at(deployment))
        assert isinstance(town.durable.failures[0], Killed)
        assert town.world.effects == effects, moment


@settings(max_examples=40, deadline=None)
@given(CASES, st.integers(0, 60))
async def test_the_same_observation_gives_the_same_action(case: Case, second: int) -> None:
    town, deployment = await begun(case)
    await town.run(second)
    now = await town.at(deployment)
    if now.ended:
        return
    world = town.world
    seen = Observation(tuple(world.seen()), await world.read(world.place), frozenset())
    actions = [next_step(now, seen, now=town.clock()) for _ in range(2)]
    assert actions[0] == actions[1]
    again = await town.journal.load(deployment.id)
    assert again == now
    assert subject_of(again.id) == f"deployment/{again.id}"
