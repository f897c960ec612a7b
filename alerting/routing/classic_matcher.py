"""Matchers in the classic syntax: Prometheus' label names, values with or without quotes. Pure.

Source of the rules: pkg/labels/parse.go of Alertmanager.
"""

import re
from typing import Final

from alerting.routing.matcher import SPACE, Matcher, Op

_SHAPE: Final = re.compile(
    r"[\t\n\f\r ]*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(?P<op>=~|=|!=|!~)[\t\n\f\r ]*(?P<value>.*)", re.DOTALL
)
_TRAILING: Final = "\t\n\f\r "
_VALUE: Final = re.compile(r'\\(.)|(")|([^\\"]+|\\)', re.DOTALL)


def parse_classic(text: str) -> Matcher:
    """Read one matcher; a comma belongs to its value. Raises ValueError."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(f"bad matcher format: {text}")
    return Matcher(found["name"], Op(found["op"]), _unescaped(found["value"].rstrip(_TRAILING)))


def parse_classic_list(text: str) -> tuple[Matcher, ...]:
    """Read a list of matchers, braces may be left out. Raises ValueError."""
    return tuple(parse_classic(token) for token in _split(text.removeprefix("{").removesuffix("}")))


def _split(text: str) -> list[str]:
    """Cut at commas outside of quotes; only the last piece may be empty."""
    pieces, inside, escaped, start = [], False, False, 0
    for at, sign in enumerate(text):
        if sign == '"':
            inside ^= not escaped
        elif sign == "," and not inside:
            pieces.append(text[start:at])
            start = at + 1
        # A comma leaves the escape of what follows as it was.
        if sign != ",":
            escaped = sign == "\\" and not escaped
    last = text[start:].strip(SPACE)
    return [*pieces, last] if last else pieces


def _unescaped(raw: str) -> str:
    """The meaning of a value; backslashes count before a quote, a backslash and n, and are themselves elsewhere."""
    quotes = raw.startswith('"')
    body = raw[1:] if quotes else raw
    pieces, closed = [], not quotes
    for found in _VALUE.finditer(body):
        escape, quote, plain = found.groups()
        if quote:
            if closed or found.end() < len(body):
                raise ValueError(f"matcher value contains unescaped double quote: {raw}")
            closed = True
        pieces.append(_meaning(escape) if escape else plain or "")
    if not closed:
        raise ValueError(f"matcher value contains unescaped double quote: {raw}")
    return "".join(pieces)


def _meaning(sign: str) -> str:
    if sign == "n":
        return "\n"
    return sign if sign in '"\\' else f"\\{sign}"
