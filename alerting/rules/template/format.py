"""Writes one value for one verb of Go's printf.

Source of the rules: print.go and format.go of package fmt of Go.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from alerting.errors import TemplateError
from alerting.rules.template.floats import float_text
from alerting.rules.template.literals import quoted, to_bytes
from alerting.rules.template.times import Moment, Month, Span, Weekday
from alerting.rules.template.values import LONGEST, Byte, QueryResult, Structure, Value, go_type

_DEEPEST: Final = 50  # values within values
_BASES: Final[Mapping[str, tuple[str, str]]] = {
    "b": ("b", "0b"), "o": ("o", "0"), "O": ("o", "0"), "x": ("x", "0x"), "X": ("X", "0X"),
}  # fmt: skip
_SOMEWHERE: Final = 0xC000012000  # where Go would tell an address


@dataclass(frozen=True, slots=True)
class Spec:
    """One directive: `minus` pads on the right, `plus_v` and `sharp_v` are the flags of %+v and %#v."""

    verb: str = "v"
    minus: bool = False
    plus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None
    plus_v: bool = False
    sharp_v: bool = False


PLAIN: Final = Spec()


def formatted(spec: Spec, value: Value, depth: int = 0) -> str:
    """A value as a directive asks for it; raises TemplateError for a text too long and values nested too deep."""
    if depth > _DEEPEST:
        raise TemplateError(f"values nested deeper than {_DEEPEST} levels")
    text = _top(spec, value) if depth == 0 else None
    if text is None:
        text = _written(spec, value, depth)
    if len(text) > LONGEST:
        raise TemplateError(f"the text grows beyond {LONGEST} characters")
    return text


def _top(spec: Spec, value: Value) -> str | None:
    """What a value gives for the verbs that look at its type or address."""
    if value is None:
        return _padded(spec, "<nil>") if spec.verb in "Tv" else f"%!{spec.verb}(<nil>)"
    if spec.verb == "T":
        return _string(spec, go_type(value))
    return _address(spec, value) if spec.verb == "p" else None


def _written(spec: Spec, value: Value, depth: int) -> str:
    match value:
        case Moment() | Span() | Month() | Weekday():
            text: str | None = _timely(spec, value)
        case None:
            text = "interface {}(nil)" if spec.sharp_v else "<nil>"
        case bool():
            text = _padded(spec, "true" if value else "false") if spec.verb in "tv" else None
        case int() | float() | str() | complex():
            text = next(shape for kind, shape in _SHAPES if isinstance(value, kind))(spec, value)
        case _:
            text = _composite(spec, value, depth)
    return bad(spec, value) if text is None else text


def _composite(spec: Spec, value: Value, depth: int) -> str | None:
    match value:
        case dict():
            return _map(spec, value, depth)
        case QueryResult():
            return _enclosed(spec, value, [_address(spec, one) for one in value], "[]")
        case Structure():
            # Go follows a pointer only at the top.
            return _address(spec, value) if depth and value.pointed else _structure(spec, value, depth)
        case _:
            return None


def bad(spec: Spec, value: Value) -> str:
    """What Go writes for a verb that does not fit: `%!d(string=hi)`."""
    return f"%!{spec.verb}({go_type(value)}={_written(replace(spec, verb='v'), value, 0)})"


def _padded(spec: Spec, text: str, *, zeros: bool = True) -> str:
    width = spec.width or 0
    if len(text) >= width:
        return text
    if width > LONGEST:
        raise TemplateError(f"the text grows beyond {LONGEST} characters")
    if spec.minus:
        return text.ljust(width)
    return text.rjust(width, "0" if spec.zero and zeros else " ")


def _timely(spec: Spec, value: Moment | Span | Month | Weekday) -> str:
    if spec.verb in "vsxXq" and not spec.sharp_v:
        return _string(spec, str(value)) or ""
    if isinstance(value, Month | Weekday):
        return _integer(spec, int(value)) or bad(spec, int(value))
    if isinstance(value, Span) and not value.pointer:
        return _integer(spec, value.ns) or bad(spec, value.ns)
    return _address(spec, value)


def _address(spec: Spec, value: Value) -> str:
    if not isinstance(value, dict | QueryResult | Structure | Moment | Span):
        return bad(spec, value)
    if spec.sharp_v:
        return f"({go_type(value)})({_SOMEWHERE:#x})"
    if spec.verb in "vp":
        spec = replace(spec, verb="x", sharp=not spec.sharp)
    text = _integer(spec, _SOMEWHERE) if spec.verb in "bodxX" else None
    return text or bad(spec, value)


def _enclosed(spec: Spec, value: Value, parts: list[str], brackets: str) -> str:
    if spec.sharp_v:
        return f"{go_type(value)}{{{', '.join(parts)}}}"
    return brackets[0] + " ".join(parts) + brackets[1]


def _map(spec: Spec, value: dict[str, Value], depth: int) -> str:
    parts, size = [], 0
    for key in sorted(value, key=to_bytes):
        parts.append(f"{formatted(spec, key, depth + 1)}:{formatted(spec, value[key], depth + 1)}")
        size += len(parts[-1])
        if size > LONGEST:
            raise TemplateError(f"the text grows beyond {LONGEST} characters")
    inside = _enclosed(spec, value, parts, "[]")
    return inside if spec.sharp_v else f"map{inside}"


def _structure(spec: Spec, value: Structure, depth: int) -> str:
    named = spec.plus_v or spec.sharp_v
    parts = [(f"{name}:" if named else "") + formatted(spec, part, depth + 1) for name, part in value.fields().items()]
    inside = _enclosed(spec, value, parts, "{}")
    if spec.sharp_v and value.pointed:
        inside = inside.replace(value.go_type, value.pointed, 1)
    return f"&{inside}" if value.pointed else inside


def _integer(spec: Spec, value: int) -> str | None:
    if spec.verb in "cqU":
        return _character(spec, value)
    if spec.verb not in "vdboOxX":
        return None
    base, prefix = _BASES.get(spec.verb, ("d", ""))
    if spec.sharp_v and isinstance(value, Byte):
        base, prefix = "x", "0x"
    if spec.precision == 0 and value == 0:
        return " " * (spec.width or 0)
    digits = f"{abs(value):{base}}".rjust(_least_digits(spec, value), "0")
    if spec.verb == "O":
        digits = "0o" + (("0" + digits) if spec.sharp and digits[0] != "0" else digits)
    elif (spec.sharp or (spec.sharp_v and isinstance(value, Byte))) and not (prefix == "0" and digits[0] == "0"):
        digits = prefix + digits
    sign = "-" if value < 0 else "+" if spec.plus else " " if spec.space else ""
    return _padded(spec, sign + digits, zeros=False)


def _least_digits(spec: Spec, value: int) -> int:
    if spec.precision is not None:
        return spec.precision
    if not (spec.zero and not spec.minus and spec.width):
        return 0
    return spec.width - 1 if value < 0 or spec.plus or spec.space else spec.width


def _character(spec: Spec, value: int) -> str:
    valid = 0 <= value <= sys.maxunicode and not 0xD800 <= value < 0xE000
    sign = chr(value) if valid else "\ufffd"
    if spec.verb == "c":
        return _padded(spec, sign)
    if spec.verb == "q":
        return _padded(spec, quoted(sign, ascii_only=spec.plus, quote="'"))
    least = max(4, spec.precision or 0)
    shown = f" '{sign}'" if spec.sharp and valid and sign.isprintable() else ""
    return _padded(spec, f"U+{value % 2**64:0{least}X}{shown}", zeros=False)


def _string(spec: Spec, value: str) -> str | None:
    match spec.verb:
        case "x" | "X":
            return _hex_string(spec, value)
        case "q":
            return _quoted(spec, _cut(spec, value))
        case "v" if spec.sharp_v:
            return _quoted(spec, _cut(spec, value))
        case "s" | "v" | "T":
            return _padded(spec, _cut(spec, value))
        case _:
            return None


def _cut(spec: Spec, text: str) -> str:
    return text if spec.precision is None else text[: spec.precision]


def _quoted(spec: Spec, text: str) -> str:
    if spec.sharp and not any(_needs_escape(sign) for sign in text):
        return _padded(spec, f"`{text}`")
    return _padded(spec, quoted(text, ascii_only=spec.plus))


def _needs_escape(sign: str) -> bool:
    """Whether a raw string cannot hold a sign."""
    return (sign < " " and sign != "\t") or sign in "`\x7f\ufeff" or "\ud800" <= sign < "\ue000"


def _hex_string(spec: Spec, text: str) -> str:
    raw = to_bytes(text)
    digits = [f"{byte:02{spec.verb}}" for byte in (raw if spec.precision is None else raw[: spec.precision])]
    prefix = f"0{spec.verb}" if spec.sharp and digits else ""
    joined = f" {prefix}".join(digits) if spec.space else "".join(digits)
    return _padded(spec, prefix + joined)


def _float(spec: Spec, value: float) -> str | None:
    if spec.verb not in "vbgGxXfFeE":
        return None
    shape = {"v": "g", "F": "f"}.get(spec.verb, spec.verb)
    precision = 6 if spec.precision is None and shape in "feE" else spec.precision
    text = float_text(value, shape, precision)
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("+", text)
    sign = " " if spec.space and sign == "+" and not spec.plus else sign
    if digits in {"Inf", "NaN"}:
        hidden = (digits == "NaN" or sign == "+") and not (spec.space or spec.plus)
        shown = digits if hidden and digits == "NaN" else sign + digits
        return _padded(spec, shown if digits == "NaN" or spec.plus or sign != "+" else f"+{digits}", zeros=False)
    if spec.sharp and spec.verb != "b":
        digits = _with_point(spec, digits, -1 if precision is None else precision)
    return _signed(spec, sign, digits)


def _signed(spec: Spec, sign: str, digits: str) -> str:
    if sign == "+" and not spec.plus:
        return _padded(spec, digits)
    if spec.zero and not spec.minus and spec.width and spec.width > len(digits) + 1:
        return sign + _padded(replace(spec, width=spec.width - 1), digits)
    return _padded(spec, sign + digits)


def _with_point(spec: Spec, digits: str, precision: int) -> str:
    """With a decimal point always and, for %g, the zeros that other shapes drop."""
    hexadecimal = spec.verb in "xX"
    marks = "pP" if hexadecimal else "eE"
    cut = next((at for at, sign in enumerate(digits) if sign in marks), len(digits))
    number, tail = digits[:cut], digits[cut:]
    missing = (6 if precision < 0 else precision) if spec.verb in "vgGx" else 0
    missing -= len(number.replace(".", "").lstrip("0"))
    if "." not in number:
        missing -= number == "0"
        number += "."
    return number + "0" * missing + tail


def _complex(spec: Spec, value: complex) -> str | None:
    if spec.verb not in "vbgGxXfFeE":
        return None
    real, imaginary = _float(spec, value.real), _float(replace(spec, plus=True), value.imag)
    return f"({real}{imaginary}i)"


_SHAPES: Final[tuple[tuple[type, Callable[[Spec, Any], str | None]], ...]] = (
    (int, _integer),
    (float, _float),
    (str, _string),
    (complex, _complex),
)
