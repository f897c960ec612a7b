"""Deeds without an environment are judged where they will act."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bot.routes.table import Rooms, build_routes
from bot.words import commands
from engine.commands import Abort, Actor, Request, Response, Restart, RollBack
from engine.orchestrator import Orchestrator
from engine.security.audit import Audit
from engine.security.identity import Directory, Person
from engine.security.permissions import Role
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

# Somebody may deploy everywhere but only look at production; another the other way round.
PEOPLE = (
    Person("mostly", "Mo", (("T0", "U1"),), roles={"*": Role.DEPLOYER, "production": Role.VIEWER}),  # type: ignore[arg-type]
    Person("hardly", "Ha", (("T0", "U2"),), roles={"*": Role.VIEWER, "staging": Role.DEPLOYER}),  # type: ignore[arg-type]
)


@dataclass
class Recorder:
    """Stands for the desks: notes what reached them, about which place."""

    done: list[str] = field(default_factory=list)

    async def abort(self, request: Request, person: str) -> Any:
        self.done.append(f"abort {request.command}")
        return _deployment("staging")

    async def roll_back(self, request: Request, person: str) -> Any:
        self.done.append(f"roll back in {request.command.environment}")  # type: ignore[attr-defined]
        return _deployment("staging")

    async def restart(self, place: Any, **_: Any) -> None:
        self.done.append(f"restart in {place}")


def _deployment(environment: str) -> Any:
    plan = SimpleNamespace(service="shop", environment=environment, version="v2")
    state = SimpleNamespace(value="running")
    return SimpleNamespace(id="d-1", plan=plan, state=state, approved=True, service="shop", environment=environment)


class Journal:
    """Deployments in flight, and the last ones, by environment."""

    def __init__(self, *places: str) -> None:
        self.places = places

    async def in_flight(self) -> list[Any]:
        return [_deployment(place) for place in self.places]

    async def latest(self, service: str, environment: str, *, limit: int) -> list[Any]:
        return [SimpleNamespace(environment=place, requested_at=1) for place in self.places if place == environment]


def door(journal: Journal, recorder: Recorder) -> Orchestrator:
    clock = VirtualClock()
    database = MemoryDatabase(clock)
    service = SimpleNamespace(placements={"staging": 1, "production": 2})
    catalog = SimpleNamespace(services={}, service=lambda _: service, placement=lambda _, environment: environment)
    nothing: Any = None
    rooms = Rooms(
        catalog=lambda: catalog,  # type: ignore[arg-type, return-value]
        directory=lambda: Directory(PEOPLE),
        desk=recorder,  # type: ignore[arg-type]
        journal=journal,  # type: ignore[arg-type]
        components=recorder,  # type: ignore[arg-type]
        incidents=nothing,
        incident_journal=nothing,
        readings=nothing,
        sessions=nothing,
        board_url="",
        now=clock,
    )

    async def ignore(*_: object) -> None:
        return None

    return Orchestrator(
        build_routes(rooms),
        lambda: Directory(PEOPLE),
        Audit(database.log, now=clock),
        database.claims,
        database.records,
        ignore,
        ignore,
        now=clock,
    )


async def ask(journal: Journal, user: str, command: object) -> tuple[Response, list[str]]:
    recorder = Recorder()
    request = Request("r-1", VirtualClock()(), "chat", Actor("slack", user, "T0"), command)
    return await door(journal, recorder).handle(request), recorder.done


DEEDS = [commands.AbortByName("shop"), RollBack("shop", ""), Restart("shop", "")]


@pytest.mark.parametrize("command", DEEDS)
async def test_who_may_do_it_there_may_leave_the_environment_out(command: object) -> None:
    for user in ("U1", "U2"):
        answer, done = await ask(Journal("staging"), user, command)
        assert answer.ok, answer
        assert len(done) == 1


@pytest.mark.parametrize("command", DEEDS)
async def test_leaving_the_environment_out_opens_no_other_one(command: object) -> None:
    for user in ("U1", "U2"):
        answer, done = await ask(Journal("production"), user, command)
        assert answer.kind == "Denied"
        assert done == []


@pytest.mark.parametrize("command", DEEDS)
async def test_a_place_that_changes_after_the_door_is_judged_anew(command: object) -> None:
    journal = Journal("staging")
    seen = journal.places

    async def in_flight() -> list[Any]:
        found, journal.places = journal.places, ("production",)
        return [_deployment(place) for place in found]

    async def latest(service: str, environment: str, *, limit: int) -> list[Any]:
        found = [SimpleNamespace(environment=place, requested_at=1) for place in journal.places if place == environment]
        if environment == "production":
            journal.places = ("production",)
        return found

    journal.in_flight, journal.latest = in_flight, latest  # type: ignore[method-assign]
    answer, done = await ask(journal, "U2", command)
    assert seen == ("staging",)
    assert answer.kind == "Denied"
    assert done == []


@pytest.mark.parametrize(
    ("places", "told"),
    [((), "Nothing of shop is being deployed"), (("staging", "production"), "shop is being deployed to staging, prod")],
)
async def test_an_abort_that_could_mean_nothing_or_two_is_asked_back(places: tuple[str, ...], told: str) -> None:
    answer, done = await ask(Journal(*places), "U1", commands.AbortByName("shop"))
    assert told in answer.error
    assert done == []


async def test_an_abort_by_name_reaches_the_desk_by_id() -> None:
    _, done = await ask(Journal("staging"), "U1", commands.AbortByName("shop"))
    assert done == [f"abort {Abort('d-1')}"]  # type: ignore[arg-type]
