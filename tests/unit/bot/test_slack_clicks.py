"""Which presses are one request."""

from __future__ import annotations

from dataclasses import replace

from bot.inputs.slack.clicks import request_id
from bot.inputs.slack.deliveries import Clicked
from engine.commands import Actor

PRESS = Clicked(
    "click:1",
    Actor("slack", "U1", "T1"),
    "C1",
    "",
    "t1",
    action="tour.kill_instance",
    value="shop",
    message="1.0",
    pressed=100.0,
)


def test_a_double_click_is_one_request() -> None:
    assert request_id(PRESS) == request_id(replace(PRESS, id="click:2", trigger="t2", pressed=101.0))


def test_a_press_later_on_is_meant_anew() -> None:
    assert request_id(PRESS) != request_id(replace(PRESS, pressed=160.0))


def test_two_people_are_two_requests() -> None:
    assert request_id(PRESS) != request_id(replace(PRESS, actor=Actor("slack", "U2", "T1")))
