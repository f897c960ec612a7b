"""The first look at a request: its shape, its lengths, its characters. Pure.

What a name or a version may be is decided where it is used; here is only what no field of any command may be.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Final

from engine.commands import Request
from engine.errors import Invalid

LONGEST_TEXT: Final = 3000  # characters; a section of a chat message holds no more
LONGEST_ID: Final = 255
_KEPT: Final = "\n\t"
# Marks that make text read other than it is stored (Unicode Standard Annex 9), and invisible characters.
_DECEIVING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\ufeff")


def check_request(request: Request) -> None:
    """Raises Invalid, naming the field, when the request cannot be meant."""
    _check_envelope(request)
    for field, text in texts(request.command):
        check_text(field, text)
    for key, text in request.context.items():
        check_text(key, text)


def _check_envelope(request: Request) -> None:
    if not 1 <= len(request.id) <= LONGEST_ID or not request.id.isprintable():
        raise Invalid("The request's id is missing, too long or not printable.", "Send it with an id.", field="id")
    if request.at.tzinfo is None:
        raise Invalid("The request's time has no time zone.", "Send it in UTC.", field="at")
    if request.actor.kind == "system" and request.source != "schedule":
        raise Invalid("Only the scheduler acts as the system.", "Say who asks.", field="actor")
    check_text("user", request.actor.user)
    check_text("team", request.actor.team)


def check_text(field: str, text: str) -> None:
    """Raises Invalid when `text` is too long or holds characters that deceive or control."""
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"{field} is {len(text)} characters long.", f"At most {LONGEST_TEXT} are taken.", field=field)
    bad = next((one for one in text if one not in _KEPT and _is_bad(one)), None)
    if bad is not None:
        name = f"U+{ord(bad):04X}"
        raise Invalid(f"{field} holds the character {name}, which cannot be seen.", "Type it anew.", field=field)


def _is_bad(one: str) -> bool:
    return one in _DECEIVING or unicodedata.category(one) in {"Cc", "Cs"}


def texts(value: object, field: str = "command") -> Iterator[tuple[str, str]]:
    """Every text inside a command, with the name of the field it stands in."""
    if isinstance(value, str):
        yield field, value
    elif is_dataclass(value):
        for one in fields(value):
            yield from texts(getattr(value, one.name), one.name)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts(inner, str(key))
    elif isinstance(value, Sequence):
        for inner in value:
            yield from texts(inner, field)
