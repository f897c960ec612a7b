"""Going on by hand: how it is written, which buttons there are when, what they say and what they carry."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.inputs.slack.clicks import command_of
from bot.inputs.slack.deliveries import Clicked
from bot.views.deployment import FINISH, PROMOTE, render_deployment
from bot.words.commands import parse
from bot.words.grammar import Misunderstood, Vocabulary
from engine.catalog import EnvironmentName, ServiceName, Version
from engine.commands import Actor, Promote, ReleaseOld, Resume
from engine.deployments.deployment import Decision, Deployment, DeploymentId, PersonId, Plan, Purpose, State
from engine.strategy_specs import CanaryStep, StrategySpec
from tests.fakes.blockkit import buttons, check
from tests.fakes.house import all_text

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BLUE_GREEN = StrategySpec(
    name="switch",
    kind="blue-green",
    steps=(CanaryStep(0, SECOND), CanaryStep(100, SECOND, approval=True), CanaryStep(100, SECOND, approval=True)),
    keep_old=timedelta(minutes=5),
)
CANARY = StrategySpec(name="careful", kind="canary", steps=(CanaryStep(10, SECOND), CanaryStep(100, SECOND)))
WORDS = Vocabulary(services={"shop": ["production"]}, environments=["production"])


def deployment(spec: StrategySpec, **more: Any) -> Deployment:
    plan = Plan(
        service=ServiceName("shop"),
        environment=EnvironmentName("production"),
        version=Version("v2"),
        digest="sha256:v2",
        previous=Version("v1"),
        instances=2,
        strategy=spec,
        approvals_needed=0,
        four_eyes=False,
        expires_at=None,
    )
    made = Deployment(DeploymentId("d-1"), plan, Purpose.DEPLOY, PersonId("ann"), NOW, started_at=NOW, weight=10)
    return replace(made, **{"state": State.RUNNING, "step": 0, "step_entered_at": NOW, **more})


def drawn(one: Deployment) -> dict[str, Any]:
    message = render_deployment(one, mention=str, now=NOW)
    check(message)
    return {"text": message.text, "blocks": message.blocks}


def shown(one: Deployment) -> dict[str, Any]:
    """The buttons by what they say."""
    return {made["text"]["text"]: made for made in _elements(one)}


def _elements(one: Deployment) -> list[Any]:
    return [made for block in drawn(one)["blocks"] if block["type"] == "actions" for made in block["elements"]]


def clicked(made: Any) -> object:
    who = Actor("slack", "U1", "T1")
    return command_of(Clicked("c1", who, "C1", "", "t1", action=made["action_id"], value=made["value"]))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("promote d-1", Promote(DeploymentId("d-1"))),
        ("finish d-1", ReleaseOld(DeploymentId("d-1"))),
        ("resume d-1", Resume(DeploymentId("d-1"))),
    ],
)
def test_a_line_is_understood(line: str, command: object) -> None:
    assert parse(line, WORDS) == command
    with pytest.raises(Misunderstood, match="Name one deployment"):
        parse(line.removesuffix(" d-1"), WORDS)


def test_promoting_carries_what_was_seen() -> None:
    running = deployment(CANARY, step=1)
    assert list(shown(running)) == ["Promote now", "Abort"]
    assert shown(running)["Promote now"]["confirm"]["confirm"]["text"] == "Promote"
    assert clicked(shown(running)["Promote now"]) == Promote(DeploymentId("d-1"), 1, 0)
    paused = deployment(CANARY, state=State.PAUSED, paused_at=NOW)
    assert list(shown(paused)) == ["Resume", "Promote now", "Abort"]
    assert clicked(shown(paused)["Promote now"]) == Promote(DeploymentId("d-1"), 0, int(NOW.timestamp()))


@pytest.mark.parametrize(
    "one",
    [
        deployment(CANARY, promotion_asked_by=PersonId("ben")),
        deployment(CANARY, step=-1),
        deployment(CANARY, state=State.PROMOTING, promoted_at=NOW),
        deployment(BLUE_GREEN),
        deployment(CANARY, state=State.PAUSED, waiting_step=1),
    ],
)
def test_promoting_is_not_offered_where_it_would_be_refused_or_change_nothing(one: Deployment) -> None:
    assert PROMOTE not in buttons(drawn(one)["blocks"])


def test_what_is_kept_can_be_let_go() -> None:
    kept = deployment(BLUE_GREEN, state=State.PROMOTING, promoted_at=NOW, traffic_at=NOW, step=2)
    assert list(shown(kept)) == ["Let v1 go", "Abort"]
    assert clicked(shown(kept)["Let v1 go"]) == ReleaseOld(DeploymentId("d-1"))
    gone = replace(kept, released_at=NOW)
    assert FINISH not in buttons(drawn(gone)["blocks"])


def test_a_blue_green_reads_as_preview_switch_and_keep() -> None:
    agreed = (Decision(PersonId("ben"), True, NOW, 1),)
    texts = [
        (deployment(BLUE_GREEN), "*preview* → switch → keep"),
        (deployment(BLUE_GREEN, step=1, decisions=agreed), "✓ preview → *switch* → keep"),
        (deployment(BLUE_GREEN, state=State.PROMOTING, promoted_at=NOW, step=1), "✓ preview → ✓ switch → *keep*"),
        (deployment(replace(BLUE_GREEN, steps=BLUE_GREEN.steps[:2], keep_old=0 * SECOND)), "*preview* → switch ·"),
        (deployment(CANARY, step=1), "step 2 of 2"),
    ]
    for one, text in texts:
        assert text in all_text(drawn(one))
    for one, _ in texts[:4]:
        assert "step 1" not in all_text(drawn(one))


def test_the_button_that_approves_says_what_happens() -> None:
    paused = {"state": State.PAUSED, "paused_at": NOW}
    assert "Switch to v2" in shown(deployment(BLUE_GREEN, waiting_step=1, **paused))
    assert "Let v1 go" in shown(deployment(BLUE_GREEN, waiting_step=2, **paused))
    assert "Approve step 2" in shown(deployment(CANARY, waiting_step=1, **paused))
