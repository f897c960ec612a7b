"""Go's printf for the verbs s d v q t e E f F g G and %%.

Source of the rules: package fmt of Go, with its way to show a wrong verb, a missing and a left-over argument.
"""

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from alerting.errors import TemplateError
from alerting.rules.template.tree import Value
from alerting.rules.template.values import LONGEST, go_type, quoted, shown, shown_float

_DIRECTIVE: Final = re.compile(r"%([-+# 0]*)([0-9]*)(\.[0-9]*)?(.?)", re.DOTALL)
_FLOATS: Final = "eEfFgG"
_VERBS: Final = frozenset(_FLOATS + "sdvqt%!")


@dataclass(frozen=True, slots=True)
class Directive:
    """One `%…`: `precision` is None when none is written."""

    flags: str
    width: int
    precision: int | None
    verb: str


def unsupported_verb(text: str) -> str | None:
    """The first directive of a format that this printf does not know, as it is written."""
    for found in _DIRECTIVE.finditer(text):
        if "#" in found[1] or (found[4] and found[4] not in _VERBS):
            return found[0]
    return None


def printf(text: str, arguments: Sequence[Value]) -> str:
    """Fill a format; raises TemplateError for a verb we do not know and for a result too long."""
    if (unknown := unsupported_verb(text)) is not None:
        raise TemplateError(f'printf does not support "{unknown}" here')
    written, used = _written(text, arguments)
    if used < len(arguments):
        extra = ", ".join(f"{go_type(value)}={shown(value)}" for value in arguments[used:])
        written.append(f"%!(EXTRA {extra})")
    return "".join(written)


def _written(text: str, arguments: Sequence[Value]) -> tuple[list[str], int]:
    pieces: list[str] = []
    used = 0
    for piece in _pieces(text):
        if isinstance(piece, str):
            pieces.append(piece)
        elif piece.verb == "%":
            pieces.append("%")
        elif not piece.verb:
            pieces.append("%!(NOVERB)")
        elif used >= len(arguments):
            pieces.append(f"%!{piece.verb}(MISSING)")
        else:
            pieces.append(_formatted(piece, arguments[used]))
            used += 1
    return pieces, used


def _pieces(text: str) -> Iterator[str | Directive]:
    at = 0
    for found in _DIRECTIVE.finditer(text):
        yield text[at : found.start()]
        at = found.end()
        width = _bounded(found[2])
        precision = None if found[3] is None else _bounded(found[3][1:])
        yield Directive(found[1], width, precision, found[4])
    yield text[at:]


def _bounded(digits: str) -> int:
    # Counted before it is read: a number of a million digits takes long to read.
    if len(digits) > 6 or int(digits or 0) > LONGEST:
        raise TemplateError(f"printf is asked for more than {LONGEST} characters")
    return int(digits or 0)


def _formatted(directive: Directive, value: Value) -> str:
    if isinstance(value, Mapping):
        inner = (f"{_formatted(directive, key)}:{_formatted(directive, value[key])}" for key in sorted(value))
        return f"map[{' '.join(inner)}]"
    text = _SHAPES[type(value)](directive, value)
    if text is not None:
        return _padded(directive, text, signed=isinstance(value, int | float))
    inside = _formatted(replace(directive, verb="v"), value)
    return f"%!{directive.verb}({go_type(value)}={inside})"


def _padded(directive: Directive, text: str, *, signed: bool) -> str:
    if len(text) >= directive.width:
        return text
    if "-" in directive.flags:
        return text.ljust(directive.width)
    if "0" not in directive.flags or text.lstrip("+- ") in {"Inf", "NaN"}:
        return text.rjust(directive.width)
    cut = 1 if signed and text[:1] in {"+", "-", " "} else 0
    return text[:cut] + text[cut:].rjust(directive.width - cut, "0")


def _bool(directive: Directive, value: bool) -> str | None:
    return shown(value) if directive.verb in "vt" else None


def _int(directive: Directive, value: int) -> str | None:
    if directive.verb == "q":
        return f"'{chr(value)}'" if 0 <= value <= sys.maxunicode else "'\ufffd'"
    if directive.verb not in "dv":
        return None
    digits = str(abs(value)).rjust(directive.precision or 0, "0")
    return _signed(directive, f"-{digits}" if value < 0 else digits)


def _float(directive: Directive, value: float) -> str | None:
    if directive.verb not in _FLOATS + "v":
        return None
    return _signed(directive, _digits(directive, value))


def _str(directive: Directive, value: str) -> str | None:
    cut = value if directive.precision is None else value[: directive.precision]
    if directive.verb == "q":
        return quoted(cut, ascii_only="+" in directive.flags)
    return cut if directive.verb in "sv" else None


def _signed(directive: Directive, text: str) -> str:
    # With %v the plus asks for field names of structures, not for a sign.
    if "+" in directive.flags and directive.verb != "v":
        return text if text.startswith(("-", "+")) else f"+{text}"
    if " " in directive.flags:
        return text if text.startswith("-") else f" {text.removeprefix('+')}"
    return text


def _digits(directive: Directive, value: float) -> str:
    verb = "g" if directive.verb == "v" else directive.verb
    if not math.isfinite(value):
        return shown_float(value)
    if directive.precision is None and verb in "gG":
        return shown_float(value).upper() if verb == "G" else shown_float(value)
    precision = 6 if directive.precision is None else directive.precision
    return f"{value:.{precision}{verb}}"


_SHAPES: Final[Mapping[type, Callable[[Directive, Any], str | None]]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
}
