"""Cuts a Go template into text and the tokens of its actions.

Source of the rules: text/template/parse/lex.go: delimiters, trim markers, comments, Go's literals.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

from alerting.errors import TemplateError

_LEFT: Final = "{{"
_RIGHT: Final = "}}"
_SPACE: Final = " \t\r\n"
_TOKEN: Final = re.compile(
    r"""(?P<field>\.[^\W\d]\w*)
    |(?P<variable>\$\w*)
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*")
    |(?P<raw>`[^`]*`)
    |(?P<char>'(?:[^'\\\n]|\\[^\n])+')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
        |(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)[A-Za-z]*)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>:=|[|(),=])
    |(?P<dot>\.)""",
    re.VERBOSE,
)
_OPENINGS: Final = {'"': "unterminated quoted string", "`": "unterminated raw quoted string"}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is a name in the token grammar, or `text`, `open`, `close`, `end`; lines start at 1.

    `glued` says that no space stands before it, which makes `$labels.job` one operand.
    """

    kind: str
    text: str
    line: int
    glued: bool = False


def lex(source: str) -> Iterator[Token]:
    """Yield the tokens of a template, ended by one of kind `end`.

    Raises TemplateError for an action that is not closed or holds a sign Go does not know.
    """
    at, trim = 0, False
    while (start := source.find(_LEFT, at)) >= 0:
        inside, trims_left = _enter(source, start)
        text = source[at:start]
        yield Token("text", _trimmed(text, left=trim, right=trims_left), _line(source, at))
        if source.startswith("/*", inside):
            at, trim = _skip_comment(source, inside)
            continue
        yield Token("open", _LEFT, _line(source, start))
        at, trim = yield from _lex_action(source, inside)
    yield Token("text", _trimmed(source[at:], left=trim, right=False), _line(source, at))
    yield Token("end", "", _line(source, len(source)))


def _line(source: str, at: int) -> int:
    return source.count("\n", 0, at) + 1


def _trimmed(text: str, *, left: bool, right: bool) -> str:
    text = text.lstrip(_SPACE) if left else text
    return text.rstrip(_SPACE) if right else text


def _enter(source: str, start: int) -> tuple[int, bool]:
    inside = start + len(_LEFT)
    if source.startswith("-", inside) and source[inside + 1 : inside + 2] in tuple(_SPACE):
        return inside + 2, True
    return inside, False


def _skip_comment(source: str, inside: int) -> tuple[int, bool]:
    end = source.find("*/", inside + 2)
    if end < 0:
        raise TemplateError(f"{_line(source, inside)}: unclosed comment")
    closing = _closing(source, end + 2)
    if closing is None:
        raise TemplateError(f"{_line(source, inside)}: comment ends before closing delimiter")
    return closing


def _closing(source: str, at: int) -> tuple[int, bool] | None:
    """Where the text goes on behind the right delimiter at `at`, and whether it trims; None without one."""
    after = _after_space(source, at)
    if source.startswith(_RIGHT, after):
        return after + len(_RIGHT), False
    if after > at and source.startswith("-" + _RIGHT, after):
        return after + 1 + len(_RIGHT), True
    return None


def _after_space(source: str, at: int) -> int:
    while at < len(source) and source[at] in _SPACE:
        at += 1
    return at


def _lex_action(source: str, at: int) -> Generator[Token, None, tuple[int, bool]]:
    # A trim marker eats the space that follows it, which the next token must not count as glue.
    previous = at - 1
    while (closing := _closing(source, at)) is None:
        start = _after_space(source, at)
        found = _TOKEN.match(source, start)
        if found is None or found.lastgroup is None:
            raise TemplateError(f"{_line(source, start)}: {_complaint(source, start)}")
        yield Token(found.lastgroup, found.group(), _line(source, start), start == previous)
        at = previous = found.end()
    yield Token("close", _RIGHT, _line(source, at))
    return closing


def _complaint(source: str, at: int) -> str:
    if at >= len(source):
        return "unclosed action"
    sign = source[at]
    return _OPENINGS.get(sign, f'unexpected "{sign}" in action')
