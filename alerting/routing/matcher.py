"""Label matchers: `=`, `!=`, `=~` and `!~`, the last two anchored. Pure.

Source of the rules: pkg/labels and matcher/parse of Alertmanager.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import re2  # type: ignore[import-untyped]  # it ships no types

from alerting.rules.template.literals import quoted


class Op(StrEnum):
    """How a label is compared; an absent label is an empty one."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go calls space."""
RESERVED: Final = frozenset(SPACE + "{}!=~,\\\"'`")
"""Signs that only a quoted name or value may hold."""
_NEGATIVE: Final = frozenset({Op.NOT_EQUAL, Op.NOT_REGEX})
_LITERAL: Final = r"[\w \-:/@%,;<>=!~&#\"'`]*"
_WORDS: Final = re.compile(rf"{_LITERAL}(?:\|{_LITERAL})*", re.ASCII)
_BEGINNING: Final = re.compile(rf"({_LITERAL})\.\*", re.ASCII)
_ORDER: Final = {op: place for place, op in enumerate(Op)}


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison; `holds` asks it of a label's value.

    Raises ValueError when it is made with a pattern that is no RE2.
    """

    name: str
    op: Op
    value: str
    holds: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", _compare(self.op, self.value))

    @property
    def negative(self) -> bool:
        """Whether it says what a label must not be."""
        return self.op in _NEGATIVE

    @property
    def order(self) -> tuple[str, str, int]:
        """The place among the matchers of one list: by name, value, and then how it compares."""
        return self.name, self.value, _ORDER[self.op]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds for these labels."""
        return self.holds(labels.get(self.name, ""))

    def __str__(self) -> str:
        """As Alertmanager and amtool write it: `severity="page"`."""
        if RESERVED.isdisjoint(self.name):
            return f"{self.name}{self.op}{escaped(self.value)}"
        return f"{quoted(self.name)}{self.op}{quoted(self.value)}"


def escaped(value: str) -> str:
    """A value in double quotes as OpenMetrics escapes it."""
    return '"' + value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') + '"'


def _compare(op: Op, value: str) -> Callable[[str], bool]:
    if op is Op.EQUAL:
        return lambda text: text == value
    if op is Op.NOT_EQUAL:
        return lambda text: text != value
    holds = _search(value)
    if op is Op.REGEX:
        return holds
    return lambda text: not holds(text)


def _search(value: str) -> Callable[[str], bool]:
    """Whether a text as a whole is what the pattern says; the frequent simple ones need no regular expression."""
    if _WORDS.fullmatch(value):
        return frozenset(value.split("|")).__contains__
    if beginning := _BEGINNING.fullmatch(value):
        start = beginning[1]
        return lambda text: text.startswith(start) and "\n" not in text[len(start) :]
    if value == ".+":
        return lambda text: bool(text) and "\n" not in text
    pattern = _compiled(value)
    # Half of a surrogate pair has no place in a pattern and is never matched.
    return lambda text: pattern.match(text.encode("utf-8", "replace")) is not None


def _compiled(value: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"^(?:{value})$".encode(), options)
    except re2.error as wrong:
        reason = wrong.args[0].decode("utf-8", "replace") if isinstance(wrong.args[0], bytes) else str(wrong)
        raise ValueError(f"{value!r} is no regular expression: {reason}") from wrong
    except UnicodeEncodeError as wrong:
        raise ValueError(f"{value!r} is no text: it holds half of a surrogate pair") from wrong


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher holds; none at all hold for anything."""
    # Asked of every route for every alert: a loop that calls nothing else fails four times as fast as `all`.
    for matcher in matchers:  # noqa: SIM110  # as said
        if not matcher.holds(labels.get(matcher.name, "")):
            return False
    return True


def format_matchers(matchers: Iterable[Matcher]) -> str:
    """A list as Alertmanager and amtool write it: `{severity="page",team!="shop"}`."""
    return "{" + ",".join(map(str, matchers)) + "}"
