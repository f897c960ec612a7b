"""Which of a placement's versions is the new one, where the platform itself knows when each came. Pure.

The built-in proxy keeps the order in which versions were named (balancers/flight.py); a platform has it in the age of
what it made for a version, which needs no memory of ours and is the same for every replica.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from engine.catalog import Version
from engine.strategy_specs import Pin

_SIGNS: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


def in_flight(
    came: Mapping[Version, float], named: Collection[Version], shares: Mapping[Version, int]
) -> Version | None:
    """The version named here that came last beside others; None when there is only one, or none.

    `came` says when, later being more. Of those that came at once, the one with the most traffic was there before.
    """
    known = [version for version in named if version in came]
    if len(known) < 2:
        return None
    return max(known, key=lambda version: (came[version], -shares.get(version, 0), version))


def previewed(flight: Version | None, shares: Mapping[Version, int]) -> Version | None:
    """The version in flight while it has no share of the traffic."""
    return None if flight is None or shares.get(flight, 0) else flight


def cookie_pattern(pin: Pin) -> str:
    """A regular expression for a Cookie field in which the pin is one of the pairs (RFC 6265, 4.2.1).

    Anchored at both ends, so that it says the same to who looks for a match anywhere and who wants the whole field.
    """
    name, value = (_SIGNS.sub(r"\\\g<0>", text) for text in (pin.name, pin.value))
    return f"^(.*; *)?{name}={value}( *;.*)?$"
