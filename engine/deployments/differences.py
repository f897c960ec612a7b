"""What differs between two configurations of a place, field by field. Pure.

Values of variables may be secrets, so only their names are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from engine.catalog import Placement

HIDDEN: Final = "target.environment."
NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs; `before` and `after` as people read them."""

    field: str
    before: str
    after: str


def differences(before: Placement, after: Placement) -> tuple[Difference, ...]:
    """Every field that differs, in the order of the settings."""
    old, new = dict(_fields(before)), dict(_fields(after))
    names = [*old, *(name for name in new if name not in old)]
    found = [_difference(name, old, new) for name in names if old.get(name) != new.get(name)]
    return tuple(one for one in found if one.before != one.after)


def _difference(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Difference:
    if not name.startswith(HIDDEN):
        return Difference(name, old.get(name, NOTHING), new.get(name, NOTHING))
    return Difference(name, "set" if name in old else NOTHING, _set(name, old, new))


def _set(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
    if name not in new:
        return NOTHING
    return "set to something else" if name in old else "set"


def _fields(place: Placement) -> Iterator[tuple[str, str]]:
    yield "target", type(place.target).__name__.removesuffix("Target").lower()
    for name in ("target", "health", "strategy", "figures"):
        yield from _flat(msgspec.to_builtins(getattr(place, name), builtin_types=(timedelta,)), name)


def _flat(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf with its dotted name; lists of plain values are one."""
    match value:
        case Mapping() if value:
            for name, inner in value.items():
                yield from _flat(inner, f"{field}.{name}" if field else str(name))
        case list() if any(isinstance(one, Mapping) for one in value):
            for number, inner in enumerate(value, 1):
                yield from _flat(inner, f"{field}[{number}]")
        case list():
            yield field, " ".join(map(str, value)) or NOTHING
        case _:
            yield field, _word(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return NOTHING if value in (None, "", {}) else str(value)
