"""Where to look at a new version is told while that shows something else than what everybody gets, and only then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.inputs.api import present
from bot.readings.previews import preview_of
from bot.views.deployment import render_deployment
from engine.catalog import Environment, EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.deployments.deployment import Deployment, DeploymentId, Outcome, PersonId, Purpose, State
from engine.deployments.plan import make_plan, make_return_plan
from engine.ports import Artifact
from engine.strategy_specs import CanaryStep, Pin, StrategySpec
from engine.targets import LocalTarget
from tests.fakes.blockkit import check, words

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PORT, HEADER = "http://127.0.0.1:9481", "header X-Canary: yes"
BOTH = f"{PORT} or {HEADER}"
V2 = Artifact(Version("v2"), "sha256:v2")
PIN = Pin("header", "X-Canary", "yes")
SWITCH = StrategySpec("switch", "blue-green", dwell=SECOND, approval=True, pin=PIN)
CANARY = StrategySpec("careful", "canary", (CanaryStep(10, SECOND), CanaryStep(100, SECOND)), pin=PIN)
ROLLING = StrategySpec("quick", "rolling")
UP: dict[str, Any] = {"state": State.RUNNING, "step": 0, "started_at": NOW, "traffic_at": NOW}


def place(spec: StrategySpec) -> Placement:
    target = LocalTarget("releases/{version}", ("serve",), 9480, preview_port=9481)
    return Placement(ServiceName("shop"), EnvironmentName("production"), target, HealthCheck(), spec)


def deployment(spec: StrategySpec, *, stable: str | None = "v1", **more: Any) -> Deployment:
    before = Version(stable) if stable else None
    plan = make_plan(place(spec), Environment(EnvironmentName("production"), approvals=1), V2, before, now=NOW)
    return replace(Deployment(DeploymentId("d-1"), plan, Purpose.DEPLOY, PersonId("ann"), NOW), **more)


@pytest.mark.parametrize(
    ("spec", "more", "told"),
    [
        (SWITCH, {}, f"{BOTH}, once it is up"),
        (SWITCH, {"state": State.RUNNING, "started_at": NOW, "step": 0}, f"{BOTH}, once it is up"),
        (SWITCH, UP, BOTH),
        (replace(SWITCH, pin=None), UP, PORT),
        (SWITCH, {**UP, "state": State.PAUSED, "waiting_step": 1}, BOTH),
        (SWITCH, {**UP, "step": 1, "weight": 100}, ""),
        (CANARY, {}, f"{HEADER}, once it is up"),
        (CANARY, {**UP, "weight": 10}, HEADER),
        (CANARY, {**UP, "step": 1, "weight": 100}, ""),
        (replace(CANARY, pin=None), {**UP, "weight": 10}, ""),
        (ROLLING, {**UP, "weight": 50}, ""),
        (SWITCH, {**UP, "state": State.PROMOTING, "weight": 100, "promoted_at": NOW}, ""),
        (SWITCH, {**UP, "state": State.ROLLING_BACK}, ""),
        (SWITCH, {"state": State.CANCELLED, "outcome": Outcome.REJECTED, "ended_at": NOW}, ""),
    ],
)
def test_it_is_told_while_it_is_so(spec: StrategySpec, more: dict[str, Any], told: str) -> None:
    one = deployment(spec, **more)
    assert preview_of(one) == told
    assert present.deployment(one, now=NOW).preview == told
    message = render_deployment(one, mention=str, now=NOW)
    check(message)
    text = words(message.blocks)
    assert text.count("*Preview*") == (1 if told else 0)
    assert f"*Preview*\n`{told}`" in text or not told


@pytest.mark.parametrize("stable", [None, "v2"])
def test_where_no_other_version_runs_there_is_nothing_to_tell_apart(stable: str | None) -> None:
    assert preview_of(deployment(SWITCH, stable=stable, **UP)) == ""


def test_a_way_back_is_looked_at_nowhere() -> None:
    plan = make_return_plan(place(SWITCH), V2, Version("v1"))
    assert preview_of(replace(deployment(SWITCH, **UP), plan=plan)) == ""


def test_a_plan_for_what_there_is_no_more_is_shown_all_the_same() -> None:
    one = deployment(SWITCH, **UP)
    planned = {**(one.plan.placement or {}), "target": {"kind": "NomadTarget"}}
    assert preview_of(replace(one, plan=replace(one.plan, placement=planned))) == ""
