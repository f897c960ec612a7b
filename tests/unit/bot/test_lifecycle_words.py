"""What people type about a component's life, and what they read of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.inputs.slack.clicks import COMMANDS
from bot.views import lifecycle
from bot.views.lifecycle import render_deed, render_lifecycle
from bot.words.commands import parse
from bot.words.grammar import Misunderstood, Vocabulary
from bot.words.lifecycle import AskToStop, AskToUnregister
from engine.commands import Retry, Scale, Start, Stop, Unregister
from engine.components.deeds import Deed
from tests.fakes.blockkit import KNOWN_USER, check

WORDS = Vocabulary({"shop": ["staging", "production"], "web": ["production"]}, ["staging", "production"])
DATA = {
    "service": "shop",
    "environment": "production",
    "state": "stopping",
    "version": "v1",
    "desired": 2,
    "health": "2 of 2 healthy",
    "decided": 7,
    "channel": "deploys",
}
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("scale shop in production to 4", Scale("shop", "production", 4)),
        ("scale shop production 4", Scale("shop", "production", 4)),
        ("scale web to 4", Scale("web", "production", 4)),
        ("scale web 0", Scale("web", "production", 0)),
        ("stop shop on staging", AskToStop("shop", "staging")),
        ("start web", Start("web", "production")),
        ("retry shop production", Retry("shop", "production")),
        ("unregister shop production", AskToUnregister("shop", "production")),
    ],
)
def test_lines(line: str, command: object) -> None:
    assert parse(line, WORDS) == command


@pytest.mark.parametrize(
    ("line", "reason", "suggestion"),
    [
        ("scale shop production", "`production` is no number", ""),
        ("scale shop production lots", "`lots` is no number", ""),
        ("scale shop production -1", "`-1` is no number", ""),
        ("scale", "how many instances", ""),
        ("scale shop 4", "Say where", "/ops scale shop staging to 4"),
        ("stop shpo production", "no service `shpo`", "/ops stop shop production"),
        ("stop shop producton", "no environment `producton`", "/ops stop shop production"),
        ("start shop production now", "one word too many", ""),
    ],
)
def test_what_is_wrong_with_a_line(line: str, reason: str, suggestion: str) -> None:
    with pytest.raises(Misunderstood) as error:
        parse(line, WORDS)
    assert reason in error.value.reason
    assert error.value.suggestion == suggestion


@pytest.mark.parametrize("command", [AskToStop("shop", "production"), AskToUnregister("shop", "production")])
def test_a_question_has_one_dangerous_button_that_asks_again(command: object) -> None:
    message = render_lifecycle(command, DATA)
    assert message is not None
    check(message)
    [asked] = message.blocks[-1]["elements"]
    assert asked["style"] == "danger"
    assert "confirm" in asked
    made = COMMANDS[asked["action_id"]](asked["value"])
    make = Stop if isinstance(command, AskToStop) else Unregister
    expected = make("shop", "production", seen=7)
    assert made == expected


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Scale("shop", "production", 4), "Scaling shop in production to 4; its message in #deploys"),
        (Stop("shop", "production"), "Stopping shop in production"),
        (Start("shop", "production"), "Starting shop in production with `v1`"),
        (Retry("shop", "production"), "Bringing `v1` of shop in production back"),
        (Unregister("shop", "production"), "no longer looked after"),
    ],
)
def test_answers(command: object, words: str) -> None:
    message = render_lifecycle(command, DATA)
    assert message is not None
    check(message)
    assert words in message.text


def test_a_retry_with_nothing_stable_says_to_deploy() -> None:
    message = render_lifecycle(Retry("shop", "production"), {**DATA, "version": ""})
    assert message is not None
    assert "deploy a version" in message.text


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (Deed(7, "scale", "ada", AT, 2, 4), "*Scale shop in production from 2 to 4*\n🔵 under way · "),
        (Deed(7, "scale", "ada", AT, 2, 4, trouble="No room."), "Trying again: No room."),
        (Deed(7, "stop", "ada", AT, ending="done", ended_at=AT), "`/ops start shop production` brings it back"),
        (Deed(7, "failure", "", AT, trouble="No <disk>.", ending="done", ended_at=AT), "No &lt;disk&gt;."),
        (Deed(7, "failure", "", AT, ending="done", ended_at=AT), "`/ops retry shop production`"),
        (Deed(7, "stranger", "", AT, instance="shop-1", ending="done", ended_at=AT), "`shop-1` runs although"),
        (Deed(7, "start", "ada", AT, desired=2, release="v1", ending="failed", ended_at=AT), "🔴 failed"),
    ],
)
def test_the_message_in_the_channel(deed: Deed, words: str) -> None:
    message = render_deed("shop", "production", deed, mention=lambda _: KNOWN_USER)
    check(message)
    assert words in message.blocks[0]["text"]["text"]
    assert "shop in production" in message.text


def test_a_button_that_does_not_say_what_it_showed_decides_nothing() -> None:
    assert COMMANDS[lifecycle.STOP]("shop|production") == Stop("shop", "production", seen=0)
    assert COMMANDS[lifecycle.UNREGISTER]("shop|production|x") == Unregister("shop", "production", seen=0)


def test_buttons_have_names_of_their_own() -> None:
    assert {lifecycle.STOP, lifecycle.UNREGISTER} <= set(COMMANDS)
