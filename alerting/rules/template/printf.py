"""Go's printf, print and println.

Source of the rules: package fmt of Go, with its way to show a wrong verb, a missing and a left-over argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerting.errors import TemplateError
from alerting.rules.template.format import PLAIN, Spec, formatted
from alerting.rules.template.values import LONGEST, Series, Value, go_type

_FLAGS: Final = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}
_WHOLE_FLAGS: Final = {"sharp": "sharp_v", "plus": "plus_v"}  # what the flags mean to %v
_WIDEST: Final = 1_000_000  # Go reads no greater width


def sprint(values: Sequence[Value]) -> str:
    """The values with a space between two that are no texts."""
    pieces: list[str] = []
    for at, value in enumerate(values):
        apart = at > 0 and not isinstance(value, str) and not isinstance(values[at - 1], str)
        pieces += [" "] * apart + [formatted(PLAIN, value)]
    return "".join(pieces)


def sprintln(values: Sequence[Value]) -> str:
    """The values with spaces between them and a newline behind."""
    return " ".join(formatted(PLAIN, value) for value in values) + "\n"


def shown(value: Value) -> str:
    """A value as `{{ value }}` writes it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<no value>"
    text = formatted(PLAIN, value)
    return text[1:] if isinstance(value, Series) else text


def sprintf(text: str, values: Sequence[Value]) -> str:
    """Fill a format; raises TemplateError when the text grows too long."""
    return _Printer(text, values).filled()


@dataclass(slots=True)
class _Directive:
    """A directive while it is read."""

    flags: frozenset[str]
    width: int | None = None
    precision: int | None = None

    def spec(self, verb: str) -> Spec:
        on = dict.fromkeys(self.flags, True)
        if verb in "vw":
            on = dict.fromkeys((_WHOLE_FLAGS.get(name, name) for name in self.flags), True)
        return Spec(verb, width=self.width, precision=self.precision, **on)


class _Printer:
    def __init__(self, text: str, values: Sequence[Value]) -> None:
        self._text = text
        self._values = values
        self._at = 0
        self._argument = 0
        self._after_index = False
        self._reordered = False
        self._good_index = True
        self._pieces: list[str] = []
        self._size = 0

    def filled(self) -> str:
        while (start := self._text.find("%", self._at)) >= 0:
            self._write(self._text[self._at : start])
            self._at = start + 1
            self._directive()
        self._write(self._text[self._at :])
        if not self._reordered and self._argument < len(self._values):
            extra = ", ".join(_extra(value) for value in self._values[self._argument :])
            self._write(f"%!(EXTRA {extra})")
        return "".join(self._pieces)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > LONGEST:
            raise TemplateError(f"the text grows beyond {LONGEST} characters")
        self._pieces.append(text)

    def _sign(self) -> str:
        return self._text[self._at : self._at + 1]

    def _directive(self) -> None:
        self._good_index, self._after_index = True, False
        directive = _Directive(self._flags())
        self._index()
        self._read_width(directive)
        if self._sign() == "." and self._at + 1 < len(self._text):
            self._read_precision(directive)
        if not self._after_index:
            self._index()
        verb = self._sign()
        if not verb:
            self._write("%!(NOVERB)")
            return
        self._at += 1
        self._write(self._filled_verb(verb, directive))

    def _filled_verb(self, verb: str, directive: _Directive) -> str:
        if verb == "%":
            return "%"
        if "\udc80" <= verb <= "\udcff":
            verb = "\ufffd"
        if not self._good_index:
            return f"%!{verb}(BADINDEX)"
        if self._argument >= len(self._values):
            return f"%!{verb}(MISSING)"
        self._argument += 1
        return formatted(directive.spec(verb), self._values[self._argument - 1])

    def _flags(self) -> frozenset[str]:
        found: set[str] = set()
        while self._sign() in _FLAGS:
            found.add(_FLAGS[self._sign()])
            self._at += 1
        return frozenset(found)

    def _read_width(self, directive: _Directive) -> None:
        if self._sign() != "*":
            directive.width = self._number()
            self._good_index = self._good_index and not (self._after_index and directive.width is not None)
            return
        self._at += 1
        directive.width = self._number_argument()
        if directive.width is None:
            self._write("%!(BADWIDTH)")
        elif directive.width < 0:
            directive.width = -directive.width
            directive.flags = directive.flags - {"zero"} | {"minus"}
        self._after_index = False

    def _read_precision(self, directive: _Directive) -> None:
        self._at += 1
        self._good_index = self._good_index and not self._after_index
        self._index()
        if self._sign() != "*":
            directive.precision = self._number() or 0
            return
        self._at += 1
        given = self._number_argument()
        directive.precision = given if given is not None and given >= 0 else None
        if directive.precision is None:
            self._write("%!(BADPREC)")
        self._after_index = False

    def _number(self) -> int | None:
        """The number written here; one too great is none, and ends the format."""
        start = self._at
        number = 0
        while self._sign() in tuple("0123456789"):
            if number > _WIDEST:
                self._at = len(self._text)
                return None
            number = number * 10 + int(self._sign())
            self._at += 1
        return self._bounded(number) if self._at > start else None

    def _bounded(self, number: int) -> int:
        if number > LONGEST:
            raise TemplateError(f"the text grows beyond {LONGEST} characters")
        return number

    def _number_argument(self) -> int | None:
        if self._argument >= len(self._values):
            return None
        value = self._values[self._argument]
        self._argument += 1
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _WIDEST:
            return None
        return self._bounded(abs(value)) * (-1 if value < 0 else 1)

    def _index(self) -> None:
        """The argument that `[n]` asks for, when it stands here."""
        self._after_index = self._sign() == "["
        if not self._after_index:
            return
        self._reordered = True
        end = self._text.find("]", self._at)
        inside = self._text[self._at + 1 : end] if end >= 0 else ""
        self._at = end + 1 if end >= 0 else self._at + 1
        digits = inside if inside.isascii() and inside.isdigit() and len(inside) < 8 else ""
        if digits and 0 < int(digits) <= len(self._values):
            self._argument = int(digits) - 1
            return
        self._good_index = False
        self._after_index = digits != ""


def _extra(value: Value) -> str:
    return "<nil>" if value is None else f"{go_type(value)}={formatted(PLAIN, value)}"
