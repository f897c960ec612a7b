"""Cuts a Go template into tokens: text between actions, and the words, literals and signs inside them.

Space inside an action is a token, since it separates operands.
Source of the rules: text/template/parse/lex.go of Go 1.26.
"""

import re
import unicodedata
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerting.rules.template.literals import quoted

_LEFT: Final = "{{"
_RIGHT: Final = "}}"
_SPACE: Final = " \t\r\n"
_SPACES: Final = re.compile(r"[ \t\r\n]*")
_QUOTED: Final = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHARACTER: Final = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_NUMBER: Final = re.compile(
    r"""[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?
    |0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?
    |[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?""",
    re.VERBOSE,
)
_WORD: Final = re.compile(r"\w*")
_AFTER_WORD: Final = frozenset(_SPACE) | frozenset(".,|:)(") | {""}
KEYWORDS: Final = frozenset(
    ["block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"]
)


class Kind(StrEnum):
    """What a token is."""

    TEXT = "text"
    OPEN = "open"
    CLOSE = "close"
    SPACE = "space"
    FIELD = "field"
    VARIABLE = "variable"
    STRING = "string"
    CHARACTER = "character"
    NUMBER = "number"
    COMPLEX = "complex"
    BOOL = "bool"
    KEYWORD = "keyword"
    WORD = "word"
    DOT = "dot"
    PIPE = "pipe"
    LEFT_PAREN = "("
    RIGHT_PAREN = ")"
    DECLARE = ":="
    ASSIGN = "="
    SIGN = "sign"
    ERROR = "error"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """`at` is where it starts, in characters from 0; `line` counts from 1. The text of an ERROR is its message."""

    kind: Kind
    text: str
    at: int
    line: int

    def __str__(self) -> str:
        match self.kind:
            case Kind.END:
                return "EOF"
            case Kind.ERROR:
                return self.text
            case Kind.KEYWORD | Kind.DOT:
                return f"<{self.text}>"
            case _:
                return f"{quoted(self.text[:10])}..." if len(self.text.encode()) > 10 else quoted(self.text)


_SIGNS: Final = {"=": Kind.ASSIGN, "|": Kind.PIPE, "(": Kind.LEFT_PAREN, ")": Kind.RIGHT_PAREN}


def lex(source: str, start: int = 0) -> Iterator[Token]:
    """Yield the tokens of a template from a position on its first line.

    The last is of kind END or, where nothing more can be read, ERROR.
    """
    return _Lexer(source, start).tokens()


class _Lexer:
    def __init__(self, source: str, start: int) -> None:
        self._source = source
        self._at = start
        self._counted = start  # up to where newlines have been counted
        self._line = 1
        self._parens = 0

    def _token(self, kind: Kind, text: str, at: int) -> Token:
        self._line += self._source.count("\n", self._counted, at)
        self._counted = at
        return Token(kind, text, at, self._line)

    def _error(self, message: str, at: int) -> Token:
        return self._token(Kind.ERROR, message, at)

    def tokens(self) -> Iterator[Token]:
        while (start := self._source.find(_LEFT, self._at)) >= 0:
            inside, trims = self._entrance(start)
            text = self._source[self._at : start]
            text = text.rstrip(_SPACE) if trims else text
            if text:
                yield self._token(Kind.TEXT, text, self._at)
            failed = yield from self._braces(start, inside)
            if failed:
                return
        if self._at < len(self._source):
            yield self._token(Kind.TEXT, self._source[self._at :], self._at)
        yield self._token(Kind.END, "", len(self._source))

    def _entrance(self, start: int) -> tuple[int, bool]:
        """Where the inside of an action starts, and whether its opening trims the text before it."""
        inside = start + len(_LEFT)
        marker = self._source[inside : inside + 2]
        if len(marker) == 2 and marker[0] == "-" and marker[1] in _SPACE:
            return inside + 2, True
        return inside, False

    def _braces(self, start: int, inside: int) -> Generator[Token, None, bool]:
        """One action or comment with its delimiters; gives whether it could not be read."""
        if self._source.startswith("/*", inside):
            failed = self._skip_comment(inside)
            if failed is not None:
                yield failed
            return failed is not None
        yield self._token(Kind.OPEN, _LEFT, start)
        self._at, self._parens = inside, 0
        while (closing := self._closing(self._at)) is None:
            token = self._inside()
            yield token
            if token.kind is Kind.ERROR:
                return True
        if self._parens:
            yield self._error("unclosed left paren", self._at)
            return True
        at, trims = closing
        yield self._token(Kind.CLOSE, _RIGHT, at)
        self._leave(at, trims=trims)
        return False

    def _leave(self, closing: int, *, trims: bool) -> None:
        self._at = closing + len(_RIGHT)
        if trims:
            self._at = self._after_space(self._at)

    def _after_space(self, at: int) -> int:
        found = _SPACES.match(self._source, at)
        return found.end() if found else at

    def _skip_comment(self, inside: int) -> Token | None:
        end = self._source.find("*/", inside + 2)
        if end < 0:
            return self._error("unclosed comment", inside)
        closing = self._closing(end + 2)
        if closing is None:
            return self._error("comment ends before closing delimiter", inside)
        self._leave(closing[0], trims=closing[1])
        return None

    def _closing(self, at: int) -> tuple[int, bool] | None:
        """Where the right delimiter starts that stands at `at`, and whether it trims; None without one."""
        if self._source.startswith(_RIGHT, at):
            return at, False
        if self._source[at : at + 1] in tuple(_SPACE) and self._source.startswith("-" + _RIGHT, at + 1):
            return at + 2, True
        return None

    def _inside(self) -> Token:
        at = self._at
        sign = self._source[at : at + 1]
        if not sign:
            return self._error("unclosed action", at)
        if sign in _SPACE:
            return self._take(Kind.SPACE, self._space_end(at))
        if sign in "\"'`":
            return self._literal(sign)
        if sign in ".$+-0123456789":
            return self._name_or_number(sign)
        return self._word() if _is_word_sign(sign) else self._sign(sign)

    def _name_or_number(self, sign: str) -> Token:
        if sign == "$":
            return self._name(Kind.VARIABLE)
        # At the very end of a source Go takes even a lone dot for a number.
        if sign == "." and self._source[self._at + 1 : self._at + 2] not in {"", *"0123456789"}:
            return self._name(Kind.FIELD)
        return self._number()

    def _space_end(self, at: int) -> int:
        """The end of a run of space, less the one that belongs to a trimming delimiter."""
        end = self._after_space(at)
        return end - 1 if end - 1 > at and self._closing(end - 1) is not None else end

    def _take(self, kind: Kind, end: int) -> Token:
        at, self._at = self._at, end
        return self._token(kind, self._source[at:end], at)

    def _literal(self, quote: str) -> Token:
        if quote == "`":
            end = self._source.find("`", self._at + 1)
            return self._take(Kind.STRING, end + 1) if end > 0 else self._unfinished("raw quoted string")
        shape, kind = (_QUOTED, Kind.STRING) if quote == '"' else (_CHARACTER, Kind.CHARACTER)
        found = shape.match(self._source, self._at)
        what = "quoted string" if quote == '"' else "character constant"
        return self._take(kind, found.end()) if found else self._unfinished(what)

    def _unfinished(self, what: str) -> Token:
        return self._error(f"unterminated {what}", self._at)

    def _name(self, kind: Kind) -> Token:
        end = self._word_end(self._at + 1)
        if not self._ends_word(end):
            return self._bad_sign(end)
        return self._take(Kind.DOT if kind is Kind.FIELD and end == self._at + 1 else kind, end)

    def _word(self) -> Token:
        end = self._word_end(self._at)
        if not self._ends_word(end):
            return self._bad_sign(end)
        word = self._source[self._at : end]
        if word in {"true", "false"}:
            return self._take(Kind.BOOL, end)
        return self._take(Kind.KEYWORD if word in KEYWORDS else Kind.WORD, end)

    def _word_end(self, at: int) -> int:
        found = _WORD.match(self._source, at)
        end = found.end() if found else at
        if self._source[at:end].isascii():
            return end
        return next((i for i in range(at, end) if not _is_word_sign(self._source[i])), end)

    def _ends_word(self, at: int) -> bool:
        return self._source[at : at + 1] in _AFTER_WORD or self._source.startswith(_RIGHT, at)

    def _bad_sign(self, at: int) -> Token:
        return self._error(f"bad character {_code_point(self._source[at])}", self._at)

    def _number(self) -> Token:
        end, reads = self._scan_number(self._at)
        if reads and self._source[end : end + 1] in {"+", "-"}:
            end, reads = self._scan_number(end)
            if reads and self._source[end - 1] == "i":
                return self._take(Kind.COMPLEX, end)
            reads = False
        if not reads:
            return self._error(f"bad number syntax: {quoted(self._source[self._at : end])}", self._at)
        return self._take(Kind.NUMBER, end)

    def _scan_number(self, at: int) -> tuple[int, bool]:
        """Where a number ends, and whether it may end there; else the end counts the sign that forbids it."""
        found = _NUMBER.match(self._source, at)
        end = found.end() if found else at
        forbidden = _is_word_sign(self._source[end : end + 1])
        return end + forbidden, not forbidden

    def _sign(self, sign: str) -> Token:
        if sign == ":":
            declares = self._source.startswith(":=", self._at)
            return self._take(Kind.DECLARE, self._at + 2) if declares else self._error("expected :=", self._at)
        if not (sign.isascii() and sign.isprintable()):
            return self._error(f"unrecognized character in action: {_code_point(sign)}", self._at)
        self._parens += {"(": 1, ")": -1}.get(sign, 0)
        if self._parens < 0:
            return self._error("unexpected right paren", self._at)
        return self._take(_SIGNS.get(sign, Kind.SIGN), self._at + 1)


def _is_word_sign(sign: str) -> bool:
    """A letter, a decimal digit or an underscore."""
    return sign == "_" or sign.isalpha() or (sign != "" and unicodedata.category(sign) == "Nd")


def _code_point(sign: str) -> str:
    shown = f" '{sign}'" if sign.isprintable() else ""
    return f"U+{ord(sign):04X}{shown}"
