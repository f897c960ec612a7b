"""Matchers from text, in Alertmanager's default mode: the UTF-8 syntax, and the classic one where that fails. Pure.

UTF-8 (matcher/parse): names and values are quoted as Go quotes, or hold no reserved sign; braces come in pairs.
Classic (pkg/labels): names are Prometheus', a value is all up to the next comma. Where both read a text and do not
agree, the classic reading holds, so that a file keeps the meaning it had before.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from alerting.routing.classic_matcher import parse_classic, parse_classic_list
from alerting.routing.matcher import RESERVED, SPACE, Matcher, Op, format_matchers

LONGEST: Final = 65_536
"""Signs of a text that is read; a longer one is refused."""
Warn = Callable[[str], None]
Matchers = tuple[Matcher, ...]
Parse = Callable[[str], Matchers]

_OPERATORS: Final = frozenset(Op)
_TOKEN: Final = re.compile(
    rf"""[{SPACE}]*(?:(?P<sign>[{{}},])|(?P<op>!=|!~|=~|=)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^{re.escape("".join(sorted(RESERVED)))}]+)|(?P<end>\Z))""",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<sign>[abfnrtv\\\"])|x(?P<byte>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2})"
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))|(?P<plain>[^\\\n]+)|(?P<wrong>.)",
    re.DOTALL,
)
_SIGNS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


class MatcherWrong(ValueError):
    """A text that is no matcher; `column` is where reading stopped, from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column


def parse_matcher(text: str, warn: Warn | None = None) -> Matcher:
    """Read one matcher: `severity="page"`. Braces and lists are refused; raises MatcherWrong."""
    if text.startswith("{") or text.endswith("}"):
        column = 1 if text.startswith("{") else len(text)
        raise MatcherWrong(column, f"unexpected open or close brace in {_shown(text)}; write it without braces")
    return _agreed(text, _only_modern, lambda one: (parse_classic(one),), warn)[0]


def parse_matchers(text: str, warn: Warn | None = None) -> Matchers:
    """Read a list in the order it is written: `{severity="page",team=~"a|b"}`, braces may be left out.

    `warn` hears of a text whose meaning depends on the syntax. Raises MatcherWrong.
    """
    return _agreed(text, _modern, parse_classic_list, warn)


def _agreed(text: str, modern: Parse, classic: Parse, warn: Warn | None) -> Matchers:
    if len(text) > LONGEST:
        raise MatcherWrong(LONGEST, f"the text has {len(text)} signs, at most {LONGEST} are read; make several of it")
    old = _attempt(classic, text)
    try:
        new = modern(text)
    except MatcherWrong as wrong:
        if old is None:
            raise
        _tell(warn, f"{_shown(text)} is only read in the classic syntax ({wrong}); write {format_matchers(old)}")
        return old
    if old is None or old == new:
        return new
    _tell(
        warn,
        f"{_shown(text)} means {format_matchers(old)} in the classic syntax, which holds, and "
        f"{format_matchers(new)} in the UTF-8 one; quote it so that both agree",
    )
    return old


def _modern(text: str) -> Matchers:
    return tuple(_Reading(text).matchers())


def _only_modern(text: str) -> Matchers:
    found = _modern(text)
    if len(found) != 1:
        raise MatcherWrong(1, f"expected 1 matcher, found {len(found)} in {_shown(text)}")
    return found


def _attempt(parse: Parse, text: str) -> Matchers | None:
    try:
        return parse(text)
    except ValueError:
        return None


def _tell(warn: Warn | None, message: str) -> None:
    if warn is not None:
        warn(message)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is a brace, a comma, an operator, `quoted`, `plain` or `end`; `text` is its meaning."""

    kind: str
    text: str
    column: int


class _Reading:
    """One pass over a text in the UTF-8 syntax."""

    def __init__(self, text: str) -> None:
        self._tokens = _lex(text)
        self._next = next(self._tokens)

    def matchers(self) -> Iterator[Matcher]:
        """Every matcher up to the end of the text."""
        opened = self._accept("{")
        while self._next.kind not in {"}", "end"}:
            yield self._matcher()
            if not self._accept(","):
                break
            if self._next.kind not in {"}", "end", "plain", "quoted"}:
                raise self._unexpected("a matcher or close brace after comma")
        self._close(opened=opened)

    def _close(self, *, opened: bool) -> None:
        if self._next.kind not in {"}", "end"}:
            raise self._unexpected("a comma or close brace")
        closed = self._accept("}")
        if opened and not closed:
            raise self._unexpected("close brace")
        if closed and not opened:
            raise MatcherWrong(self._next.column, "close brace without an opening brace")
        if self._next.kind != "end":
            raise self._unexpected("end of input")

    def _matcher(self) -> Matcher:
        name = self._expect({"plain", "quoted"}, "label name")
        op = self._expect(_OPERATORS, "an operator such as '=', '!=', '=~' or '!~'")
        value = self._expect({"plain", "quoted"}, "label value")
        try:
            return Matcher(name.text, Op(op.kind), value.text)
        except ValueError as wrong:
            raise MatcherWrong(value.column, str(wrong)) from wrong

    def _accept(self, kind: str) -> bool:
        if self._next.kind != kind:
            return False
        self._next = next(self._tokens)
        return True

    def _expect(self, kinds: frozenset[str] | set[str], what: str) -> _Token:
        token = self._next
        if token.kind not in kinds:
            raise self._unexpected(what)
        self._next = next(self._tokens)
        return token

    def _unexpected(self, wanted: str) -> MatcherWrong:
        token = self._next
        found = "end of input" if token.kind == "end" else f"unexpected {_shown(token.text)}"
        return MatcherWrong(token.column, f"{found}: expected {wanted}")


def _lex(text: str) -> Iterator[_Token]:
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _unreadable(text, at)
        kind = found.lastgroup or ""
        column = found.start(kind) + (0 if kind == "quoted" else 1)
        word = found[kind]
        meaning = _unquoted(word, column) if kind == "quoted" else word
        yield _Token(word if kind in {"sign", "op"} else kind, meaning, column)
        if kind == "end":
            return
        at = found.end()


def _unreadable(text: str, at: int) -> MatcherWrong:
    while text[at] in SPACE:
        at += 1
    if text[at] == '"':
        return MatcherWrong(at + 1, f'{_shown(text[at:])}: missing end "')
    if text[at] == "!":
        return MatcherWrong(at + 1, f"{_shown(text[at : at + 2])}: expected one of '!=' and '!~'")
    return MatcherWrong(at + 1, f"{text[at]!r}: invalid input, put names and values that hold it in double quotes")


def _unquoted(inside: str, column: int) -> str:
    """The meaning of a text in Go's double quotes; its byte escapes must add up to UTF-8."""
    if "\\" not in inside and "\n" not in inside:
        return inside
    pieces: list[bytes] = []
    for found in _ESCAPE.finditer(inside):
        kind, word = found.lastgroup, found[found.lastgroup or 0]
        try:
            pieces.append(_piece(kind, word))
        except ValueError as wrong:
            place = column + 1 + found.start()
            raise MatcherWrong(place, f"{_shown(found.group())}: invalid input, escape signs as Go does") from wrong
    try:
        return b"".join(pieces).decode()
    except UnicodeDecodeError as wrong:
        raise MatcherWrong(column, f"{_shown(inside)}: the escapes add up to no UTF-8 text") from wrong


def _piece(kind: str | None, word: str) -> bytes:
    match kind:
        case "sign":
            return _SIGNS[word].encode()
        case "byte":
            return bytes((int(word, 16),))
        case "octal":
            return bytes((int(word, 8),))
        case "short" | "long":
            return chr(int(word, 16)).encode()
        case "plain":
            return word.encode()
    raise ValueError(word)
