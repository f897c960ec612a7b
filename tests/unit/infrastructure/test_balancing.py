"""Turns and weights, as properties."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import HealthCheck, Version
from engine.infrastructure.balancers.balancing import effective_weights, turns
from engine.infrastructure.balancers.standing import Finding, Standing

VERSIONS = st.sampled_from([Version(f"v{number}") for number in range(1, 6)])
WEIGHTS = st.dictionaries(VERSIONS, st.integers(0, 100))
CHECKS = st.builds(
    HealthCheck,
    healthy_after=st.integers(1, 4),
    unhealthy_after=st.integers(1, 4),
    interval=st.just(timedelta(seconds=1)),
)


@given(WEIGHTS, st.sets(VERSIONS))
def test_effective_weights_sum_to_all_or_nothing_and_only_ready_ones_get_any(told, ready):
    effective = effective_weights(told, ready)
    able = {version for version, weight in told.items() if weight and version in ready}
    assert set(effective) == able
    assert sum(effective.values()) == (100 if able else 0)


@given(WEIGHTS)
def test_nothing_changes_while_all_are_well(told):
    total = sum(told.values())
    if total == 100:
        assert effective_weights(told, set(told)) == {name: weight for name, weight in told.items() if weight}


@given(WEIGHTS, st.sets(VERSIONS))
def test_lost_shares_go_to_the_others_in_proportion(told, ready):
    shares = {version: weight for version, weight in told.items() if weight and version in ready}
    for version, weight in effective_weights(told, ready).items():
        assert abs(weight - 100 * shares[version] / sum(shares.values())) < 1


@given(WEIGHTS)
def test_a_round_has_each_version_as_often_as_its_weight(told):
    weights = effective_weights(told, set(told))
    order = turns(weights)
    counted = Counter(order)
    assert all(counted[version] * 100 == weight * len(order) for version, weight in weights.items())


@given(WEIGHTS)
def test_turns_are_spread_evenly(told):
    weights = effective_weights(told, set(told))
    order = turns(weights)
    for length in range(len(order) + 1):
        counted = Counter(order[:length])
        assert all(abs(counted[version] - weight * length / 100) <= len(weights) for version, weight in weights.items())


def test_ten_percent_is_every_tenth_request():
    order = turns({Version("v1"): 90, Version("v2"): 10})
    assert len(order) == 10
    assert order.count(Version("v2")) == 1
    assert turns({}) == ()


@given(CHECKS, st.lists(st.sampled_from(Finding)))
def test_standing_is_what_the_last_findings_say(check, findings):
    standing = Standing()
    for finding in findings:
        standing = standing.after(finding, check)
    tail = findings[-check.healthy_after :]
    if len(tail) == check.healthy_after and set(tail) == {Finding.WELL}:
        assert standing.ready
    tail = findings[-check.unhealthy_after :]
    if len(tail) == check.unhealthy_after and set(tail) == {Finding.UNWELL}:
        assert not standing.ready
    if findings and findings[-1] is Finding.REFUSED:
        assert not standing.ready
        assert standing.eager
