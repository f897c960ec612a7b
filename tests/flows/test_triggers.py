"""From a webhook to the status at the CI system: the real rooms and a real database, a server that speaks both APIs.

A crash is played by building everything anew on the same database, with nothing of the former process left.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web

from bot.house.triggering import Around, Triggering, build_triggering
from bot.inputs.webhooks.inbox import WAITING
from bot.results.told import COLLECTION
from bot.settings.triggers import ResultsTo, Trigger
from engine.commands import Request, Response
from engine.deployments.deployment import DeploymentId, State
from engine.security.identity import Directory, Person
from engine.security.permissions import Role
from storage.database import PoolSettings, open_database
from tests.fakes.ci_payloads import SECRET, deployment, from_anybody, from_github, from_gitlab, pipeline, workflow_run
from tests.fakes.ci_server import REPOSITORY, SHA, TOKEN, CiServer, Trouble
from tests.unit.api.house import PEOPLE, House, person

SECOND: Final = timedelta(seconds=1)
PATIENCE: Final = 10.0

Json = dict[str, Any]


def triggers(ci: str) -> tuple[Trigger, ...]:
    hub = ResultsTo(ci, TOKEN, "pilothouse/staging", "https://shop.example.com")
    lab = ResultsTo(f"{ci}/api/v4", TOKEN, "pilothouse/staging")
    by_run: Json = {"repository": REPOSITORY, "workflow": "release", "branch": "main", "results": hub}
    return (
        Trigger("runs", "github", SECRET, "shop", "staging", "v2", **by_run),
        Trigger("careful", "github", f"{SECRET} 2", "shop", "production", "v2", **by_run),
        Trigger(
            "created", "github", SECRET, "shop", "staging", "{payload.version}", REPOSITORY, "deployment", results=hub
        ),
        Trigger("lab", "gitlab", SECRET, "shop", "staging", "v2", "acme/web/shop", branch="main", results=lab),
        Trigger("anybody", "generic", SECRET, "shop", "staging"),
    )


@dataclass
class Scene:
    """A house with a CI server. `crash` ends everything that ran and builds it anew on the same database."""

    house: House
    ci: CiServer
    http: aiohttp.ClientSession
    told: list[str] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        people = [person(name, {"*": role}) for name, role in PEOPLE.items()]
        machines = [
            Person(one.name, f"trigger {one.name}", roles={one.environment: Role.DEPLOYER})  # type: ignore[arg-type]
            for one in triggers("")
        ]
        self.house.directory = Directory([*people, *machines])
        self.up = AsyncExitStack()

    async def open(self, door: Any = None) -> None:
        self.parts = self._build(door or self.house.door)
        app = web.Application()
        self.parts.serve(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self.up.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        telling = asyncio.create_task(self.parts.results.run())
        self.up.push_async_callback(_end, telling)

    async def crash(self) -> None:
        await self.up.aclose()
        await self.open()

    def _build(self, door: Any) -> Triggering:
        house = self.house
        around = Around(
            database=house.database,
            session=self.http,
            catalog=lambda: house.catalog,
            door=door,
            deployments=house.journal,
            artifacts=house.artifacts,
            components=house.components,
            tell=self._tell,
            acting=lambda: True,
            board_url="https://ops.example.com",
            now=house.clock,
        )
        return build_triggering(triggers(self.ci.url), (), around)

    async def _tell(self, what: str, remedy: str) -> None:
        self.told.append(f"{what} {remedy}")

    async def post(self, path: str, told: Json) -> tuple[int, Json]:
        async with self.http.post(f"{self.url}/webhooks/{path}", **told) as answer:
            return answer.status, await answer.json()

    async def pass_time(self, time: timedelta) -> None:
        """Let the inbox look every second, and deployments go on."""
        for _ in range(int(time / SECOND)):
            await self.parts.inbox.work(self.house.clock())
            await self.house.durable.run_for(SECOND)

    async def until(self, holds: Callable[[], bool], why: str) -> None:
        """Wait for what arrives over a real connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():  # noqa: ASYNC110  # another process would have to be asked just so
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(why) from None

    async def waiting(self, collection: str) -> dict[str, Json]:
        return await self.house.database.records.all(collection)

    @property
    def commit(self) -> list[str]:
        return [one["state"] for one in self.ci.commit_statuses]


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def a_scene(room: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        database = await open_database(f"sqlite:///{room / 'pilothouse.sqlite'}", pool=PoolSettings())
        stack.push_async_callback(database.close)
        ci = await stack.enter_async_context(CiServer())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        house = House(database=database)  # type: ignore[arg-type]  # the same protocols
        await house.components.register_all(house.clock())
        scene = Scene(house, ci, http)
        stack.push_async_callback(scene.up.aclose)
        await scene.open()
        yield scene


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with a_scene(tmp_path) as opened:
        yield opened


async def deployments(scene: Scene) -> list[Any]:
    return list(await scene.house.journal.recent(limit=20))


async def test_a_run_at_github_deploys_and_its_commit_hears_all_of_it(scene: Scene) -> None:
    status, answer = await scene.post("github", from_github("workflow_run", workflow_run(scene.house.clock())))
    assert (status, answer["requests"]) == (202, ["webhook:runs:run 1001.1"])
    await scene.pass_time(2 * SECOND)
    await scene.until(lambda: "pending" in scene.commit, "the commit did not hear that it began")
    await scene.pass_time(timedelta(minutes=2))
    await scene.until(lambda: scene.commit[-1] == "success", "the commit did not hear of the success")
    (made,) = await deployments(scene)
    assert (made.state, made.requested_by, made.version) == (State.SUCCEEDED, "runs", "v2")
    assert scene.ci.commit_statuses[-1]["target_url"] == f"https://ops.example.com/deployments/{made.id}"
    assert scene.ci.commit_statuses[-1]["description"] == "shop v2 in staging runs"
    assert await scene.waiting(COLLECTION) == {}
    assert await scene.waiting(WAITING) == {}


async def test_people_approve_what_a_trigger_asked_for(scene: Scene) -> None:
    clock = scene.house.clock
    await scene.post("github", from_github("workflow_run", workflow_run(clock()), secret=f"{SECRET} 2"))
    await scene.pass_time(3 * SECOND)
    await scene.until(lambda: bool(scene.commit), "nothing was told")
    assert "waits for approval" in scene.ci.commit_statuses[-1]["description"]
    (made,) = await deployments(scene)
    from engine.commands import Actor, Approve

    answer = await scene.house.door.handle(
        Request("click", clock(), "chat", Actor("slack", "UADA", "T1"), Approve(made.id))
    )
    assert answer.ok
    await scene.pass_time(timedelta(minutes=2))
    await scene.until(lambda: scene.commit[-1] == "success", "the commit did not hear of the success")


async def test_a_deployment_created_at_github_gets_its_statuses(scene: Scene) -> None:
    await scene.post("github", from_github("deployment", deployment(scene.house.clock())))
    await scene.pass_time(3 * SECOND)
    told = scene.ci.deployment_statuses
    await scene.until(lambda: "in_progress" in [one["state"] for one in told], "it did not hear of the progress")
    await scene.pass_time(timedelta(minutes=2))
    await scene.until(lambda: told[-1]["state"] == "success", "it did not hear of the success")
    assert told[-1]["environment_url"] == "https://shop.example.com"


async def test_a_pipeline_at_gitlab_is_moved_only_where_it_can_go(scene: Scene) -> None:
    await scene.post("gitlab", from_gitlab(pipeline(scene.house.clock())))
    await scene.pass_time(3 * SECOND)
    await scene.until(lambda: "running" in scene.ci.gitlab_told, "the pipeline did not hear of the progress")
    await scene.pass_time(timedelta(minutes=2))
    await scene.until(lambda: scene.ci.gitlab_told[-1:] == ["success"], "the pipeline did not hear of the success")
    assert scene.ci.gitlab_told == ["pending", "running", "success"]
    assert not scene.told


async def test_what_is_refused_is_told_at_both_ends(scene: Scene) -> None:
    payload = deployment(scene.house.clock(), payload='{"version": "v77"}')
    await scene.post("github", from_github("deployment", payload))
    await scene.pass_time(SECOND)
    told = scene.ci.deployment_statuses
    await scene.until(lambda: bool(told), "nothing was told")
    assert (told[0]["state"], told[0]["description"]) == ("failure", "shop has no version 'v77'.")
    assert scene.told == ["The trigger created could not deploy: shop has no version 'v77'. Known: v1, v2."]


async def test_what_runs_already_is_a_success(scene: Scene) -> None:
    await scene.post("github", from_github("workflow_run", workflow_run(scene.house.clock())))
    await scene.pass_time(timedelta(minutes=2))
    await scene.until(lambda: scene.commit[-1:] == ["success"], "the first did not succeed")
    again = workflow_run(scene.house.clock(), id=1002)
    await scene.post("github", from_github("workflow_run", again, delivery="d-2"))
    await scene.pass_time(3 * SECOND)
    await scene.until(lambda: "already" in scene.ci.commit_statuses[-1]["description"], "the second was not told")
    assert scene.commit[-1] == "success"
    assert len(await deployments(scene)) == 1
    assert not scene.told


async def test_of_those_that_wait_the_newest_is_deployed(scene: Scene) -> None:
    clock = scene.house.clock
    scene.house.artifacts.contents["shop"] |= {"v3": "three", "v4": "four"}
    for number, version in enumerate(("v1", "v2", "v3", "v4")):
        await scene.post("anybody", from_anybody(clock(), {"version": version}, delivery=f"later {number}"))
        await scene.pass_time(timedelta(minutes=2) if version == "v1" else 2 * SECOND)
    await scene.pass_time(timedelta(minutes=4))
    made = [(str(one.version), one.state) for one in await deployments(scene)]
    assert made == [("v4", State.SUCCEEDED), ("v2", State.SUCCEEDED), ("v1", State.SUCCEEDED)]


async def test_what_was_answered_survives_a_crash(scene: Scene) -> None:
    await scene.post("github", from_github("workflow_run", workflow_run(scene.house.clock())))
    await scene.crash()
    await scene.pass_time(timedelta(minutes=2))
    await scene.until(lambda: scene.commit[-1:] == ["success"], "it was lost")
    assert len(await deployments(scene)) == 1


class Died(BaseException):
    """The process is no more."""


class Dies:
    """A door behind which the process dies as soon as it has answered."""

    def __init__(self, handle: Callable[[Request], Awaitable[Response]]) -> None:
        self._handle = handle

    async def handle(self, request: Request) -> Response:
        await self._handle(request)
        raise Died


async def test_a_crash_between_the_deployment_and_its_note_makes_no_second_one(scene: Scene) -> None:
    await scene.up.aclose()
    await scene.open(Dies(scene.house.door.handle))
    await scene.post("github", from_github("workflow_run", workflow_run(scene.house.clock())))
    with pytest.raises(BaseExceptionGroup):
        await scene.parts.inbox.work(scene.house.clock())
    await scene.crash()
    await scene.pass_time(timedelta(minutes=2))
    await scene.until(lambda: scene.commit[-1:] == ["success"], "it was lost")
    assert len(await deployments(scene)) == 1


async def test_a_crash_while_it_is_told_tells_the_rest_once(scene: Scene) -> None:
    await scene.post("github", from_github("workflow_run", workflow_run(scene.house.clock())))
    await scene.pass_time(2 * SECOND)
    await scene.until(lambda: "pending" in scene.commit, "the commit did not hear that it began")
    scene.ci.troubles.extend([Trouble(502, arrives=True)] * 2)
    await scene.pass_time(timedelta(minutes=2))
    await scene.until(lambda: not scene.ci.troubles or scene.commit[-1] == "success", "nothing was tried")
    scene.ci.troubles.clear()
    await scene.crash()
    scene.house.clock.advance(timedelta(minutes=10))
    await scene.pass_time(SECOND)
    await scene.until(lambda: "success" in scene.commit, "the rest was not told")
    assert scene.commit.count("success") == 1
    (made,) = await deployments(scene)
    assert (await scene.house.journal.load(DeploymentId(made.id))).state is State.SUCCEEDED


async def test_old_deliveries_are_forgotten(scene: Scene) -> None:
    await scene.post("github", from_github("workflow_run", workflow_run(scene.house.clock())))
    scene.house.clock.advance(timedelta(days=9))
    await scene.parts.inbox.sweep(scene.house.clock())
    assert not await scene.parts.inbox.known("github:d-1")


async def test_the_commit_is_the_one_of_the_run(scene: Scene) -> None:
    scene.ci.commits.clear()
    await scene.post("github", from_github("workflow_run", workflow_run(scene.house.clock())))
    await scene.pass_time(3 * SECOND)
    await scene.until(lambda: bool(scene.told), "the operators were not told")
    assert f"No commit found for SHA: {SHA}" in scene.told[0]
