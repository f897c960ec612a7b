"""Services in containers through the whole product under load: behind an HAProxy, and behind the built-in proxy."""

from collections.abc import AsyncIterator

import aiodocker
import aiohttp
import pytest
import pytest_asyncio
import yaml

from engine.deployments.deployment import DeploymentId
from tests.fakes import podman
from tests.fakes.haproxy import RealHaproxy, program, running_haproxy
from tests.fakes.house import House, all_text, told_once
from tests.fakes.load import Load
from tests.fakes.prometheus import free_port
from tests.fakes.scene import HOST, Scene

MISSING = podman.missing() or ("" if program() else "HAProxy is not installed (apt install haproxy)")
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("containers"),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]

SCENE = Scene(steps=((50, "500ms"), (100, "500ms")), approval_at=1)
REGISTRY = f"127.0.0.1:{free_port()}/shop"  # nobody answers there


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[podman.Engine]:
    """An engine that has two versions of the shop, as if they were pulled from the registry."""
    async with podman.engine_alone() as made, aiodocker.Docker(url=made.url) as docker:
        for version in ("v1", "v2"):
            built = (await podman.image(made, version)).format(version=version)
            await docker.images.tag(built, REGISTRY, tag=version)
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def haproxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealHaproxy]:
    """An HAProxy of the team's own."""
    async with running_haproxy(tmp_path_factory.mktemp("haproxy")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    engine: podman.Engine, haproxy: RealHaproxy, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """The product, whose shop runs in containers: production behind HAProxy, staging behind the built-in proxy."""
    async with House(tmp_path_factory.mktemp("house"), SCENE) as opened:
        _contain(opened, engine, haproxy)
        await opened.start()
        yield opened


def _contain(house: House, engine: podman.Engine, haproxy: RealHaproxy) -> None:
    file = yaml.safe_load(house.settings.read_text(encoding="utf-8"))
    service = file["services"]["shop"]
    del service["local"], service["environments"]["production"]["port"]
    image = f"{REGISTRY}:{{version}}"
    service["container"] = {"image": image, "container_port": 8080, "engine": engine.url, "stop_timeout": "1s"}
    target = haproxy.target
    service["environments"]["production"]["haproxy"] = {"socket": target.socket, "backend": target.backend}
    house.settings.write_text(yaml.safe_dump(file), encoding="utf-8")


async def answers(port: int) -> str:
    """The version that answers there."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{port}/") as answer:
        return (await answer.text()).strip()


async def only(version: str, port: int) -> bool:
    """Whether several answers in a row are of this version."""
    return {await answers(port) for _ in range(6)} == {version}


def nothing_lost(load: Load) -> None:
    assert (load.lost, load.failed) == (0, 0), load.told()


async def began(house: House, version: str) -> DeploymentId:
    """A deployment to production that two people agreed to."""
    id = await house.deploy("ada", version)  # noqa: A001
    await house.approve("ben", id)
    return id


async def approve_step(house: House, id: DeploymentId) -> None:  # noqa: A002
    """Agree to the step that waits, as soon as the message offers it."""
    paused = await house.message(id, lambda one: "Paused" in one["text"])
    await (await house.person("ben")).click(paused, "deployment.approve")


async def containers(engine: podman.Engine, environment: str = "production") -> dict[str, str]:
    """The names of the placement's containers, by their ids."""
    async with aiodocker.Docker(url=engine.url) as docker:
        shown = [await one.show() for one in await docker.containers.list()]
    names = {one["Id"]: one["Name"].removeprefix("/") for one in shown}
    return {id: name for id, name in names.items() if name.startswith(f"shop-{environment}-")}  # noqa: A001


async def test_a_canary_behind_haproxy_loses_nothing_and_waits_for_a_person(
    house: House, engine: podman.Engine, haproxy: RealHaproxy
) -> None:
    await house.bring_out("v1")
    async with Load(haproxy.port) as load:
        await load.wait(lambda one: one.ok > 20)
        id = await began(house, "v2")  # noqa: A001
        await house.message(id, lambda one: "Paused" in one["text"])
        assert {await answers(haproxy.port) for _ in range(8)} == {"v1", "v2"}
        await approve_step(house, id)
        await house.end_of(id, "DeploymentSucceeded")
        assert await only("v2", haproxy.port)
        nothing_lost(load)
    assert sorted((await containers(engine)).values()) == ["shop-production-v2-1", "shop-production-v2-2"]
    await told_once(house, id, "Succeeded")


async def test_an_image_that_cannot_be_pulled_is_refused_in_the_engine_s_words(
    house: House, engine: podman.Engine
) -> None:
    before, running = house.chronicle.last(), await containers(engine)
    answer = await house.ask("ada", "/ops deploy shop v3 to production")
    assert f"{REGISTRY}:v3 could not be pulled" in all_text(answer)
    assert "connection refused" in all_text(answer)
    assert not [one for one in house.chronicle.facts(after=before) if one.type == "DeploymentPlanned"]
    assert await containers(engine) == running


async def test_killed_in_the_middle_it_goes_on_and_no_container_is_made_twice(
    house: House, engine: podman.Engine, haproxy: RealHaproxy
) -> None:
    async with Load(haproxy.port) as load:
        id = await began(house, "v1")  # noqa: A001
        await house.fall(f"deployment/{id}", "WeightShifted", weight=50)
        begun = {key for key, name in (await containers(engine)).items() if "-v1-" in name}
        await approve_step(house, id)
        await house.end_of(id, "DeploymentSucceeded")
        assert await only("v1", haproxy.port)
        nothing_lost(load)
    after = await containers(engine)
    assert sorted(after.values()) == ["shop-production-v1-1", "shop-production-v1-2"]
    assert begun <= set(after)


async def test_behind_the_built_in_proxy_a_rolling_change_loses_nothing(house: House, engine: podman.Engine) -> None:
    await house.bring_out("v1", "staging")
    async with house.load("staging") as load:
        await load.wait(lambda one: one.ok > 20)
        await house.bring_out("v2", "staging")
        assert await only("v2", house.ports.staging)
        nothing_lost(load)
    assert list((await containers(engine, "staging")).values()) == ["shop-staging-v2-1"]
