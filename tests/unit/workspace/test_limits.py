"""Slack's limits: exactly what fits passes, one more is refused, and the place is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.workspace.limits import BLOCKS, Refusal, check_message, check_view
from bot.workspace.render import with_ids

Json = dict[str, Any]


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def button(**fields: Any) -> Json:
    return {"type": "button", "text": plain(1), **fields}


def options(count: int) -> list[Json]:
    return [{"text": plain(1), "value": str(number)} for number in range(count)]


def section(length: int) -> list[Json]:
    return [{"type": "section", "text": mrkdwn(length)}]


def actions(*elements: Json) -> list[Json]:
    return [{"type": "actions", "elements": list(elements)}]


FITS_AND_NOT = {
    "blocks": ([{"type": "divider"}] * 50, [{"type": "divider"}] * 51),
    "section text": (section(3000), section(3001)),
    "field text": (
        [{"type": "section", "fields": [mrkdwn(2000)]}],
        [{"type": "section", "fields": [mrkdwn(2001)]}],
    ),
    "fields": (
        [{"type": "section", "fields": [mrkdwn(1)] * 10}],
        [{"type": "section", "fields": [mrkdwn(1)] * 11}],
    ),
    "header": ([{"type": "header", "text": plain(150)}], [{"type": "header", "text": plain(151)}]),
    "context": (
        [{"type": "context", "elements": [mrkdwn(1)] * 10}],
        [{"type": "context", "elements": [mrkdwn(1)] * 11}],
    ),
    "actions": (actions(*[button()] * 25), actions(*[button()] * 26)),
    "button text": (actions(button(text=plain(75))), actions(button(text=plain(76)))),
    "button value": (actions(button(value="x" * 2000)), actions(button(value="x" * 2001))),
    "action id": (actions(button(action_id="x" * 255)), actions(button(action_id="x" * 256))),
    "block id": (
        [{"type": "divider", "block_id": "x" * 255}],
        [{"type": "divider", "block_id": "x" * 256}],
    ),
    "options": (
        actions({"type": "static_select", "options": options(100)}),
        actions({"type": "static_select", "options": options(101)}),
    ),
    "overflow": (
        actions({"type": "overflow", "options": options(5)}),
        actions({"type": "overflow", "options": options(6)}),
    ),
    "style": (actions(button(style="danger")), actions(button(style="loud"))),
    "all text": (section(3000) * 4, [*section(3000) * 4, *section(1)]),
    "two block ids": (
        [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "b"}],
        [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}],
    ),
    "two action ids": (
        actions(button(action_id="a"), button(action_id="b")),
        actions(button(action_id="a"), button(action_id="a")),
    ),
    "empty text": (section(1), section(0)),
    "known fields": (section(1), [{"type": "section", "text": mrkdwn(1), "colour": "red"}]),
    "known types": (section(1), [{"type": "poem", "text": mrkdwn(1)}]),
    "kind of text": ([{"type": "header", "text": plain(1)}], [{"type": "header", "text": mrkdwn(1)}]),
}


@pytest.mark.parametrize("name", FITS_AND_NOT)
def test_the_last_that_fits_and_the_first_that_does_not(name: str) -> None:
    fits, not_so = FITS_AND_NOT[name]
    assert check_message({"text": "x", "blocks": fits}) is None
    refused = check_message({"text": "x", "blocks": not_so})
    assert refused is not None
    assert refused.error == ("msg_blocks_too_long" if name == "all text" else "invalid_blocks")


def test_the_place_is_named() -> None:
    refused = check_message({"text": "x", "blocks": [*section(1), *actions(button(), button(text=plain(76)))]})
    where = "[ERROR] must be less than 76 characters [json-pointer:/blocks/1/elements/1/text/text]"
    assert refused == Refusal("invalid_blocks", (where,))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "blocks": "poem"}, "invalid_blocks_format"),
        ({"text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"text": "x", "attachments": [{"blocks": section(3001)}]}, "invalid_blocks"),
        ({"text": "x", "metadata": {"event_payload": {}}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": {"event_type": "a", "event_payload": {"b": "x" * 16_001}}}, "metadata_too_large"),
    ],
)
def test_messages_that_are_refused(content: Json, error: str) -> None:
    refused = check_message(content)
    assert refused is not None
    assert refused.error == error


def test_an_update_takes_less_text() -> None:
    assert check_message({"text": "x" * 4000}, update=True) is None
    assert check_message({"text": "x" * 4001}, update=True) == Refusal("msg_too_long")


def modal(**fields: Any) -> Json:
    return {"type": "modal", "title": plain(24), "blocks": [], **fields}


ASKS = [{"type": "input", "label": plain(1), "element": {"type": "plain_text_input"}}]


@pytest.mark.parametrize(
    ("fits", "not_so"),
    [
        (modal(), modal(title=plain(25))),
        (modal(blocks=[{"type": "divider"}] * 100), modal(blocks=[{"type": "divider"}] * 101)),
        (modal(private_metadata="x" * 3000), modal(private_metadata="x" * 3001)),
        (modal(submit=plain(24), blocks=ASKS), modal(blocks=ASKS)),
        (modal(callback_id="x" * 255), modal(callback_id="x" * 256)),
    ],
)
def test_modals(fits: Json, not_so: Json) -> None:
    assert check_view(fits, "modal") is None
    refused = check_view(not_so, "modal")
    assert refused is not None
    assert refused.error == "invalid_arguments"


def test_a_home_is_not_a_modal() -> None:
    home = {"type": "home", "blocks": [{"type": "divider"}] * 100}
    assert check_view(home, "home") is None
    assert check_view(home, "modal") is not None
    assert check_view({**home, "title": plain(1)}, "home") is not None
    assert check_view("home", "home") is not None


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(sorted(BLOCKS)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "element", "accessory", "fields", "block_id", "label"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON)
def test_nothing_that_an_app_sends_breaks_the_check(value: Any) -> None:
    """What passes can also be given ids; what does not is refused with a code, never with an exception."""
    if check_message({"text": "x", "blocks": value}) is None and value:
        blocks = with_ids(value)
        assert blocks is not None
        assert check_message({"text": "x", "blocks": blocks}) is None
    check_message({"text": "x", "attachments": value, "metadata": value})
    check_view({"type": "modal", "title": value, "blocks": value}, "modal")
    check_view(value, "home")
