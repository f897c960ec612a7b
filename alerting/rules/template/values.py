"""Go's literals and Go's way to write values, as far as templates show them.

Source of the rules: packages fmt and strconv of Go.
"""

import ast
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from alerting.rules.template.tree import Value

LONGEST: Final = 64 * 1024  # characters one value or one whole text may have

_ESCAPE: Final = re.compile(r"\\(?:[abfnrtv\\'\"]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3})|[^\\]")
_QUOTED: Final = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f",
    "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def read_string(literal: str) -> str:
    """The text a Go string literal (quotes, or backquotes for raw) stands for; raises ValueError."""
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    inside = literal[1:-1]
    pieces = [found.group() for found in _ESCAPE.finditer(inside)]
    if "".join(pieces) != inside:
        raise ValueError(f"invalid escape in {literal}")
    return "".join(_unescape(piece) for piece in pieces)


def _unescape(piece: str) -> str:
    # A Go escape of these shapes means the same in Python.
    return str(ast.literal_eval(f'"{piece}"')) if piece.startswith("\\") else piece


def read_number(literal: str) -> int | float:
    """An int, or a float when a point or an exponent is written; raises ValueError."""
    if not re.match(r"[+-]?0[xX]", literal) and any(sign in literal for sign in ".eE"):
        return float(literal)
    number = int(literal, 8 if re.fullmatch(r"[+-]?0[0-7_]+", literal) else 0)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"integer overflow: {literal}")
    return number


def go_type(value: Value) -> str:
    """The name Go has for the type of a value."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case _:
            return "map[string]string"


def shown(value: Value) -> str:
    """A value as `{{ value }}` and `%v` write it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | str():
            return str(value)
        case float():
            return shown_float(value)
        case _:
            return _shown_map(value)


def _shown_map(value: Mapping[str, str]) -> str:
    return "map[" + " ".join(f"{name}:{value[name]}" for name in sorted(value)) + "]"


def shown_float(value: float) -> str:
    """The shortest text that reads back as the value: `1e+06`, `0.1`, `+Inf`, `NaN`."""
    if not math.isfinite(value):
        return _special(value)
    sign, digits, exponent = _digits(value)
    if exponent < -4 or exponent >= 6:
        return sign + _scientific(digits, exponent)
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    rest = digits[exponent + 1 :]
    return f"{sign}{whole}.{rest}" if rest else sign + whole


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"


def _digits(value: float) -> tuple[str, str, int]:
    """Sign, shortest digits without zeros around them, and the power of ten of the first digit."""
    exact = Decimal(repr(abs(value)))
    digits = "".join(map(str, exact.as_tuple().digits)).strip("0") or "0"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    return sign, digits, exact.adjusted() if value else 0


def _scientific(digits: str, exponent: int) -> str:
    point = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{point}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def quoted(text: str, *, ascii_only: bool = False) -> str:
    """A text in Go's double quotes."""
    return '"' + "".join(_quoted_sign(sign, ascii_only=ascii_only) for sign in text) + '"'


def _quoted_sign(sign: str, *, ascii_only: bool) -> str:
    if sign in _QUOTED:
        return _QUOTED[sign]
    if sign.isprintable() and (sign.isascii() or not ascii_only):
        return sign
    code = ord(sign)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
