"""Which presses are one request."""

from __future__ import annotations

from dataclasses import replace

from bot.inputs.slack.clicks import press, request_id
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


def test_both_halves_of_a_double_click_press_the_same() -> None:
    second = replace(PRESS, id="click:2", trigger="t2", pressed=100.3)
    assert press(PRESS) == press(second)


def test_a_press_later_on_is_another_request() -> None:
    assert request_id(PRESS) != request_id(replace(PRESS, pressed=160.0))
    assert request_id(PRESS) == request_id(replace(PRESS, trigger="t2"))


def test_two_people_or_two_states_are_two() -> None:
    assert press(PRESS) != press(replace(PRESS, actor=Actor("slack", "U2", "T1")))
    assert press(PRESS) != press(replace(PRESS, value="checkout"))
