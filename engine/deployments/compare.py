"""Whether a version answers worse than the one beside it, or whether that is chance. Pure.

Counts of errors are compared by Fisher's exact test, one-sided: of all ways to deal the errors seen to the requests
seen, the share in which the new version gets at least as many as it did (R. A. Fisher, The Design of Experiments, 1935;
the tail of the hypergeometric distribution).

Who looks often is fooled more often, so each look gets a part of `alpha` only. By Bonferroni's inequality all looks
together give up an equally good version with a chance of at most the sum of the parts, however much they depend on one
another. Nine tenths go in equal parts to the looks expected in a step; looks beyond those share the rest by
1 / (j (j + 1)), a series whose sum is one however many follow. The steps of a deployment share alpha equally.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import exp, lgamma
from typing import Final

LOOKS: Final = 10  # expected in a step: each needs GROWTH times the requests of the one before, and one ends the dwell
GROWTH: Final = 1.5
_EXPECTED_SHARE: Final = 0.9
_NEGLIGIBLE: Final = 1e-18  # of the sum so far: terms that change no digit of it


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of one version, and how many of those were errors."""

    errors: int
    requests: int

    @property
    def ratio(self) -> float:
        """Errors per request; zero without requests."""
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison stood on. `stable` is None where nothing ran beside the new version.

    `chance` and `level` are of the last look: the share of chance in the difference, and what it was held against.
    `looks` counts those of this step; `slow` those in a row that found the new version too slow. Latencies in seconds.
    """

    new: Counts
    stable: Counts | None = None
    latency: float | None = None
    stable_latency: float | None = None
    chance: float | None = None
    level: float | None = None
    looks: int = 0
    looked_at: datetime | None = None
    looked_requests: int = 0
    slow: int = 0


def chance_of(new: Counts, stable: Counts) -> float:
    """The one-sided p-value of Fisher's exact test that `new` has no higher error ratio than `stable`.

    Needs 0 <= errors <= requests of both. Takes time with the square root of the counts; off by less than 1e-6 of
    itself up to 10^7, the accuracy of log-gamma there.
    """
    errors = new.errors + stable.errors
    total = new.requests + stable.requests
    least = max(0, errors - stable.requests)
    if new.errors <= least:
        return 1.0
    likeliest = (new.requests + 1) * (errors + 1) // (total + 2)
    if new.errors > likeliest:
        return min(1.0, _upper(new.errors, new.requests, errors, total))
    return max(0.0, 1.0 - _lower(new.errors - 1, least, new.requests, errors, total))


def level(alpha: float, steps: int, look: int) -> float:
    """What the chance of look `look` (from 1) in one of `steps` steps is held against; over all looks at most alpha."""
    share = alpha / max(1, steps)
    if look <= LOOKS:
        return share * _EXPECTED_SHARE / LOOKS
    late = look - LOOKS
    return share * (1 - _EXPECTED_SHARE) / (late * (late + 1))


def look_due(before: Compared | None, requests: int, *, dwell_over: bool) -> bool:
    """Whether enough is new to look again: the first time, GROWTH times the requests, or the end of the dwell."""
    if before is None or before.looks == 0 or dwell_over:
        return True
    return requests >= GROWTH * before.looked_requests


def _upper(first: int, drawn: int, errors: int, total: int) -> float:
    """P(X >= first) of the hypergeometric distribution, `first` above its mode: the terms fall fast."""
    term = total_chance = _point(first, drawn, errors, total)
    for k in range(first, min(errors, drawn)):
        term *= (errors - k) * (drawn - k) / ((k + 1) * (total - errors - drawn + k + 1))
        total_chance += term
        if term <= total_chance * _NEGLIGIBLE:
            break
    return total_chance


def _lower(last: int, least: int, drawn: int, errors: int, total: int) -> float:
    """P(X <= last), `last` below its mode."""
    term = total_chance = _point(last, drawn, errors, total)
    for k in range(last, least, -1):
        term *= k * (total - errors - drawn + k) / ((errors - k + 1) * (drawn - k + 1))
        total_chance += term
        if term <= total_chance * _NEGLIGIBLE:
            break
    return total_chance


def _point(k: int, drawn: int, errors: int, total: int) -> float:
    """P(X = k); 0.0 where that is too small for a float."""
    ways = _log_ways(errors, k) + _log_ways(total - errors, drawn - k) - _log_ways(total, drawn)
    return exp(min(0.0, ways))


def _log_ways(n: int, k: int) -> float:
    """log of n over k."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
