"""Label matchers: `=`, `!=`, `=~` and `!~`, the last two anchored. Pure.

Source of the rules: pkg/labels and matcher/parse of Alertmanager.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import re2  # type: ignore[import-untyped]  # it ships no types


class Op(StrEnum):
    """How a label is compared; an absent label is an empty one."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


_NEGATIVE: Final = frozenset({Op.NOT_EQUAL, Op.NOT_REGEX})


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison. Raises ValueError when it is made with a pattern that is no RE2."""

    name: str
    op: Op
    value: str
    _holds: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_holds", _compare(self.op, self.value))

    @property
    def negative(self) -> bool:
        """Whether it says what a label must not be."""
        return self.op in _NEGATIVE

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds for these labels."""
        return self._holds(labels.get(self.name, ""))


def _compare(op: Op, value: str) -> Callable[[str], bool]:
    if op is Op.EQUAL:
        return lambda text: text == value
    if op is Op.NOT_EQUAL:
        return lambda text: text != value
    try:
        pattern = re2.compile(f"^(?:{value})$")
    except re2.error as wrong:
        raise ValueError(f"{value!r} is no regular expression: {wrong}") from wrong
    if op is Op.REGEX:
        return lambda text: pattern.match(text) is not None
    return lambda text: pattern.match(text) is None


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher holds; none at all hold for anything."""
    return all(matcher.matches(labels) for matcher in matchers)
