"""A part that is away, at the start and in the middle: nothing is lost, nothing done twice, and everybody is told."""

import json
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from engine.deployments.journal import subject_of
from tests.fakes import postgres
from tests.fakes.house import House, about, all_text, has_button, told_once
from tests.fakes.scene import ERROR_RATIO, HEALTHY, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("away")]

Houses = Callable[..., Awaitable[House]]
QUICK = Scene(steps=((100, "300ms"),))


async def ready(house: House) -> tuple[int, dict[str, object]]:
    """What /readyz says."""
    async with aiohttp.ClientSession() as session, session.get(f"{house.board}/readyz") as answer:
        return answer.status, await answer.json()


async def test_without_prometheus_a_gate_holds_the_canary_until_a_person_decides(houses: Houses) -> None:
    house = await houses(Scene(steps=((50, "1s"), (100, "1s")), gates=(ERROR_RATIO, HEALTHY)))
    await house.start()
    await house.bring_out("v1")
    async with house.load() as load:
        id = await house.deploy("ada", "v2")  # noqa: A001
        await house.approve("ben", id)
        paused = await house.chronicle.wait_type("DeploymentPaused", subject_of(id))
        assert "could not be asked" in paused.data["reason"]
        message = await house.message(id, lambda one: has_button(one, "deployment.resume"))
        assert "Traceback" not in all_text(message)
        await house.open_prometheus()
        await load.wait(lambda one: one.versions["v2"] > 150)
        await (await house.person("ben")).click(message, "deployment.resume")
        await house.end_of(id, "DeploymentSucceeded", within=60)
        assert load.lost == 0, load.told()


async def test_prometheus_that_goes_and_comes_back_is_waited_for(houses: Houses) -> None:
    house = await houses(Scene(steps=((50, "6s"), (100, "1s")), gates=(ERROR_RATIO, HEALTHY)))
    await house.open_prometheus()
    await house.start()
    await house.bring_out("v1")
    async with house.load() as load:
        id = await house.deploy("ada", "v2")  # noqa: A001
        await house.approve("ben", id)
        await house.chronicle.wait_type("WeightShifted", subject_of(id))
        await house.close_prometheus()
        await house.chronicle.wait(lambda one: one.type == "ProgressSeen" and '"error"' in json.dumps(one.data))
        await house.open_prometheus()
        last = await house.chronicle.wait(
            lambda one: one.stream == subject_of(id) and one.type in {"DeploymentSucceeded", "DeploymentPaused"}
        )
        assert last.type == "DeploymentSucceeded", last
        assert load.lost == 0, load.told()


async def test_with_the_workspace_away_at_the_start_people_are_told_when_it_comes(houses: Houses) -> None:
    house = await houses(QUICK)
    await house.start()
    id = await house.deploy("ada", "v1")  # noqa: A001
    await house.stop()
    await house.close_workspace()
    await house.start(connected=False)
    assert await ready(house) == (200, {"status": "ready", "chat": "away", "acting": True})
    await house.open_workspace()
    await house.workspace.app_connected()
    await house.approve("ben", id)
    await house.end_of(id, "DeploymentSucceeded")
    await told_once(house, id, "Succeeded")


async def test_with_the_workspace_away_in_the_middle_the_work_goes_on_and_is_told_later(houses: Houses) -> None:
    house = await houses(Scene(steps=((10, "500ms"), (100, "500ms"))))
    await house.start()
    await house.bring_out("v1")
    async with house.load() as load:
        id = await house.deploy("ada", "v2")  # noqa: A001
        await house.approve("ben", id)
        await house.chronicle.wait_type("StepEntered", subject_of(id))
        await house.close_workspace()
        await house.end_of(id, "DeploymentSucceeded")
        await house.open_workspace()
        await told_once(house, id, "Succeeded")
        assert load.lost == 0, load.told()


async def test_an_answer_that_is_lost_on_the_way_makes_no_second_message(houses: Houses) -> None:
    house = await houses(QUICK)
    await house.start()
    faults = house.workspace.faults
    faults.answer("chat.postMessage", "drop_after")
    faults.answer("chat.update", "ratelimited", retry_after=1)
    id = await house.bring_out("v1")  # noqa: A001
    await told_once(house, id, "Succeeded")


async def test_a_database_that_goes_and_comes_back_loses_and_doubles_nothing(houses: Houses, postgres_url: str) -> None:
    scene = Scene(steps=((10, "2s"), (100, "500ms")), acquire_timeout="500ms")
    house = await houses(scene, database_url=postgres_url)
    await house.start()
    await house.bring_out("v1")
    server = postgres.shared_server()
    async with house.load() as load:
        id = await house.deploy("ada", "v2")  # noqa: A001
        await house.approve("ben", id)
        await house.chronicle.wait_type("WeightShifted", subject_of(id))
        server.cut_off(postgres_url)
        try:
            ada = await house.person("ada")
            mark = ada.mark()
            await ada.command("deploys", "/ops status")
            refused = await house.private(ada, since=mark)
            assert "Traceback" not in all_text(refused)
            assert "database" in all_text(refused).lower()
            assert (await ready(house))[0] == 503
            before = load.ok
            await load.wait(lambda one: one.ok > before + 60)
        finally:
            server.let_in(postgres_url)
        await house.end_of(id, "DeploymentSucceeded", within=60)
        assert load.lost == 0, load.told()
    kinds = [one.type for one in house.chronicle.of(id)]
    for kind in ("DeploymentStarted", "PromotionStarted", "DeploymentSucceeded"):
        assert kinds.count(kind) == 1
    await told_once(house, id, "Succeeded")
    assert house.pid


async def test_a_database_that_is_away_at_the_start_is_told_and_nothing_begins(
    houses: Houses, postgres_url: str
) -> None:
    house = await houses(QUICK, database_url=postgres_url)
    server = postgres.shared_server()
    server.cut_off(postgres_url)
    try:
        await house.launch()
        assert await house.ended() == 1
    finally:
        server.let_in(postgres_url)
    assert "Traceback" not in house.tail()
    assert "database" in house.tail().lower()
    assert postgres.PASSWORD not in (house.room / "house.log").read_text()
    await house.kill()
    await house.start()
    id = await house.bring_out("v1")  # noqa: A001
    messages = await (await house.person("ada")).messages("deploys")
    assert len(about(messages, subject_of(id))) == 1
