"""Which version is the new one, which of its instances answers, and what a request may wish."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import EnvironmentName, HealthCheck, ServiceName, Version
from engine.infrastructure.balancers.flight import following, in_flight, previewed
from engine.infrastructure.balancers.orders import Member, Route
from engine.infrastructure.balancers.picking import PICKERS, WARM_UP, IpHash, LeastConnections, Weighted
from engine.infrastructure.balancers.standing import FAILURES, Finding, Standing
from engine.infrastructure.balancers.wishes import caller_of, carries, reader_of
from engine.ports import InstanceId
from engine.strategy_specs import Pin

V1, V2, V3 = (Version(f"v{number}") for number in (1, 2, 3))


@dataclass(frozen=True)
class Copy:
    name: bytes
    active: int = 0
    since: float = float("-inf")


NAMES = st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=6, unique=True)
GROUPS = NAMES.map(lambda names: [Copy(name) for name in names])
CALLERS = [f"10.0.{number // 250}.{number % 250}".encode() for number in range(1000)]


def route(versions, weights, known=()):
    members = tuple(Member(InstanceId(f"{version}-1"), version, "127.0.0.1:1") for version in versions)
    told = Route(ServiceName("shop"), EnvironmentName("test"), 1, HealthCheck(), members, weights)
    return following(known, told)


@pytest.mark.parametrize(
    "told",
    [
        [((V1,), {V1: 100}), ((V1, V2), {V1: 100})],
        [((V1,), {V1: 100}), ((V2, V1), {V1: 90, V2: 10})],
        [((V1,), {V1: 100}), ((V1, V2), {V1: 50, V2: 50}), ((V1, V2), {V2: 100})],
        [((V1,), {V1: 100}), ((V1, V3), {V1: 90, V3: 10}), ((V1,), {V1: 100}), ((V1, V2), {V1: 100})],
        [((V3,), {V3: 100}), ((V3, V2), {V3: 90, V2: 10})],
        [((V2, V1), {V1: 90, V2: 10})],
        [((V1,), {V1: 100}), ((V1, V2), {V1: 90, V2: 10}), ((V2,), {V1: 90, V2: 10}), ((V1, V2), {V1: 90, V2: 10})],
    ],
)
def test_the_new_version_is_the_one_that_came_last(told):
    known = ()
    for versions, weights in told:
        last = route(versions, weights, known)
        known = last.known
    assert in_flight(last) == V2


def test_only_what_waits_for_its_share_is_previewed():
    assert previewed(route((V1,), {V1: 100})) is None
    assert previewed(route((V1, V2), {V1: 100}, (V1,))) == V2
    assert previewed(route((V1, V2), {V1: 100}, (V2, V1))) is None
    assert previewed(route((V1, V2), {V2: 100}, (V1, V2))) is None
    assert in_flight(route((), {})) is None


@given(st.sampled_from(sorted(PICKERS)), GROUPS, st.sampled_from(CALLERS), st.floats(0, 1e6))
def test_every_kind_picks_one_of_the_group(kind, group, caller, now):
    picker = PICKERS[kind]()
    assert all(picker.pick(group, caller, now) in group for _ in range(3))


@given(GROUPS, st.sampled_from(["round-robin", "weighted", "least-connections"]))
def test_equal_instances_get_equal_parts(group, kind):
    picker = PICKERS[kind]()
    counted = Counter(picker.pick(group, b"", 1e6) for _ in range(len(group) * 12))
    assert set(counted.values()) == {12}


@given(GROUPS, st.binary(min_size=9, max_size=9))
def test_a_callers_instance_stays_its_own_when_others_come_and_go(group, name):
    before = {caller: IpHash().pick(group, caller, 0.0) for caller in CALLERS[:50]}
    more = [*group, Copy(name)]
    after = {caller: IpHash().pick(more, caller, 0.0) for caller in before}
    assert all(after[caller] in {before[caller], more[-1]} for caller in before)
    for gone in group[1:]:
        rest = [one for one in group if one != gone]
        assert all(IpHash().pick(rest, caller, 0.0) == kept for caller, kept in before.items() if kept != gone)


def test_callers_spread_over_the_instances_and_the_hash_is_the_same_everywhere():
    group = [Copy(b"shop-test-v1-%d" % number) for number in range(1, 5)]
    counted = Counter(IpHash().pick(group, caller, 0.0).name for caller in CALLERS)
    assert min(counted.values()) > 200
    chosen = [IpHash().pick(group, caller, 0.0).name for caller in (b"10.0.0.1", b"10.0.0.2", b"::1")]
    assert chosen == [b"shop-test-v1-4", b"shop-test-v1-4", b"shop-test-v1-2"]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 20))
def test_the_least_busy_answers(active, before):
    group = [Copy(b"%d" % number, count) for number, count in enumerate(active)]
    picker = LeastConnections()
    for _ in range(before):
        picker.pick(group, b"", 0.0)
    assert picker.pick(group, b"", 0.0).active == min(active)


@pytest.mark.parametrize(("age", "share"), [(0.0, 1 / 11), (WARM_UP / 2, 1 / 3), (WARM_UP, 1 / 2), (1e6, 1 / 2)])
def test_a_new_instance_comes_to_its_weight_by_and_by(age, share):
    now, picker = 2e6, Weighted()
    group = [Copy(b"old"), Copy(b"new", since=now - age)]
    counted = Counter(picker.pick(group, b"", now).name for _ in range(660))
    assert abs(counted[b"new"] - 660 * share) <= 1


@pytest.mark.parametrize(
    ("pin", "headers", "carried"),
    [
        (Pin("header", "X-Canary", "on"), [(b"x-canary", b"on")], True),
        (Pin("header", "X-Canary", "on"), [(b"X-CANARY", b" on ")], True),
        (Pin("header", "X-Canary", "on"), [(b"X-Canary", b"On")], False),
        (Pin("header", "X-Canary", "on"), [(b"X-Canary", b"off"), (b"X-Canary", b"on")], True),
        (Pin("header", "X-Canary", "on"), [(b"X-Canary-Too", b"on")], False),
        (Pin("header", "X-Canary", "on"), [], False),
        (Pin("cookie", "try", "v2"), [(b"Cookie", b"a=1; try=v2; b=2")], True),
        (Pin("cookie", "try", "v2"), [(b"cookie", b"try=v2")], True),
        (Pin("cookie", "try", "v2"), [(b"Cookie", b"retry=v2; try=v22; Try=v2")], False),
        (Pin("cookie", "try", "v2"), [(b"X-Cookie", b"try=v2")], False),
    ],
)
def test_a_pin_is_one_field_or_cookie_of_just_this_value(pin, headers, carried):
    assert carries(pin)(headers) is carried


@pytest.mark.parametrize(
    ("peer", "headers", "caller"),
    [
        (b"127.0.0.1", [], b"127.0.0.1"),
        (b"127.0.0.1", [(b"X-Forwarded-For", b"6.6.6.6, 10.0.0.7")], b"10.0.0.7"),
        (b"::1", [(b"x-forwarded-for", b"6.6.6.6"), (b"X-Forwarded-For", b"10.0.0.7")], b"10.0.0.7"),
        (b"127.0.0.1", [(b"X-Forwarded-For", b"")], b"127.0.0.1"),
        (b"10.0.0.9", [(b"X-Forwarded-For", b"10.0.0.7")], b"10.0.0.9"),
        (b"unknown", [(b"X-Forwarded-For", b"10.0.0.7")], b"unknown"),
    ],
)
def test_only_a_proxy_of_this_machine_is_believed_whose_request_it_is(peer, headers, caller):
    assert caller_of(headers, peer) == caller


def test_nothing_is_read_where_nothing_is_heeded():
    assert reader_of(None, "round-robin") is None
    both = reader_of(Pin("header", "A", "1"), "ip-hash")
    assert both is not None
    wish = both([(b"a", b"1")], b"127.0.0.1")
    assert (wish.pinned, wish.caller) == (True, b"127.0.0.1")


@given(st.lists(st.sampled_from([Finding.WELL, Finding.FAILED, Finding.ANSWERED]), max_size=30))
def test_requests_that_fail_in_a_row_take_an_instance_out_and_only_a_check_brings_it_back(findings):
    check, standing, failed = HealthCheck(healthy_after=1), Standing(ready=True, eager=False), 0
    for finding in findings:
        was = standing.ready
        standing = standing.after(finding, check)
        failed = failed + 1 if was and finding is Finding.FAILED else 0 if finding is Finding.ANSWERED else failed
        if finding is Finding.WELL:
            assert standing.ready
            failed = failed if was else 0
        elif was and failed >= FAILURES:
            assert not standing.ready
            assert not standing.eager
            failed = 0
        else:
            assert standing.ready is was
