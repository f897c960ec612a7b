"""A town whose people come through the single door, and the conditions a place can be in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from bot.routes.permits import PermitRooms, permit_routes
from bot.routes.table import Rooms, build_routes
from engine.catalog import Environment, EnvironmentName
from engine.commands import Actor, Approve, Deploy, Freeze, Lock, MarkVersion, Request, Response
from engine.deployments.deployment import DeploymentId, PersonId
from engine.orchestrator import Orchestrator
from engine.permits.locks import LockTaken
from engine.permits.windows import WEEK, WeeklyWindow
from engine.ports import OpenIncident
from engine.security.audit import Audit
from engine.security.identity import Directory, Person, SlackTeam, SlackUser
from engine.security.permissions import Role
from engine.strategy_specs import CanaryStep, StrategySpec
from tests.fakes.memory_storage import MemoryDatabase
from tests.unit.deployments.world import Town

PRODUCTION = EnvironmentName("production")
AT_ONCE = StrategySpec("at once", "canary", (CanaryStep(100, timedelta(0)),))
REQUESTER, OTHER, ME = PersonId("requester"), PersonId("other"), PersonId("me")


def person(name: PersonId, roles: Mapping[str, Role]) -> Person:
    return Person(name, name.title(), ((SlackTeam("T1"), SlackUser(f"U-{name}")),), roles=roles)


@dataclass
class Scene:
    """One town: v1 ran, v2 runs. `me` has the roles of the case, `requester` and `other` are admins."""

    roles: Mapping[str, Role]
    environment: Environment = field(default_factory=lambda: Environment(PRODUCTION, approvals=1))

    def __post_init__(self) -> None:
        self.town = Town(strategy=AT_ONCE, instances=1, environment=replace(self.environment, windows=()))
        self.town.settle("v1")
        everywhere = {"*": Role.ADMIN}
        people = [person(ME, self.roles), person(REQUESTER, everywhere), person(OTHER, everywhere)]
        self.directory = Directory(people)
        self.door = self._door()

    def _door(self) -> Orchestrator:
        town, nothing = self.town, _nobody()
        rooms = Rooms(
            catalog=town.world.catalog,
            directory=lambda: self.directory,
            desk=town.desk,
            journal=town.journal,
            components=nothing,
            incidents=nothing,
            incident_journal=nothing,
            readings=nothing,
            sessions=nothing,
            board_url="",
            now=town.clock,
        )
        permits = PermitRooms(
            town.world.catalog,
            lambda: self.directory,
            town.permit_desk,
            town.permit_journal,
            town.releases,
            town.clock,
        )
        rest = MemoryDatabase()
        routes = {**build_routes(rooms), **permit_routes(permits)}
        return Orchestrator(
            routes,
            lambda: self.directory,
            Audit(rest.log, town.clock),
            rest.claims,
            rest.records,
            _nothing,
            _nothing,
            now=town.clock,
        )

    async def ask(self, who: PersonId, command: object) -> Response:
        self.town.asked += 1
        actor = Actor("slack", f"U-{who}", "T1")
        return await self.door.handle(Request(f"q{self.town.asked}", self.town.clock.at, "chat", actor, command))

    async def must(self, who: PersonId, command: object) -> Response:
        response = await self.ask(who, command)
        assert response.ok, response
        return response

    async def begin(self) -> None:
        """v2 comes out."""
        planned = await self.must(REQUESTER, Deploy("shop", "v2", "production"))
        await self.must(OTHER, Approve(DeploymentId(planned.data["deployment"])))
        await self.town.run(30)
        assert self.town.world.stable_version == "v2"

    async def plan(self, who: PersonId = REQUESTER) -> DeploymentId:
        """v3 waits for approval; `who` asked for it."""
        planned = await self.town.desk.deploy(self.town.ask(Deploy("shop", "v3", "production")), who)
        return planned.id


def _nobody() -> Any:
    """Stands for the rooms that no command of the table reaches."""
    return SimpleNamespace()


async def _nothing(*_: object) -> None:
    return None


# The conditions


async def free(scene: Scene) -> None:
    """Nothing stands in the way."""


async def locked(scene: Scene) -> None:
    await scene.must(OTHER, Lock("shop", "production", reason="migration"))


async def my_lock(scene: Scene) -> None:
    await scene.town.permit_desk.lock(Lock("shop", "production"), ME)


async def locked_by_itself(scene: Scene) -> None:
    taken = LockTaken(
        scene.town.world.place.service,
        PRODUCTION,
        1,
        PersonId("system"),
        "v9 was taken back.",
        None,
        DeploymentId("d-9"),
    )
    await scene.town.permit_journal.take(taken, at=scene.town.clock.at)


async def frozen(scene: Scene) -> None:
    await scene.must(OTHER, Freeze("", "production", reason="audit"))


async def in_a_window(scene: Scene) -> None:
    always = WeeklyWindow("end of the year", 0, WEEK)
    scene.town.world.environment = replace(scene.environment, windows=(always,))


async def broken(scene: Scene) -> None:
    scene.town.world.incidents = [OpenIncident("inc-1", "Shop fails", scene.town.clock.at)]


async def known_bad(scene: Scene) -> None:
    scene.town.world.environment = replace(scene.environment, known_bad="block")
    await warned(scene)


async def warned(scene: Scene) -> None:
    await scene.must(OTHER, MarkVersion("shop", "v3", bad=True, reason="leaks"))


async def mine(scene: Scene) -> None:
    """Who decides is who asked; see the commands."""


CONDITIONS: Mapping[str, Callable[[Scene], Awaitable[None]]] = {
    one.__name__.replace("_", " "): one
    for one in (free, locked, my_lock, locked_by_itself, frozen, in_a_window, broken, known_bad, warned, mine)
}
