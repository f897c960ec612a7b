"""What the deploy form says at its inputs before it closes."""

from __future__ import annotations

import pytest

from bot.inputs.slack.listeners import check_form
from bot.views import forms
from bot.words.grammar import Vocabulary

WORDS = Vocabulary(services={"shop": ["staging", "production"]}, environments=["staging", "production"])
KNOWN = {"shop": ["v1", "v2"]}


def filled(version: str = "v2", environment: str = "production") -> dict[str, str]:
    """The form with these values."""
    return {forms.SERVICE: "shop", forms.VERSION: version, forms.ENVIRONMENT: environment}


@pytest.mark.parametrize(
    ("values", "field", "word"),
    [
        (filled(version="v2 v3"), forms.VERSION, "one word"),
        (filled(version="v9"), forms.VERSION, "Known: v1, v2"),
        (filled(environment="moon"), forms.ENVIRONMENT, "moon"),
    ],
)
def test_a_fault_stands_at_its_input(values: dict[str, str], field: str, word: str) -> None:
    errors = check_form(values, WORDS, KNOWN)
    assert list(errors) == [field]
    assert word in errors[field]


def test_what_is_right_closes_the_form() -> None:
    assert check_form(filled(), WORDS, KNOWN) == {}


def test_without_a_list_of_versions_the_door_decides() -> None:
    assert check_form(filled(version="v9"), WORDS, {}) == {}
