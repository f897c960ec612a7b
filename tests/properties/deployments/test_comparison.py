"""What holds of every comparison of two versions."""

from datetime import UTC, datetime
from fractions import Fraction
from math import comb

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.deployments.compare import Counts, chance_of
from engine.deployments.deployment import Verdict
from engine.deployments.gates.weighing import Names, Sides, weigh
from engine.strategy_specs import CompareSpec

AT = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = Names("v2", "v1")
SPEC = CompareSpec(errors="e", requests="r")


def counts(most: int) -> st.SearchStrategy[Counts]:
    return st.integers(0, most).flatmap(lambda n: st.integers(0, n).map(lambda errors: Counts(errors, n)))


def exact(new: Counts, stable: Counts) -> float:
    errors, total = new.errors + stable.errors, new.requests + stable.requests
    tail = range(new.errors, min(errors, new.requests) + 1)
    ways = sum(comb(errors, k) * comb(total - errors, new.requests - k) for k in tail)
    return float(Fraction(ways, comb(total, new.requests)))


@given(counts(200), counts(200))
def test_small_tables_agree_with_whole_numbers(new: Counts, stable: Counts) -> None:
    assert chance_of(new, stable) == pytest.approx(exact(new, stable), rel=1e-9, abs=1e-300)


@given(counts(10_000_000), counts(10_000_000))
@settings(deadline=None)
def test_it_is_a_chance(new: Counts, stable: Counts) -> None:
    assert 0.0 <= chance_of(new, stable) <= 1.0


@given(counts(5000), counts(5000))
def test_one_more_error_is_never_less_suspect(new: Counts, stable: Counts) -> None:
    assume(new.errors < new.requests)
    more = Counts(new.errors + 1, new.requests)
    assert chance_of(more, stable) <= chance_of(new, stable) * (1 + 1e-9)


@given(counts(5000), counts(5000))
def test_one_more_error_beside_it_excuses(new: Counts, stable: Counts) -> None:
    assume(stable.errors < stable.requests)
    excused = chance_of(new, Counts(stable.errors + 1, stable.requests))
    assert excused >= chance_of(new, stable) * (1 - 1e-9)


@given(counts(2000), counts(2000))
def test_both_sides_see_the_same_table(new: Counts, stable: Counts) -> None:
    """P(new has this many or more) is P(stable has its many or fewer), which is P(it has as many correct or more)."""
    turned = Counts(stable.requests - stable.errors, stable.requests), Counts(new.requests - new.errors, new.requests)
    assert chance_of(new, stable) == pytest.approx(chance_of(*turned), rel=1e-9, abs=1e-300)


@given(counts(3000), counts(3000), st.booleans())
def test_nobody_is_given_up_for_being_as_good_or_within_the_margin(new: Counts, stable: Counts, over: bool) -> None:
    assume(new.ratio <= stable.ratio + SPEC.margin)
    assume(new.ratio <= SPEC.ceiling)
    found = weigh(SPEC, Sides(new, stable), None, names=NAMES, steps=1, dwell_over=over, now=AT)
    assert found.verdict is not Verdict.FAIL


@given(counts(3000), counts(99), st.booleans())
def test_too_few_never_pass(new: Counts, few: Counts, over: bool) -> None:
    for sides in (Sides(few, new), Sides(new, few), Sides(few, None)):
        found = weigh(SPEC, sides, None, names=NAMES, steps=1, dwell_over=over, now=AT)
        assert found.verdict is not Verdict.PASS
