"""Plans are checked before anything happens."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Environment, EnvironmentName, Version
from engine.deployments.plan import make_plan
from engine.errors import Invalid
from engine.ports import Artifact
from engine.strategy_specs import CanaryStep, GateSpec, StrategySpec
from tests.fakes.durable import VirtualClock
from tests.unit.deployments.world import CANARY, GATE, ROLLING, World

NOW = VirtualClock().at
ZERO = timedelta(0)
PRODUCTION = Environment(EnvironmentName("production"), approvals=1, approval_expires=timedelta(minutes=5))


def steps(*weights: int) -> tuple[CanaryStep, ...]:
    return tuple(CanaryStep(weight, ZERO) for weight in weights)


def plan_of(spec: StrategySpec, instances: int = 3):  # type: ignore[no-untyped-def]
    place = World(VirtualClock(), strategy=spec, instances=instances).place
    return make_plan(place, PRODUCTION, Artifact(Version("v2"), "sha256:x"), Version("v1"), now=NOW)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (replace(CANARY, kind="cannery"), "there is no kind .cannery."),
        (replace(CANARY, steps=steps(0, 100)), "its weights are 0, 100"),
        (replace(CANARY, steps=steps(10, 101)), "its weights are 10, 101"),
        (replace(CANARY, steps=steps(50, 10, 100)), "its weights 50, 10, 100 do not rise"),
        (replace(CANARY, steps=steps(10, 10, 100)), "do not rise"),
        (replace(CANARY, steps=steps(10, 50)), "its last weight is 50"),
        (replace(CANARY, steps=(CanaryStep(100, timedelta(seconds=-1)),)), "a dwell is below zero"),
        (replace(CANARY, progress_deadline=ZERO), "its progress deadline is not above zero"),
        (replace(CANARY, gates=(GATE, GATE)), "two of its gates have one name"),
        (replace(CANARY, gates=(replace(GATE, query=""),)), "gate 'errors' has no query"),
        (replace(CANARY, gates=(replace(GATE, minimum_samples=9),)), "gate 'errors' counts no samples"),
        (replace(CANARY, gates=(GateSpec("rate", "comparison"),)), "gate 'rate' says nothing to compare"),
        (replace(CANARY, gates=(GateSpec("smoke", "hook"),)), "gate 'smoke' has nobody to ask"),
        (replace(ROLLING, max_surge=0), "max_surge and max_unavailable are both zero"),
        (replace(ROLLING, max_surge=-1), "max_surge or max_unavailable is below zero"),
    ],
)
def test_a_strategy_that_cannot_be_is_refused(spec: StrategySpec, what: str) -> None:
    with pytest.raises(Invalid, match=what) as refused:
        plan_of(spec)
    assert refused.value.field == "strategy"


@pytest.mark.parametrize(
    ("surge", "unavailable", "instances", "weights"),
    [(1, 0, 3, [33, 67, 100]), (2, 1, 3, [100]), (1, 1, 5, [40, 80, 100]), (9, 0, 2, [100])],
)
def test_rolling_becomes_the_steps_of_its_batches(
    surge: int, unavailable: int, instances: int, weights: list[int]
) -> None:
    plan = plan_of(replace(ROLLING, max_surge=surge, max_unavailable=unavailable), instances)
    assert [step.weight for step in plan.strategy.steps] == weights


def test_an_approval_gate_asks_at_every_step() -> None:
    plan = plan_of(replace(CANARY, gates=(GATE, GateSpec(name="people", kind="approval"))))
    assert all(step.approval for step in plan.strategy.steps)
    assert [gate.name for gate in plan.strategy.gates] == ["errors"]


def test_the_plan_says_when_it_expires() -> None:
    assert plan_of(CANARY).expires_at == NOW + timedelta(minutes=5)
