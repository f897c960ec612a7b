"""Go's literals: strings, characters and numbers, read and written.

A text that is no valid UTF-8, which a literal like "\\xff" makes, holds each stray byte as Python's surrogate escape.
Source of the rules: package strconv of Go, and its reading of template numbers in text/template/parse/node.go.
"""

import math
import re
from dataclasses import dataclass
from typing import Final

_ESCAPE: Final = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)|[^\\]", re.DOTALL)
_SIMPLE: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_SPECIAL: Final = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f",
    "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip
_INTEGER: Final = re.compile(r"[+-]?(?:0[xX]_?[0-9a-fA-F]|0[bB]_?[01]|0[oO]_?[0-7]|0(?=_|[0-7]|$)|[1-9])")
_FLOAT: Final = re.compile(
    r"[+-]?(?:(?P<word>inf(?:inity)?)|(?P<hex>0x[0-9a-f_]*(?:\.[0-9a-f_]*)?p[+-]?[0-9][0-9_]*)"
    r"|(?=[0-9_.]*[0-9])(?:[0-9_]+(?:\.[0-9_]*)?|\.[0-9_]+)(?:e[+-]?[0-9][0-9_]*)?)|(?P<nan>nan)",
    re.IGNORECASE,
)
_LONE: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # half signs that stand for no byte
_LONGEST_NUMBER: Final = 1000  # signs; a longer one takes long to read
_STRAY_UNDERSCORE: Final = re.compile(r"_(?![0-9a-f])|(?<![0-9a-fxob])_", re.IGNORECASE)


def to_bytes(text: str) -> bytes:
    """The bytes Go has for a text."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _LONE.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def from_bytes(raw: bytes) -> str:
    """The text Go has for bytes, valid or not."""
    return raw.decode("utf-8", "surrogateescape")


def unquote(literal: str) -> str:
    """The text a string literal stands for, quotes included; raises ValueError."""
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    return from_bytes(b"".join(_unescaped(found.group(), '"') for found in _ESCAPE.finditer(literal[1:-1])))


def _unescaped(piece: str, quote: str) -> bytes:
    if not piece.startswith("\\"):
        return to_bytes(piece)
    letter, digits = piece[1], piece[2:]
    if letter in _SIMPLE or letter == quote:
        return _SIMPLE.get(letter, letter).encode()
    if letter in "uU" and digits and not 0xD800 <= int(digits, 16) < 0xE000 and int(digits, 16) <= 0x10FFFF:
        return chr(int(digits, 16)).encode()
    if digits and letter in "x0123":
        return bytes([int(digits, 16) if letter == "x" else int(piece[1:], 8)])
    raise ValueError("invalid syntax")


def read_character(literal: str) -> "Numeral":
    """A character constant such as 'a' or '\\n', which is a number; raises ValueError."""
    pieces = [found.group() for found in _ESCAPE.finditer(literal[1:-1])]
    if not pieces or pieces[0] == "'":
        raise ValueError("invalid syntax")
    raw = _unescaped(pieces[0], "'")
    if len(pieces) > 1:
        raise ValueError(f"malformed character constant: {literal}")
    code = raw[0] if len(raw) == 1 else ord(raw.decode())
    return Numeral(code, code, float(code))


def quoted(text: str, *, ascii_only: bool = False, quote: str = '"') -> str:
    """A text in Go's quotes, with escapes for what cannot be seen."""
    return quote + "".join(_quoted_sign(sign, ascii_only, quote) for sign in text) + quote


def _quoted_sign(sign: str, ascii_only: bool, quote: str) -> str:
    if sign in {'"', "'"}:
        return f"\\{sign}" if sign == quote else sign
    if sign in _SPECIAL:
        return _SPECIAL[sign]
    if sign.isprintable() and (sign.isascii() or not ascii_only):
        return sign
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@dataclass(frozen=True, slots=True)
class Numeral:
    """What a number written in a template may stand for; `value` is what it is where nothing asks for a type.

    `value` None: it fits no int. `integer` and `real` are what it is where an int or a float is asked for.
    """

    value: int | float | complex | None
    integer: int | None = None
    real: float | None = None


def read_number(text: str) -> Numeral:
    """A number, floating, hexadecimal, octal, binary or imaginary; raises ValueError."""
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number of more than 1000 signs")
    if text.endswith("i") and (imaginary := _float_or_none(text[:-1])) is not None:
        return Numeral(complex(0, imaginary))
    whole = _integer_or_none(text)
    if whole is not None and -(2**63) <= whole < 2**64:
        return _integral(text, whole)
    real = _float_or_none(text)
    if real is None:
        raise ValueError(f"illegal number syntax: {quoted(text)}")
    if not any(sign in ".eEpP" for sign in text):
        raise ValueError(f"integer overflow: {quoted(text)}")
    fits = math.isfinite(real) and real.is_integer() and -(2.0**63) <= real < 2.0**63
    return Numeral(real, int(real) if fits else None, real)


def _integral(text: str, whole: int) -> Numeral:
    if whole >= 2**63:
        if text[0] in "+-":
            raise ValueError(f"integer overflow: {quoted(text)}")
        return Numeral(None, None, float(whole))
    # With a sign before it Go does not see that a number is hexadecimal, and an e in it makes it a float.
    seems_float = not text.lower().startswith("0x") and any(sign in ".eEpP" for sign in text)
    return Numeral(float(whole) if seems_float else whole, whole, float(whole))


def read_complex(text: str) -> Numeral:
    """A pair such as `1+2i`; raises ValueError."""
    cut = max(text.rfind("+"), text.rfind("-"))
    if text[cut - 1] in "eEpP" and cut > 1:
        cut = max(text.rfind("+", 0, cut), text.rfind("-", 0, cut))
    return Numeral(complex(parse_float(text[:cut]), parse_float(text[cut:-1])))


def _integer_or_none(text: str) -> int | None:
    if not _INTEGER.match(text) or _STRAY_UNDERSCORE.search(text) or text.endswith("i"):
        return None
    digits = text.lstrip("+-").lower()
    base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2], 8 if digits.startswith("0") else 10)
    try:
        return int(text.replace("_", ""), base)
    except ValueError:
        return None


def _float_or_none(text: str) -> float | None:
    try:
        return parse_float(text)
    except ValueError:
        return None


def parse_float(text: str) -> float:
    """What strconv.ParseFloat reads; raises ValueError with its words."""
    found = _FLOAT.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    strays = found and not found["word"] and _STRAY_UNDERSCORE.search(text)
    if not found or strays or not text.isascii():
        raise ValueError(f"strconv.ParseFloat: parsing {quoted(text)}: invalid syntax")
    plain = text.replace("_", "")
    try:
        value = float.fromhex(plain) if found["hex"] else float(plain)
    except OverflowError:
        value = math.inf
    except ValueError:
        raise ValueError(f"strconv.ParseFloat: parsing {quoted(text)}: invalid syntax") from None
    if math.isinf(value) and not found["word"]:
        raise ValueError(f"strconv.ParseFloat: parsing {quoted(text)}: value out of range")
    return value
