"""What gates say, and that nothing but a pass is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf, nan

import pytest

from engine.catalog import Figure, Version
from engine.deployments.action import Observation
from engine.deployments.deployment import Deployment, DeploymentId, Purpose, State, Verdict
from engine.deployments.gates import Gates, fill
from engine.deployments.plan import make_plan
from engine.deployments.words import render_number
from engine.errors import EngineError, PermanentFailure, TemporaryFailure
from engine.ports import Artifact, FiringAlert, MetricSample, TrafficReading
from engine.strategy_specs import GateSpec
from tests.fakes.durable import VirtualClock
from tests.fakes.hooks import FakeHooks
from tests.unit.deployments.world import ANN, CANARY, GATE, World

NOW = VirtualClock().at
RULE = GateSpec(name="alerts", kind="rule", rule="HighErrors")
HEALTH = GateSpec(name="health", kind="health")


@dataclass
class Metrics:
    answers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    failure: EngineError | None = None
    asked: list[str] = field(default_factory=list)

    async def instant(self, query: str, at: datetime) -> Sequence[MetricSample]:
        self.asked.append(query)
        if self.failure:
            raise self.failure
        return [MetricSample({}, value) for value in self.answers.get(query, ())]


@dataclass
class Alerts:
    alerts: list[FiringAlert] = field(default_factory=list)
    failure: EngineError | None = None
    evaluated: datetime | EngineError | None = NOW

    async def firing(self, labels: Mapping[str, str]) -> Sequence[FiringAlert]:
        assert labels == {"service": "shop", "environment": "production"}
        if self.failure:
            raise self.failure
        return self.alerts

    async def evaluated_at(self, rule: str) -> datetime | None:
        if isinstance(self.evaluated, EngineError):
            raise self.evaluated
        return self.evaluated


def deployment_with(*gates: GateSpec, warm_up: float = 0, traffic: float = 60) -> Deployment:
    world = World(VirtualClock(), strategy=replace(CANARY, gates=gates, warm_up=timedelta(seconds=warm_up)))
    plan = make_plan(world.place, world.environment, Artifact(Version("v2"), "sha256:2"), Version("v1"), now=NOW)
    since = NOW - timedelta(seconds=traffic)
    return Deployment(
        DeploymentId("d-1"), plan, Purpose.DEPLOY, ANN, NOW, state=State.RUNNING, step=0, traffic_at=since
    )


async def verdict_of(gate: GateSpec, metrics: Metrics, alerts: Alerts | None = None, **more: float):  # type: ignore[no-untyped-def]
    seen = Observation((), TrafficReading({}, (), 0, 0))
    deployment = deployment_with(gate, **more)
    return (await Gates(metrics, alerts or Alerts(), FakeHooks()).measure(deployment, seen, now=NOW))[0]


SIMPLE = replace(GATE, query="q")


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([0.0], Verdict.PASS),
        ([0.009], Verdict.PASS),
        ([0.01], Verdict.FAIL),
        ([5.0], Verdict.FAIL),
        ([], Verdict.INCONCLUSIVE),
        ([nan], Verdict.INCONCLUSIVE),
        ([inf], Verdict.INCONCLUSIVE),
        ([0.0, 0.0], Verdict.ERROR),
    ],
)
async def test_query(answers: list[float], verdict: Verdict) -> None:
    assert (await verdict_of(SIMPLE, Metrics({"q": answers}))).verdict is verdict


@pytest.mark.parametrize(("samples", "verdict"), [([99], "inconclusive"), ([], "inconclusive"), ([100], "fail")])
async def test_too_few_samples_say_nothing(samples: list[float], verdict: str) -> None:
    gate = replace(SIMPLE, samples_query="n", minimum_samples=100)
    measured = await verdict_of(gate, Metrics({"q": [0.5], "n": samples}))
    assert measured.verdict == verdict
    assert measured.value == 0.5


@pytest.mark.parametrize("failure", [TemporaryFailure("Prometheus is away."), PermanentFailure("bad query")])
async def test_what_cannot_be_asked_is_an_error(failure: EngineError) -> None:
    measured = await verdict_of(SIMPLE, Metrics(failure=failure))
    assert (measured.verdict, measured.note) == (Verdict.ERROR, str(failure))
    measured = await verdict_of(RULE, Metrics(), Alerts(failure=failure))
    assert measured.verdict is Verdict.ERROR


async def test_the_warm_up_is_not_judged() -> None:
    measured = await verdict_of(SIMPLE, Metrics({"q": [5.0]}), warm_up=61)
    assert (measured.verdict, measured.value, measured.note) == (Verdict.INCONCLUSIVE, 5.0, "warming up")


@pytest.mark.parametrize(
    ("name", "labels", "verdict"),
    [
        ("HighErrors", {}, "fail"),
        ("HighErrors", {"version": "v2"}, "fail"),
        ("HighErrors", {"version": "v1"}, "pass"),
        ("DiskFull", {}, "pass"),
    ],
)
async def test_rule(name: str, labels: dict[str, str], verdict: str) -> None:
    alerts = Alerts([FiringAlert(name, labels, 0.5, NOW)])
    assert (await verdict_of(RULE, Metrics(), alerts)).verdict == verdict


async def test_any_alert_of_the_service_when_no_rule_is_named() -> None:
    alerts = Alerts([FiringAlert("Any", {}, 1.0, NOW)])
    measured = await verdict_of(replace(RULE, rule=""), Metrics(), alerts)
    assert (measured.verdict, measured.note) == (Verdict.FAIL, "Alert Any is firing.")


@pytest.mark.parametrize(
    ("evaluated", "verdict", "note"),
    [
        (NOW, "pass", ""),
        (NOW - timedelta(seconds=60), "pass", ""),
        (NOW - timedelta(seconds=61), "inconclusive", "not evaluated since the new version got traffic"),
        (None, "inconclusive", "not evaluated since the new version got traffic"),
        (PermanentFailure("There is no alert rule HighErrrors."), "error", "There is no alert rule HighErrrors."),
        (TemporaryFailure("Rule HighErrors: timeout."), "error", "Rule HighErrors: timeout."),
    ],
)
@pytest.mark.parametrize("rule", [RULE, replace(RULE, rule="")])
async def test_nothing_fires_where_nobody_looked(
    rule: GateSpec, evaluated: datetime | EngineError | None, verdict: str, note: str
) -> None:
    measured = await verdict_of(rule, Metrics(), Alerts(evaluated=evaluated))
    assert (measured.verdict, measured.note) == (verdict, note)


async def test_an_alert_that_fires_fails_the_gate_although_the_rule_is_away() -> None:
    alerts = Alerts([FiringAlert("HighErrors", {}, 1.0, NOW)], evaluated=TemporaryFailure("away"))
    assert (await verdict_of(RULE, Metrics(), alerts)).verdict is Verdict.FAIL


async def test_health_of_nothing_is_no_pass() -> None:
    assert (await verdict_of(HEALTH, Metrics())).verdict is Verdict.INCONCLUSIVE


def test_only_our_placeholders_are_filled_and_their_values_are_quoted() -> None:
    deployment = deployment_with(GATE, traffic=90)
    odd = replace(deployment, plan=replace(deployment.plan, version=Version('v"2\\')))
    text = 'rate(x{service="{service}",v=~"{version}|{previous}",e="{environment}"}[{window}]) by {nothing}'
    assert fill(text, odd, now=NOW) == ('rate(x{service="shop",v=~"v\\"2\\\\|v1",e="production"}[90s]) by {nothing}')


@pytest.mark.parametrize(("traffic", "window"), [(1, "10s"), (90, "90s"), (9000, "600s")])
def test_the_window_is_bounded(traffic: float, window: str) -> None:
    assert fill("{window}", deployment_with(GATE, traffic=traffic), now=NOW) == window


async def test_a_figure_that_cannot_be_had_is_a_dash() -> None:
    figures = (Figure("Errors", "q", "ratio"), Figure("Rate", "none"))
    shown = await Gates(Metrics({"q": [0.0123]}), Alerts(), FakeHooks()).figures(
        figures, deployment_with(GATE), now=NOW
    )
    assert shown == (("Errors", "1.23 %"), ("Rate", "–"))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.5, "ratio", "50 %"), (0.043, "seconds", "43 ms"), (2.5, "seconds", "2.50 s"), (1500.0, "", "1,500")],
)
def test_numbers_for_people(value: float, unit: str, text: str) -> None:
    assert render_number(value, unit) == text
