"""What a fault in the settings is called: pydantic's findings in words for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.settings import parts, trigger_parts
from engine.security.secrets import mask

LONGEST: Final = 60  # characters of a value that are shown

_SHAPES: Final[Mapping[str, str]] = {
    parts.NAME: "has to be 1 to 40 lower-case letters, digits and dashes",
    parts.SLACK: "has to be TEAM/USER with the ids Slack shows, such as T0123ABCD/U0456EFGH",
    parts.CHANNEL: "has to be a channel's name in lower case, without # and spaces",
    parts.ADDRESS: "has to be an address such as https://example.com",
    parts.TARGET: "has to be schedule:NAME, schedule:NAME/next or person:NAME",
    parts.CLOCK: "has to be a time of day such as '09:00', in quotes",
    parts.PATH: "has to be a path that begins with /",
    trigger_parts.VARIABLE: "has to be the name of a variable, such as SHOP_WEBHOOK_SECRET",
    parts.LEVEL: "has to be debug, info, warning, error or critical",
}
_KINDS: Final[Mapping[str, str]] = {
    "missing": "is missing; it has no default",
    "model_type": "has to be a mapping of settings",
    "model_attributes_type": "has to be a mapping of settings",
    "dict_type": "has to be a mapping of settings",
    "list_type": "has to be a list",
    "string_type": "has to be text; put it in quotes",
    "invalid_key": "has to have a text as its key; put it in quotes",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "timezone_aware": "needs a time zone, such as 2026-01-05T09:00:00Z",
}
_BOUNDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "greater_than_equal": lambda bound: f"has to be at least {bound['ge']}",
    "less_than_equal": lambda bound: f"has to be at most {bound['le']}",
    "too_short": lambda bound: f"needs at least {bound['min_length']}",
    "string_too_short": lambda bound: f"has to be at least {bound['min_length']} characters long",
    "string_too_long": lambda bound: f"has to be at most {bound['max_length']} characters long",
    "literal_error": lambda bound: f"has to be {bound['expected']}",
}


def message_of(error: Mapping[str, Any], *, secret: bool = False) -> str:
    """What is wrong and what to write instead. The value itself is shown unless it is, or looks, `secret`."""
    given = error.get("input")
    shows = not secret and isinstance(given, str | int | float) and error["type"] != "value_error"
    return f"{_what(error)}, not {_shown(given)}" if shows else _what(error)


def _what(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return _SHAPES[context["pattern"]]
    if kind in _BOUNDS:
        return _BOUNDS[kind](context)
    message: str = error["msg"]
    return _KINDS.get(kind, message[0].lower() + message[1:])


def _shown(given: object) -> str:
    try:
        text = repr(given)
    except ValueError:  # a whole number of more than 4300 digits
        return "such a long number"
    masked = mask(text).text
    return masked if len(masked) <= LONGEST else masked[: LONGEST - 1] + "…"
