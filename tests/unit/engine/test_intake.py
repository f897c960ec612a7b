"""What no field of a request may be."""

from dataclasses import replace
from datetime import datetime

import pytest

from engine.commands import Actor, Deploy, Request
from engine.errors import Invalid
from engine.intake import LONGEST_TEXT, check_request, texts
from tests.fakes.clock import VirtualClock

GOOD = Request("r1", VirtualClock()(), "chat", Actor("slack", "U1", "T1"), Deploy("shop", "v2", "production"))


def test_a_good_request_passes() -> None:
    check_request(GOOD)
    check_request(replace(GOOD, context={"text": "two\nlines\tand ünïcode 🚀"}))


@pytest.mark.parametrize("bad", ["\x00", "\x1b[31m", "\r", "\u202e", "\u200b", "\ud800", "\x85"])
def test_characters_that_control_or_deceive_are_named(bad: str) -> None:
    with pytest.raises(Invalid, match=r"version holds the character U\+") as refusal:
        check_request(replace(GOOD, command=Deploy("shop", f"v{bad}2", "production")))
    assert refusal.value.field == "version"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 256}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"at": datetime(2026, 1, 1)}, "at"),  # noqa: DTZ001
        ({"actor": Actor("system", "me")}, "actor"),
        ({"actor": Actor("slack", "U\x00", "T1")}, "user"),
        ({"actor": Actor("slack", "U1", "T\x00")}, "team"),
        ({"command": Deploy("s" * (LONGEST_TEXT + 1), "v2", "production")}, "service"),
        ({"context": {"text": "x" * (LONGEST_TEXT + 1)}}, "text"),
    ],
)
def test_the_field_at_fault_is_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_request(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert refusal.value.remedy


def test_texts_are_found_at_any_depth() -> None:
    command = {"a": ["x", {"b": ("y", 1)}], "c": Deploy("shop", "v2", "production")}
    assert [text for _, text in texts(command)] == ["x", "y", "shop", "v2", "production", ""]
