"""A proxy and a product of different releases understand one another. The first messages are kept here."""

from __future__ import annotations

import logging

import msgspec
import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName
from engine.infrastructure.balancers.control import Control
from engine.infrastructure.balancers.limits import Limits
from engine.infrastructure.balancers.orders import KNOWS, Configure, Done, Memory, Order, Pong, Reading, Route
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.infrastructure.balancers.server import ProxyServer
from engine.strategy_specs import Pin, StrategySpec
from engine.targets import LocalTarget
from tests.bench.proxy_shifts import quiet_port


class FirstMember(msgspec.Struct):
    id: str
    version: str
    address: str


class FirstRoute(msgspec.Struct):
    service: str
    environment: str
    port: int
    health: HealthCheck
    members: tuple[FirstMember, ...] = ()
    weights: dict[str, int] = {}


class FirstConfigure(msgspec.Struct, tag_field="do", tag="configure"):
    route: FirstRoute


class FirstDone(msgspec.Struct, tag_field="is", tag="done"):
    pass


class FirstMemory(msgspec.Struct):
    routes: tuple[FirstRoute, ...] = ()
    ready: tuple[str, ...] = ()
    metrics_port: int = 0


def place(**more):
    target = LocalTarget("none", ("none",), quiet_port(), **more)
    strategy = StrategySpec("all", "rolling", pin=Pin("header", "X-Try", "new"))
    return Placement(ServiceName("shop"), EnvironmentName("test"), target, HealthCheck(), strategy)


class FirstProxy:
    """Answers as the first release's proxy: it reads what it knows and passes over the rest."""

    def __init__(self):
        self.told = []

    async def obey(self, order):
        match order:
            case Configure():
                self.told.append(msgspec.json.decode(msgspec.json.encode(order), type=FirstConfigure))
                return FirstDone()
            case _:
                return Reading({}, (), 0, 0)


@pytest.fixture
async def first_proxy(tmp_path):
    proxy = FirstProxy()
    control = Control(tmp_path, proxy.obey)
    await control.start()
    yield proxy
    control.close()


async def test_an_earlier_proxy_is_used_and_what_it_does_not_heed_is_said_once(tmp_path, first_proxy, caplog):
    shifter = ProxyShifter(tmp_path)
    wanted = place(preview_port=quiet_port(), balancing="ip-hash")
    with caplog.at_level(logging.WARNING):
        await shifter.configure(wanted, [], {})
        await shifter.configure(wanted, [], {})
    assert [one.route.port for one in first_proxy.told] == [wanted.target.port] * 2
    (said,) = caplog.messages
    assert "does not heed balancing, pin, preview_port" in said
    assert str(tmp_path / "proxy.pid") in said


async def test_a_proxy_of_this_release_heeds_all_of_it(tmp_path, server, caplog):
    shifter = ProxyShifter(tmp_path)
    with caplog.at_level(logging.WARNING):
        await shifter.configure(place(preview_port=quiet_port(), balancing="ip-hash"), [], {})
    assert not caplog.messages


@pytest.fixture
async def server(tmp_path):
    server = ProxyServer(tmp_path, limits=Limits())
    control = Control(tmp_path, server.obey)
    await server.start()
    await control.start()
    yield server
    control.close()
    await server.stop()


async def test_an_earlier_product_is_obeyed(server):
    order = FirstConfigure(FirstRoute("shop", "test", quiet_port(), HealthCheck()))
    answer = await server.obey(msgspec.json.decode(msgspec.json.encode(order), type=Configure))
    assert answer == Done(KNOWS)
    assert msgspec.json.decode(msgspec.json.encode(answer), type=FirstDone) == FirstDone()
    assert isinstance(await server.obey(msgspec.json.decode(b'{"do":"ping"}', type=Order)), Pong)


async def test_both_read_what_the_other_kept_on_disk(tmp_path):
    first = FirstMemory((FirstRoute("shop", "test", quiet_port(), HealthCheck(), (), {"v1": 100}),), ("one",), 0)
    (tmp_path / "routes.json").write_bytes(msgspec.json.encode(first))
    server = ProxyServer(tmp_path, limits=Limits())
    await server.start()
    await server.obey(Configure(server._memory().routes[0]))
    await server.stop()
    kept = (tmp_path / "routes.json").read_bytes()
    assert msgspec.json.decode(kept, type=Memory).routes[0].known == ("v1",)
    assert msgspec.json.decode(kept, type=FirstMemory).routes == first.routes


def test_what_is_added_to_a_route_has_a_default_that_means_what_was_before():
    plain = Route(ServiceName("shop"), EnvironmentName("test"), 1, HealthCheck())
    assert (plain.balancing, plain.preview_port, plain.pin, plain.known) == ("round-robin", 0, None, ())
    assert set(KNOWS) < set(Route.__struct_fields__)
