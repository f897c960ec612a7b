"""Who gets the next request. Pure: told weights and who is ready in, an order of turns out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from engine.catalog import Version


def effective_weights(told: Mapping[Version, int], ready: Collection[Version]) -> dict[Version, int]:
    """The percent each version really gets, summing to 100, or empty when nobody can answer.

    The share of a version without a ready instance goes to the others in proportion. A version told 0 gets
    nothing, whoever else fails: 0 is how a version is kept from callers. Rounding is by largest remainder, then by
    name.
    """
    shares = {version: weight for version, weight in told.items() if weight > 0 and version in ready}
    total = sum(shares.values())
    if not total:
        return {}
    floors = {version: weight * 100 // total for version, weight in shares.items()}
    by_remainder = sorted(shares, key=lambda version: (-(shares[version] * 100 % total), version))
    for version in by_remainder[: 100 - sum(floors.values())]:
        floors[version] += 1
    return floors


def turns(weights: Mapping[Version, int]) -> tuple[Version, ...]:
    """One full round in which each version has as many turns as its weight, spread evenly.

    Smooth weighted round robin: each turn every version earns its weight, the richest answers and pays the sum.
    """
    step = math.gcd(*weights.values()) or 1
    earns = {version: weight // step for version, weight in weights.items() if weight > 0}
    total = sum(earns.values())
    credit = dict.fromkeys(earns, 0)
    order = []
    for _ in range(total):
        for version, weight in earns.items():
            credit[version] += weight
        richest = max(credit, key=credit.__getitem__)
        credit[richest] -= total
        order.append(richest)
    return tuple(order)
