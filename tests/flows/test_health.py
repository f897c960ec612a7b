"""An instance that is killed: seen, taken out of the balancer, started again and taken in, each recorded."""

import os
import signal
from datetime import UTC, datetime

import pytest

from bot.settings import load_settings
from bot.settings.domain import to_catalog
from engine.catalog import EnvironmentName, ServiceName, Version
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.ports import Instance, InstanceHealth, InstanceId
from tests.fakes.house import House, all_text
from tests.fakes.scene import Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("health")]

SCENE = Scene()
STREAM = "component-shop-production"


async def test_a_killed_instance_is_replaced_and_its_life_recorded(house: House) -> None:
    await house.bring_out("v1")
    place = to_catalog(load_settings(house.settings)).placement("shop", "production")
    proxy = ProxyShifter(house.data / "proxy")
    name, pid = house.starts()[0]
    assert name in (await proxy.read(place)).ready
    before = house.chronicle.last()
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 20)
        os.kill(pid, signal.SIGKILL)
        died = await house.chronicle.wait_type("InstanceTurnedUnhealthy", STREAM, after=before)
        assert died.data["instance"] == name
        assert name not in (await proxy.read(place)).ready
        await house.chronicle.wait_type("InstanceRestarted", STREAM, after=before)
        await house.chronicle.wait_type("InstanceTurnedHealthy", STREAM, after=before)
        done = await house.chronicle.wait_type("ComponentUpdated", STREAM, after=before)
        assert name in (await proxy.read(place)).ready
        answered = load.ok
        await load.wait(lambda one: one.ok > answered + 30)
        assert load.lost == 0, load.told()
    facts = house.chronicle.facts(STREAM, after=before)
    assert [one.type for one in facts] == [
        "InstanceTurnedUnhealthy",
        "ComponentUpdateRequested",
        "InstanceRestarted",
        "InstanceTurnedHealthy",
        "ComponentUpdated",
    ]
    assert (datetime.now(UTC) - facts[0].at).total_seconds() < 30
    assert [one for one, _ in house.starts()].count(name) == 2
    status = await house.ask("ada", "/ops status shop")
    assert "running" in all_text(status)
    assert done.data["version"] == "v1"


async def test_what_another_hand_tells_the_proxy_is_told_and_set_right(house: House) -> None:
    place = to_catalog(load_settings(house.settings)).placement("shop", "production")
    proxy, before = ProxyShifter(house.data / "proxy"), house.chronicle.last()
    ghost = Instance(
        InstanceId("ghost-1"),
        ServiceName("shop"),
        EnvironmentName("production"),
        Version("v9"),
        "127.0.0.1:1",
        0,
        datetime.now(UTC),
        InstanceHealth.HEALTHY,
    )
    await proxy.configure(place, [ghost], {ghost.version: 100})
    assert not (await proxy.read(place)).ready
    found = await house.chronicle.wait_type("RouterChanged", STREAM, after=before)
    assert found.data["sends"] == "nothing"
    await house.chronicle.wait_type("RouterRestored", STREAM, after=before)
    assert (await proxy.read(place)).weights == {Version("v1"): 100}
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 20)
        assert load.lost == 0, load.told()
    message = await house.message("The router of shop in production is not as it was set", "set right")
    assert "The router sends nothing" in all_text(message)
