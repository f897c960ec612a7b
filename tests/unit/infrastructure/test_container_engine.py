"""An engine that says what a test wants: pulls, conflicts, silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.errors import NotFound, PermanentFailure, TemporaryFailure
from engine.infrastructure.container import manager as manager_module
from engine.infrastructure.container.api import Apis, Patience
from engine.infrastructure.container.images import Images
from engine.infrastructure.container.manager import ContainerManager
from engine.strategy_specs import StrategySpec
from engine.targets import ContainerTarget

V1, V2 = Version("v1"), Version("v2")
ID = "sha256:" + "a" * 64
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Scripted:
    """Answers of an engine, by method and path; what is not scripted is missing."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "engine.sock"
        self.answers: dict[tuple[str, str], Answering] = {}
        self.asked: list[str] = []
        self.images = {"registry.example/shop:v1"}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/version":
            return web.json_response({"ApiVersion": "1.41"})
        path = request.path.removeprefix("/v1.41/")
        self.asked.append(f"{request.method} {path}")
        for (method, start), answer in self.answers.items():
            if request.method == method and path.startswith(start):
                return await answer(request)
        return self._images(path)

    def _images(self, path: str) -> web.Response:
        if path == "images/json":
            return web.json_response([{"Id": ID, "RepoTags": sorted(self.images)}])
        name = path.removeprefix("images/").removesuffix("/json")
        if name in self.images:
            return web.json_response({"Id": ID})
        return web.json_response({"message": f"No such image: {name}"}, status=404)

    def says(self, method: str, start: str, status: int, message: str) -> None:
        """Answer calls that start so with an error."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response({"message": message}, status=status)

        self.answers[method, start] = answer

    def pulls(self, *lines: dict[str, str], gives: str = "") -> None:
        """Answer a pull with these lines; the image is there afterwards."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            for line in lines:
                await asyncio.sleep(0)
                await response.write(web.json_response(line).body + b"\n")  # type: ignore[operator]
            if gives:
                self.images.add(gives)
            return response

        self.answers["POST", "images/create"] = answer


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Scripted]:
    made = Scripted(tmp_path)
    runner = web.ServerRunner(web.Server(made.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(made.socket)).start()
    yield made
    await runner.cleanup()


@pytest.fixture
def place(tmp_path: Path) -> Placement:
    target = ContainerTarget(
        image="registry.example/shop:{version}",
        container_port=8080,
        port=80,
        engine=f"unix://{tmp_path / 'engine.sock'}",
    )
    names = ServiceName("shop"), EnvironmentName("production")
    return Placement(*names, target, HealthCheck(), StrategySpec("all", "rolling"))


@pytest.fixture
async def apis() -> AsyncIterator[Apis]:
    made = Apis()
    yield made
    await made.close()


@pytest.fixture
def images(apis: Apis) -> Images:
    return Images(apis)


@pytest.fixture
def manager(apis: Apis, images: Images, monkeypatch: pytest.MonkeyPatch) -> ContainerManager:
    monkeypatch.setattr(manager_module, "_BREATH", timedelta(0))
    return ContainerManager(apis, images)


async def test_a_version_that_is_not_there_is_pulled_once(scripted: Scripted, place: Placement, images: Images):
    scripted.pulls({"status": "Downloading"}, {"status": "Done"}, gives="registry.example/shop:v2")
    found = await asyncio.gather(*(images.artifact(place, V2) for _ in range(5)))
    assert {one.digest for one in found} == {ID}
    assert scripted.asked.count("POST images/create") == 1
    assert await images.versions(place) == ("v1", "v2")


@pytest.mark.parametrize("told", ["in the stream", "by status"])
async def test_what_the_registry_has_not_is_not_found(scripted: Scripted, place: Placement, images: Images, told: str):
    if told == "by status":
        scripted.says("POST", "images/create", 404, "manifest unknown")
    else:
        scripted.pulls({"status": "Pulling"}, {"error": "manifest unknown", "status": ""})
    with pytest.raises(NotFound) as missing:
        await images.artifact(place, Version("v11"))
    assert missing.value.field == "version"
    assert missing.value.suggestion == "v1"
    assert "manifest unknown" in missing.value.reason


async def test_a_registry_that_is_away_is_a_trouble(scripted: Scripted, place: Placement, images: Images):
    scripted.pulls({"error": "dial tcp: lookup registry.example: no such host"})
    with pytest.raises(TemporaryFailure, match="no such host"):
        await images.artifact(place, V2)


async def test_a_slow_pull_has_a_deadline_and_blocks_nobody(scripted: Scripted, place: Placement):
    apis = Apis(Patience(pull=timedelta(milliseconds=300)))
    images, begun, never = Images(apis), asyncio.Event(), asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        begun.set()
        await never.wait()
        raise AssertionError

    scripted.answers["POST", "images/create"] = hang
    slow = asyncio.create_task(images.artifact(place, V2), name="slow pull")
    await begun.wait()
    assert (await images.artifact(place, V1)).digest == ID
    assert not slow.done()
    with pytest.raises(TemporaryFailure, match=r"within 0\.3 s"):
        await slow
    await apis.close()


async def test_start_says_who_has_not_the_image(scripted: Scripted, place: Placement, manager: ContainerManager):
    scripted.pulls({"error": "manifest unknown"})
    scripted.says("GET", "containers/", 404, "No such container")
    scripted.says("DELETE", "containers/", 404, "No such container")
    with pytest.raises(PermanentFailure) as failed:
        await manager.start(place, V2, [1])
    assert "shop-production-v2-1 could not be started" in failed.value.reason
    assert "Push that version first" in failed.value.remedy


async def test_a_name_that_others_keep_taking_is_a_trouble(
    scripted: Scripted, place: Placement, manager: ContainerManager
):
    scripted.says("GET", "containers/", 404, "No such container")
    scripted.says("DELETE", "containers/", 404, "No such container")
    scripted.says("POST", "containers/create", 409, "Conflict. The container name is already in use")
    with pytest.raises(TemporaryFailure, match="somebody else"):
        await manager.start(place, V1, [1])
    assert scripted.asked.count("POST containers/create") == 5


@pytest.mark.parametrize(
    ("status", "kind"), [(500, TemporaryFailure), (503, TemporaryFailure), (400, PermanentFailure)]
)
async def test_a_failed_call_is_told_with_its_words(
    scripted: Scripted, place: Placement, manager: ContainerManager, status: int, kind: type[Exception]
):
    scripted.says("GET", "containers/json", status, "the disk is full")
    with pytest.raises(kind, match="the disk is full"):
        await manager.observe(place)


async def test_a_silent_engine_is_a_trouble(scripted: Scripted, place: Placement):
    apis, never = Apis(Patience(answer=timedelta(milliseconds=50))), asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        await never.wait()
        raise AssertionError

    scripted.answers["GET", "containers/json"] = hang
    with pytest.raises(TemporaryFailure, match="did not list containers"):
        await ContainerManager(apis, Images(apis)).observe(place)
    await apis.close()


async def test_an_engine_that_is_away_is_a_trouble(place: Placement, manager: ContainerManager, images: Images):
    for call in (manager.observe(place), manager.start(place, V1, [1]), images.artifact(place, V1)):
        with pytest.raises(TemporaryFailure, match="does not answer") as failed:
            await call
        assert "`engine`" in failed.value.remedy


async def test_an_address_that_is_none_is_said(place: Placement, manager: ContainerManager):
    wrong = replace(place, target=replace(place.on(ContainerTarget), engine="/var/run/docker.sock"))
    with pytest.raises(PermanentFailure, match="no address of a container engine"):
        await manager.observe(wrong)
