"""Fisher's exact test against known results, and how alpha is split."""

import time
from datetime import UTC, datetime
from fractions import Fraction
from math import comb

import pytest

from engine.deployments.compare import GROWTH, LOOKS, Compared, Counts, chance_of, level, look_due

AT = datetime(2026, 1, 1, tzinfo=UTC)


def exact(new: Counts, stable: Counts) -> Fraction:
    """The tail of the hypergeometric distribution by whole numbers."""
    errors, total = new.errors + stable.errors, new.requests + stable.requests
    ways = sum(
        comb(errors, k) * comb(total - errors, new.requests - k)
        for k in range(new.errors, min(errors, new.requests) + 1)
    )
    return Fraction(ways, comb(total, new.requests))


@pytest.mark.parametrize(
    ("new", "stable", "chance"),
    [
        # The lady tasting tea: R. A. Fisher, The Design of Experiments (1935), chapter II.
        (Counts(4, 4), Counts(0, 4), Fraction(1, 70)),
        (Counts(3, 4), Counts(1, 4), Fraction(17, 70)),
        # Convictions of twins of criminals: R. A. Fisher, The Logic of Inductive Inference (1935).
        (Counts(10, 13), Counts(2, 17), Fraction(619, 1_330_665)),
        # By hand: one error of 2 requests, none of 3: the one error falls to the new version in 2 of 5 ways.
        (Counts(1, 2), Counts(0, 3), Fraction(2, 5)),
        (Counts(2, 2), Counts(0, 3), Fraction(1, 10)),
    ],
)
def test_known_results(new: Counts, stable: Counts, chance: Fraction) -> None:
    assert exact(new, stable) == chance
    assert chance_of(new, stable) == pytest.approx(float(chance), rel=1e-12)


@pytest.mark.parametrize(
    ("new", "stable"),
    [
        (Counts(0, 0), Counts(0, 0)),
        (Counts(0, 100), Counts(5, 100)),
        (Counts(100, 100), Counts(100, 100)),
        (Counts(0, 100), Counts(0, 900)),
        (Counts(5, 10), Counts(0, 0)),
    ],
)
def test_what_could_not_be_otherwise_is_chance(new: Counts, stable: Counts) -> None:
    assert chance_of(new, stable) == 1.0


@pytest.mark.parametrize(
    ("new", "stable"),
    [
        (Counts(30, 100_000), Counts(5, 1_000_000)),
        (Counts(12, 100_000), Counts(100, 1_000_000)),
        (Counts(150, 10_000_000), Counts(90, 10_000_000)),
        (Counts(40, 9_999_999), Counts(3, 1_000_000)),
    ],
)
def test_many_requests_cost_no_accuracy(new: Counts, stable: Counts) -> None:
    errors, total = new.errors + stable.errors, new.requests + stable.requests
    # The same tail with the roles of rows and columns changed, whose numbers stay small.
    ways, term = Fraction(0), Fraction(1)
    for k in range(new.errors):
        term *= Fraction(new.requests - k, total - k)
    for k in range(errors - new.errors):
        term *= Fraction(stable.requests - k, total - new.errors - k)
    for k in range(new.errors, errors + 1):
        ways += comb(errors, k) * term
        term *= Fraction(new.requests - k, max(1, stable.requests - (errors - k) + 1))
    assert chance_of(new, stable) == pytest.approx(float(ways), rel=1e-6)


def test_the_largest_counts_are_quick_and_safe() -> None:
    many = 10_000_000
    began = time.perf_counter()
    chances = [
        chance_of(Counts(50_400, many), Counts(50_000, many)),
        chance_of(Counts(many // 2, many), Counts(many // 2, many)),
        chance_of(Counts(many, many), Counts(0, many)),
        chance_of(Counts(0, many), Counts(many, many)),
        chance_of(Counts(many // 2 + 5000, many), Counts(many // 2, many)),
    ]
    assert time.perf_counter() - began < 1
    # Against the normal approximation with its correction for continuity, which is near at such numbers.
    assert chances == [
        pytest.approx(0.1033, rel=0.01),
        pytest.approx(0.5, rel=0.001),
        0.0,
        1.0,
        pytest.approx(0.01267, rel=0.01),
    ]


def test_all_looks_of_all_steps_together_stay_within_alpha() -> None:
    whole = 3 * sum(level(0.05, 3, look) for look in range(1, 10_000))
    assert 0.0499 < whole <= 0.05
    assert level(0.05, 1, LOOKS) == level(0.05, 1, 1) > level(0.05, 1, LOOKS + 1) > level(0.05, 1, LOOKS + 2) > 0
    assert level(0.05, 0, 1) == level(0.05, 1, 1)


def test_looks_need_half_as_many_requests_again() -> None:
    looked = Compared(Counts(0, 100), looks=1, looked_at=AT, looked_requests=100)
    assert look_due(None, 100, dwell_over=False)
    assert look_due(Compared(Counts(0, 50)), 100, dwell_over=False)
    assert not look_due(looked, 149, dwell_over=False)
    assert look_due(looked, round(100 * GROWTH), dwell_over=False)
    assert look_due(looked, 101, dwell_over=True)
