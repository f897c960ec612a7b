"""A team's own check as a gate: asked until it has an end, and never passed for want of an answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Environment, EnvironmentName
from engine.commands import Deploy
from engine.deployments.deployment import Deployment, Measurement, Outcome, State, Verdict
from engine.deployments.gates import Gates
from engine.errors import EngineError, Invalid, PermanentFailure, TemporaryFailure
from engine.hooks import HookAnswer, HookStatus
from engine.strategy_specs import CanaryStep, GateSpec, HookSpec
from tests.fakes.hooks import FakeHooks
from tests.unit.deployments.test_gate_comparison import NOTHING
from tests.unit.deployments.test_gates import NOW, Alerts, Metrics, deployment_with
from tests.unit.deployments.world import ANN, CANARY, SECOND, Town

GATE = GateSpec(name="smoke", kind="hook", hook=HookSpec("https://checks.example/smoke", "SMOKE_SECRET", 3 * SECOND))
WELL, ILL = HookAnswer(HookStatus.SUCCEEDED, "12 checks passed"), HookAnswer(HookStatus.FAILED, "Login is broken.")
BUSY = HookAnswer(HookStatus.IN_PROGRESS, "3 of 12")


async def measure(hooks: FakeHooks, deployment: Deployment, after: float = 0) -> Measurement:
    gates = Gates(Metrics(), Alerts(), hooks)
    return (await gates.measure(deployment, NOTHING, now=NOW + timedelta(seconds=after)))[0]


@pytest.mark.parametrize(
    ("answer", "verdict", "note"),
    [
        (WELL, "pass", "12 checks passed"),
        (HookAnswer(HookStatus.SUCCEEDED), "pass", ""),
        (ILL, "fail", "Login is broken."),
        (HookAnswer(HookStatus.FAILED), "fail", "The check said failed."),
        (BUSY, "inconclusive", "3 of 12"),
        (HookAnswer(HookStatus.IN_PROGRESS), "inconclusive", "in progress"),
        (TemporaryFailure("The check did not answer within 3 s."), "error", "The check did not answer within 3 s."),
        (PermanentFailure("The check refused with 404."), "error", "The check refused with 404."),
    ],
)
async def test_verdicts(answer: HookAnswer | EngineError, verdict: str, note: str) -> None:
    measured = await measure(FakeHooks([answer]), deployment_with(GATE))
    assert (measured.verdict, measured.note) == (verdict, note)
    assert (measured.query, measured.threshold) == ("POST https://checks.example/smoke", "succeeded")


async def test_the_check_is_told_what_it_needs() -> None:
    hooks = FakeHooks()
    await measure(hooks, replace(deployment_with(GATE), weight=10))
    call = hooks.calls[0]
    assert (call.url, call.secret, call.timeout, call.at) == (
        "https://checks.example/smoke",
        "SMOKE_SECRET",
        3 * SECOND,
        NOW,
    )
    assert call.facts == {
        "deployment": "d-1",
        "gate": "smoke",
        "service": "shop",
        "environment": "production",
        "version": "v2",
        "previous": "v1",
        "digest": "sha256:2",
        "purpose": "deploy",
        "requested_by": "ann",
        "step": 1,
        "steps": 3,
        "weight": 10,
    }


async def test_a_key_belongs_to_one_deployment_step_and_gate() -> None:
    hooks, made = FakeHooks(), deployment_with(GATE)
    other = deployment_with(replace(GATE, name="load"))
    for one in (made, made, replace(made, step=1), replace(made, id="d-2"), other):  # type: ignore[arg-type]
        await measure(hooks, one)
    keys = [call.key for call in hooks.calls]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
    assert all(len(key) == 32 and key.isalnum() for key in keys)


@pytest.mark.parametrize(
    ("answers", "times", "calls", "verdicts"),
    [
        ([WELL], [0, 2, 4], 1, "pass pass pass"),
        ([ILL], [0, 2], 1, "fail fail"),
        ([BUSY, BUSY, WELL], [0, 2, 4, 6], 3, "inconclusive inconclusive pass pass"),
        ([replace(BUSY, retry_after=5 * SECOND), WELL], [0, 2, 4, 5], 2, "inconclusive inconclusive inconclusive pass"),
        ([TemporaryFailure("away"), WELL], [0, 2], 2, "error pass"),
        ([TemporaryFailure("away", retry_after=5 * SECOND), WELL], [0, 4, 6], 2, "error inconclusive pass"),
    ],
)
async def test_it_is_asked_until_it_has_an_end(
    answers: Sequence[HookAnswer | EngineError], times: Sequence[float], calls: int, verdicts: str
) -> None:
    hooks, deployment, said = FakeHooks(answers), deployment_with(GATE), list[str]()
    for at in times:
        measured = await measure(hooks, deployment, at)
        assert measured.at == NOW + timedelta(seconds=at)
        deployment = replace(deployment, measurements=(measured,))
        said.append(measured.verdict)
    assert (len(hooks.calls), " ".join(said)) == (calls, verdicts)


async def test_nobody_is_asked_in_the_warm_up() -> None:
    hooks = FakeHooks()
    measured = await measure(hooks, deployment_with(GATE, warm_up=61))
    assert (measured.verdict, measured.note, hooks.calls) == (Verdict.INCONCLUSIVE, "warming up", [])


def test_a_gate_without_an_address_makes_no_plan() -> None:
    with pytest.raises(Invalid, match="gate 'smoke' has nobody to ask"):
        deployment_with(replace(GATE, hook=None))


async def roll(answers: Sequence[HookAnswer | EngineError]) -> tuple[Deployment, FakeHooks]:
    steps, hooks = (CanaryStep(50, 6 * SECOND), CanaryStep(100, 0 * SECOND)), FakeHooks(answers)
    free = Environment(EnvironmentName("production"))
    town = Town(strategy=replace(CANARY, steps=steps, gates=(GATE,)), instances=1, environment=free)
    town.settle()
    town.drive._gates = Gates(town.world, town.world, hooks)
    deployment = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    await town.run(60)
    return await town.at(deployment), hooks


@pytest.mark.parametrize(
    ("answers", "state", "outcome", "reason"),
    [
        ([BUSY, WELL], State.SUCCEEDED, Outcome.PROMOTED, ""),
        ([BUSY, ILL], State.ROLLED_BACK, Outcome.GATE_FAILED, "Gate smoke failed: Login is broken."),
        ([BUSY], State.PAUSED, None, "Gate smoke is inconclusive: 3 of 12"),
        ([TemporaryFailure("Away.")], State.PAUSED, None, "Gate smoke could not be asked: Away."),
        (
            [TemporaryFailure("Away.", retry_after=timedelta(minutes=5))],
            State.PAUSED,
            None,
            "Gate smoke is inconclusive: Away.",
        ),
    ],
)
async def test_deployments(
    answers: Sequence[HookAnswer | EngineError], state: State, outcome: Outcome | None, reason: str
) -> None:
    after, _ = await roll(answers)
    assert (after.state, after.outcome, after.reason) == (state, outcome, reason)
