"""What HAProxy shows and is told, without an HAProxy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.infrastructure.balancers import haproxy_servers
from engine.infrastructure.balancers.balancing import effective_weights
from engine.infrastructure.balancers.haproxy_servers import (
    HEAVIEST,
    Picture,
    Server,
    drain,
    enlist,
    parse_picture,
    reweigh,
    version_in,
    wanted_weights,
    weights_now,
)
from engine.infrastructure.balancers.orders import Member
from engine.ports import InstanceId
from engine.strategy_specs import StrategySpec
from engine.targets import LocalTarget

TARGET = LocalTarget(artifact="/srv/{version}", command=("x",), port=8000)
PLACE = Placement(
    ServiceName("shop"), EnvironmentName("production"), TARGET, HealthCheck(), StrategySpec("all", "rolling")
)
STATES = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_port
3 shop 1 shop-production-v1-1 127.0.0.1 2 0 180 1 8001
3 shop 2 shop-production-v2-1 127.0.0.1 2 0 20 1 8002
3 shop 3 shop-production-v2-2 127.0.0.1 0 0 20 1 8003
3 shop 4 shop-production-v0-1 127.0.0.1 2 8 99 1 8004
3 shop 5 sorry 127.0.0.1 2 0 1 1 8005

"""
STATS = """# pxname,svname,qcur,scur,stot,econ,eresp,status,weight,bck,req_tot,
shop,shop-production-v1-1,0,2,7,0,0,UP,180,0,7,
shop,shop-production-v2-1,1,1,2,0,0,UP,20,0,2,
shop,shop-production-v2-2,0,0,0,0,0,DOWN,20,0,0,
shop,shop-production-v0-1,0,1,1,0,0,DRAIN,99,0,1,
shop,sorry,0,0,0,0,0,UP,1,1,0,
shop,BACKEND,0,0,10,1,2,UP,200,,{requests},

"""


def members(**numbers: int) -> list[Member]:
    return [
        Member(InstanceId(f"shop-production-{version}-{ordinal}"), Version(version), f"127.0.0.1:{8000 + ordinal}")
        for version, number in numbers.items()
        for ordinal in range(1, number + 1)
    ]


def test_a_backend_is_read_by_its_own_names():
    picture = parse_picture(STATES, STATS.format(requests=10))
    assert (picture.requests, picture.lost) == (10, 3)
    ours = picture.ours(PLACE)
    assert sorted(ours) == [f"shop-production-{name}" for name in ("v0-1", "v1-1", "v2-1", "v2-2")]
    assert {name for name, one in ours.items() if one.ready} == {"shop-production-v1-1", "shop-production-v2-1"}
    assert ours["shop-production-v2-1"].active == 2
    assert ours["shop-production-v1-1"].address == "127.0.0.1:8001"
    assert weights_now(PLACE, picture) == {"v1": 90, "v2": 10}
    assert picture.servers[-1].backup


def test_a_backend_in_tcp_mode_counts_connections():
    assert parse_picture(STATES, STATS.format(requests="")).requests == 10


def test_an_empty_backend_is_read():
    nobody = "# pxname,svname,stot,econ,eresp,req_tot,\nshop,BACKEND,0,0,0,0,\n"
    assert parse_picture("1\n# be_id srv_name\n\n", nobody) == Picture((), 0, 0)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("shop-production-v1-1", "v1"),
        ("shop-production-2026-11-24-12", "2026-11-24"),
        ("shop-production-v1", None),
        ("shop-staging-v1-1", None),
        ("shop-production--1", None),
        ("shopXproduction-v1-1", None),
        ("shop-production-v1-1\n", None),
    ],
)
def test_the_version_is_in_the_name(name: str, version: str | None):
    assert version_in(PLACE, name) == version


@st.composite
def splits(draw: st.DrawFn) -> tuple[list[Member], dict[Version, int], set[str]]:
    cuts = sorted(draw(st.sets(st.integers(1, 99), max_size=3)))
    shares = [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
    told = {Version(f"v{number}"): share for number, share in enumerate(shares)}
    known = members(**{version: draw(st.integers(1, 40)) for version in told})
    ready = {one.id for one in known if draw(st.booleans())}
    return known, told, ready


@given(splits())
def test_weights_are_exactly_the_percent_of_those_that_are_ready(split):
    known, told, ready = split
    weights = wanted_weights(known, told, ready, {})
    assert set(weights) == {one.id for one in known}
    assert all(0 <= weight <= HEAVIEST for weight in weights.values())
    serving = {one.version for one in known if one.id in ready}
    sums = {
        version: sum(weights[one.id] for one in known if one.version == version and one.id in ready)
        for version in serving
    }
    assert effective_weights(sums, sums) == effective_weights(told, serving)


def test_two_of_three_carry_the_share_of_all_and_the_third_gets_the_same():
    known = members(v1=3, v2=1)
    ready = {one.id for one in known} - {"shop-production-v1-3"}
    weights = wanted_weights(known, {Version("v1"): 90, Version("v2"): 10}, ready, {})
    assert list(weights.values()) == [225, 225, 225, 50]


def test_who_had_the_traffic_keeps_it_until_one_of_the_new_is_ready():
    known = members(v1=1, v2=1)
    old, new = (one.id for one in known)
    told, now = {Version("v2"): 100}, {old: 200, new: 0}
    assert wanted_weights(known, told, {old}, now) == now
    assert wanted_weights(known, told, {old, new}, now) == {old: 0, new: 200}
    assert wanted_weights(known, {}, {old}, now) == {old: 0, new: 0}
    # Those that had it and are named no longer have it no longer.
    assert wanted_weights(known[1:], told, {old}, now) == {new: 200}


def test_more_is_told_before_less():
    told = [one.text for one in reweigh("shop", {"a": 0, "b": 200, "c": 5}, {"a": 200, "b": 0, "c": 5})]
    assert told == ["set weight shop/b 200", "set weight shop/a 0"]


def test_a_weight_out_of_range_is_never_told():
    with pytest.raises(ValueError, match="0 to 256"):
        haproxy_servers.weigh("shop/a", 257)
    with pytest.raises(ValueError, match="0 to 256"):
        haproxy_servers.weigh("shop/a", -1)


def _server(**different: object) -> Server:
    fields: dict[str, object] = {
        "name": "shop-production-v1-1", "address": "127.0.0.1:8001", "up": True, "admin": 0, "weight": 7,
        "effective": 7, "active": 0, "backup": False,
    }  # fmt: skip
    return Server(**{**fields, **different})


def test_a_new_server_is_down_until_its_first_check():
    (member,) = members(v1=1)
    check = HealthCheck(interval=timedelta(seconds=2), healthy_after=2, unhealthy_after=3)
    assert [one.text for one in enlist("shop", member, None, check)] == [
        "add server shop/shop-production-v1-1 127.0.0.1:8001 check inter 2000 downinter 200 rise 2 fall 3 weight 0",
        "set server shop/shop-production-v1-1 state ready",
        "set server shop/shop-production-v1-1 health down",
        "enable health shop/shop-production-v1-1",
    ]


def test_a_known_server_is_told_only_what_differs():
    (member,) = members(v1=1)
    check = HealthCheck()
    assert enlist("shop", member, _server(), check) == []
    drained = [one.text for one in enlist("shop", member, _server(admin=8), check)]
    assert drained == ["set weight shop/shop-production-v1-1 0", "set server shop/shop-production-v1-1 state ready"]
    for changed in (_server(admin=1), _server(address="127.0.0.1:9")):
        told = [one.text for one in enlist("shop", member, changed, check)]
        assert told[1] == "set server shop/shop-production-v1-1 addr 127.0.0.1 port 8001"
        assert told[-2:] == [
            "set server shop/shop-production-v1-1 health down",
            "enable health shop/shop-production-v1-1",
        ]


def test_what_is_out_already_is_not_drained_again():
    assert drain("shop", _server(admin=8)) == []
    assert [one.text for one in drain("shop", _server())] == ["set server shop/shop-production-v1-1 state drain"]
