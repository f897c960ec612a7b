"""A component's life in chat: scaled under load, stopped, started, and found again after an absence."""

import os
import signal

import pytest

from bot.settings import load_settings
from bot.settings.domain import to_catalog
from engine.infrastructure.balancers.proxy import ProxyShifter
from tests.fakes.house import House, all_text, has_button
from tests.fakes.scene import Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("lifecycle")]

SCENE = Scene(steps=((100, "100ms"),), instances=1)
STREAM = "component-shop-production"


async def ready(house: House) -> set[str]:
    place = to_catalog(load_settings(house.settings)).placement("shop", "production")
    return {str(one) for one in (await ProxyShifter(house.data / "proxy").read(place)).ready}


def instances(number: int, version: str = "v1") -> set[str]:
    return {f"shop-production-{version}-{ordinal}" for ordinal in range(1, number + 1)}


async def scale(house: House, number: int) -> None:
    before = house.chronicle.last()
    answer = await house.ask("ada", f"/ops scale shop in production to {number}")
    assert f"Scaling shop in production to {number}" in answer["text"]
    await house.chronicle.wait_type("ComponentScaled", STREAM, after=before)


async def test_more_and_fewer_under_load_without_a_failed_request(house: House) -> None:
    await house.bring_out("v1")
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 20)
        await scale(house, 3)
        assert await ready(house) == instances(3)
        answered = load.ok
        await load.wait(lambda one: one.ok > answered + 30)
        await scale(house, 2)
        assert await ready(house) == instances(2)
        answered = load.ok
        await load.wait(lambda one: one.ok > answered + 30)
        assert (load.lost, load.failed) == (0, 0), load.told()
    told = await house.message("Scale shop in production from 3 to 2", "done")
    assert "<@U0ADA>" in all_text(told)
    await house.message("Scale shop in production from 1 to 3", "done")
    assert "2 of 2 healthy" in all_text(await house.ask("ada", "/ops status shop"))


async def test_the_next_deployment_keeps_the_chosen_number(house: House) -> None:
    id = await house.bring_out("v2")  # noqa: A001
    assert house.chronicle.deployment(id).plan.instances == 2
    assert await ready(house) == instances(2, "v2")


async def test_what_cannot_be_is_refused_with_what_to_do(house: House) -> None:
    assert "has 2 instances already" in (await house.ask("ada", "/ops scale shop production 2"))["text"]
    assert "too many" in (await house.ask("ada", "/ops scale shop production to 5000"))["text"]
    assert "/ops stop shop production" in (await house.ask("ada", "/ops scale shop production to 0"))["text"]
    assert "Stop it first" in (await house.ask("ada", "/ops unregister shop production"))["text"]
    assert "runs already" in (await house.ask("ada", "/ops start shop production"))["text"]
    assert "may not" in (await house.ask("cleo", "/ops stop shop production"))["text"]


async def test_a_stop_asks_first_and_a_start_brings_all_back(house: House) -> None:
    unanswered = await house.ask("ada", "/ops stop shop production")
    await confirmed(house, "stop", "component.stop", "ComponentStopped")
    assert await ready(house) == set()
    done = await house.message("Stop shop in production", "done")
    assert "/ops start shop production" in all_text(done)
    assert "stopped" in all_text(await house.ask("ada", "/ops status shop"))
    starts = len(house.starts())

    before = house.chronicle.last()
    assert "Starting shop in production" in (await house.ask("ben", "/ops start shop production"))["text"]
    await house.chronicle.wait_type("ComponentDeployed", STREAM, after=before)
    assert await ready(house) == instances(2, "v2")
    assert len(house.starts()) == starts + 2
    async with house.load() as load:
        await load.wait(lambda one: one.ok > 20)
        assert (load.lost, load.failed) == (0, 0), load.told()
    ada = await house.person("ada")
    mark = ada.mark()
    await ada.click(unanswered, "component.stop")
    assert "This was decided" in (await house.private(ada, since=mark))["text"]
    assert await ready(house) == instances(2, "v2")


async def test_what_is_gone_at_the_start_comes_back_and_nobody_else_is_blamed(house: House) -> None:
    await house.kill()
    for name, pid in house.starts()[-2:]:
        os.kill(pid, signal.SIGKILL)
        (house.data / "instances" / f"{name}.json").unlink()
    before = house.chronicle.last()
    await house.start()
    await house.chronicle.wait_type("ComponentUpdated", STREAM, after=before)
    gone = [one for one in house.chronicle.facts(STREAM, after=before) if one.type == "InstanceVanished"]
    assert {one.data["reason"] for one in gone} == {"It was gone when Pilothouse started."}
    assert await ready(house) == instances(2, "v2")


async def test_a_stopped_one_is_deployed_again_or_unregistered(house: House) -> None:
    await confirmed(house, "stop", "component.stop", "ComponentStopped")
    id = await house.bring_out("v1")  # noqa: A001
    assert house.chronicle.deployment(id).plan.previous is None
    assert await ready(house) == instances(2)
    await confirmed(house, "stop", "component.stop", "ComponentStopped")
    await confirmed(house, "unregister", "component.unregister", "ComponentUnregistered")
    assert "shop in production" not in all_text(await house.ask("ada", "/ops status shop"))
    assert "`v1`" in all_text(await house.ask("ada", "/ops history shop production"))


async def confirmed(house: House, verb: str, action: str, end: str) -> None:
    """Type it, press the button of the answer, and wait for its end."""
    before = house.chronicle.last()
    ada = await house.person("ada")
    question = await house.ask("ada", f"/ops {verb} shop production")
    assert has_button(question, action), question["text"]
    mark = ada.mark()
    await ada.click(question, action)
    await house.private(ada, since=mark)
    await house.chronicle.wait_type(end, STREAM, after=before)
