"""The door: who gets in, what is done once, and how what goes wrong is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from engine.commands import Actor, Approve, Deploy, Request, Response
from engine.deployments.deployment import DeploymentId, PersonId
from engine.errors import EngineError, Invalid, LeaseLost, NotFound, NotNow, PermanentFailure, TemporaryFailure
from engine.failures import Failure
from engine.orchestrator import Handler, Orchestrator, Route
from engine.security.audit import Audit
from engine.security.identity import Directory, Person, SlackTeam, SlackUser
from engine.security.permissions import Permission, Role
from storage.errors import Conflict, NewerSchema, StorageUnavailable
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase


@dataclass(frozen=True, slots=True)
class Look:
    """A query of these tests."""

    service: str = "shop"


@dataclass(frozen=True, slots=True)
class Unheard:
    """A command nobody routes."""


def person(name: str, **roles: Role) -> Person:
    slack = (SlackTeam("T1"), SlackUser(f"U{name.upper()}"))
    return Person(PersonId(name.lower()), name, (slack,), roles=roles)


PEOPLE = [
    person("Ada", production=Role.APPROVER, staging=Role.APPROVER),
    person("Ben", production=Role.APPROVER),
    person("Cleo", production=Role.VIEWER, staging=Role.DEPLOYER),
]


@dataclass
class House:
    """An orchestrator with its surroundings; `answers` are what the handlers answer or raise, in turn."""

    clock: VirtualClock
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    answers: list[Mapping[str, Any] | Exception] = field(default_factory=list)
    handled: list[tuple[Request, Person]] = field(default_factory=list)
    published: list[tuple[Request, Response]] = field(default_factory=list)
    told: list[Failure] = field(default_factory=list)
    fallback: Handler | None = None
    held: asyncio.Event | None = None  # handlers wait for it

    def __post_init__(self) -> None:
        self.audit = Audit(self.database.log, self.clock)
        self.people = list(PEOPLE)
        self.door = Orchestrator(
            self.routes(),
            lambda: Directory(self.people),
            self.audit,
            self.database.claims,
            self.database.records,
            self.publish,
            self.notify,
            now=self.clock,
            sleep=self.clock.sleep,
        )

    def routes(self) -> dict[type, Route]:
        return {
            Deploy: Route("deploy", Permission.DEPLOY, lambda command: command.environment, self.act, audited=True),
            Approve: Route("approve", Permission.APPROVE, self.of_deployment, self.act, audited=True),
            Look: Route("look", None, lambda _: None, self.act, audited=False, fallback=self.fallback),
        }

    async def of_deployment(self, command: Approve) -> str:
        if command.deployment == "d9":
            raise NotFound("There is no deployment d9.")
        return "production"

    async def act(self, request: Request, person: Person) -> Mapping[str, Any]:
        self.handled.append((request, person))
        if self.held is not None:
            await self.held.wait()
        answer = self.answers.pop(0) if self.answers else {"nth": len(self.handled)}
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def publish(self, request: Request, response: Response) -> None:
        self.published.append((request, response))

    async def notify(self, _request: Request, failure: Failure) -> None:
        self.told.append(failure)

    def request(self, command: object, user: str = "UADA", id: str = "r1", **context: str) -> Request:  # noqa: A002
        return Request(id, self.clock(), "chat", Actor("slack", user, "T1"), command, context)

    async def ask(self, command: object, user: str = "UADA", id: str = "r1", **context: str) -> Response:  # noqa: A002
        return await self.door.handle(self.request(command, user, id, **context))


@pytest.fixture
def house(clock: VirtualClock) -> House:
    return House(clock)


DEPLOY = Deploy("shop", "v2", "production")
APPROVE = Approve(DeploymentId("d1"))


async def test_a_request_goes_through_and_is_written_down_and_published(house: House) -> None:
    response = await house.ask(DEPLOY)
    assert (response.ok, response.data, response.request_id) == (True, {"nth": 1}, "r1")
    assert house.handled[0][1].name == "Ada"
    [entry] = await house.audit.recent()
    assert (entry.person, entry.action, entry.verdict, entry.source) == ("ada", "deploy", "allowed", "chat")
    assert entry.subject == "service=shop version=v2 environment=production"
    assert house.published == [(house.handled[0][0], response)]


async def test_a_query_leaves_no_entry(house: House) -> None:
    assert (await house.ask(Look(), "UCLEO")).ok
    assert await house.audit.recent() == []


@pytest.mark.parametrize("command", [DEPLOY, APPROVE])
async def test_who_may_not_is_told_who_may_and_the_try_is_written_down(house: House, command: object) -> None:
    response = await house.ask(command, "UCLEO")
    assert (response.ok, response.kind) == (False, "Denied")
    assert response.error.startswith("Cleo may not ")
    assert response.remedy == "Ask Ada or Ben."
    assert house.handled == []
    [entry] = await house.audit.recent()
    assert (entry.person, entry.verdict, entry.reason) == ("cleo", "denied", response.error)


async def test_the_permission_depends_on_the_environment(house: House) -> None:
    assert (await house.ask(replace(DEPLOY, environment="staging"), "UCLEO")).ok


async def test_strangers_are_refused_and_written_down(house: House) -> None:
    response = await house.ask(DEPLOY, "UNEW")
    assert response.kind == "Unauthenticated"
    assert "people" in response.remedy
    [entry] = await house.audit.recent()
    assert (entry.person, entry.name, entry.verdict) == ("", "slack T1/UNEW", "denied")


async def test_a_guest_is_refused_even_when_named(house: House) -> None:
    assert (await house.ask(DEPLOY, account="guest")).kind == "Unauthenticated"


async def test_roles_are_read_anew_for_each_request(house: House) -> None:
    assert (await house.ask(DEPLOY)).ok
    house.people = [person("Ada", production=Role.VIEWER)]
    assert (await house.ask(DEPLOY, id="r2")).kind == "Denied"


async def test_what_the_environment_is_found_by_may_not_exist(house: House) -> None:
    response = await house.ask(Approve(DeploymentId("d9")))
    assert (response.kind, response.error) == ("NotFound", "There is no deployment d9.")


async def test_bad_shape_is_refused_before_anything_else(house: House) -> None:
    response = await house.ask(replace(DEPLOY, version="v2\x07"), "UNEW")
    assert response.kind == "Invalid"
    assert await house.audit.recent() == []


async def test_unknown_commands_are_refused(house: House) -> None:
    assert (await house.ask(Unheard())).kind == "NotFound"


# Once


async def test_a_repeated_delivery_gets_the_first_answer(house: House) -> None:
    first = await house.ask(DEPLOY)
    house.clock.advance(timedelta(minutes=14))
    assert await house.ask(DEPLOY) == first
    assert len(house.handled) == 1
    assert len(await house.audit.recent()) == 1


async def test_a_double_click_while_the_first_is_worked_on_is_told_so(house: House) -> None:
    house.held = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(house.ask(DEPLOY), name="first click")
        await asyncio.sleep(0)
        second = await house.ask(DEPLOY)
        house.held.set()
    assert (second.kind, len(house.handled)) == ("NotNow", 1)
    assert "taken already" in second.error
    assert await house.ask(DEPLOY) == first.result()


async def test_two_people_may_press_the_same_button(house: House) -> None:
    assert (await house.ask(APPROVE, "UADA", "button")).data == {"nth": 1}
    assert (await house.ask(APPROVE, "UBEN", "button")).data == {"nth": 2}


async def test_after_a_quarter_of_an_hour_an_id_is_new_again(house: House) -> None:
    await house.ask(DEPLOY)
    house.clock.advance(timedelta(minutes=15))
    assert (await house.ask(DEPLOY)).data == {"nth": 2}
    assert len(await house.database.records.all("answers")) == 1


async def test_what_was_not_possible_then_may_be_asked_again(house: House) -> None:
    house.answers = [NotNow("v1 is being deployed.", "Wait.")]
    first = await house.ask(DEPLOY)
    assert (first.kind, first.error, first.remedy) == ("NotNow", "v1 is being deployed.", "Wait.")
    assert (await house.ask(DEPLOY)).ok


async def test_a_refusal_is_an_answer_too(house: House) -> None:
    house.answers = [Invalid("That is no version.", "Name one.", field="version")]
    first = await house.ask(DEPLOY)
    assert (first.kind, first.error, first.remedy, first.field) == (
        "Invalid",
        "That is no version.",
        "Name one.",
        "version",
    )
    assert await house.ask(DEPLOY) == first
    assert [entry.verdict for entry in await house.audit.recent()] == ["denied"]


async def test_what_failed_for_a_moment_may_be_tried_again_under_the_same_id(house: House) -> None:
    house.answers = [TemporaryFailure("The router does not answer.")]
    assert (await house.ask(DEPLOY)).kind == "TemporaryFailure"
    assert (await house.ask(DEPLOY)).data == {"nth": 2}
    assert [entry.verdict for entry in await house.audit.recent()] == ["allowed", "failed"]


async def test_a_denied_try_does_not_use_the_id_up(house: House) -> None:
    await house.ask(DEPLOY, "UCLEO")
    house.people = [person("Cleo", production=Role.DEPLOYER)]
    assert (await house.ask(DEPLOY, "UCLEO")).ok


# What goes wrong


async def test_a_defect_is_told_by_its_reference_only(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.answers = [ZeroDivisionError("the secret=hunter2 formula")]
    response = await house.ask(DEPLOY)
    assert response.kind == "Defect"
    assert response.error.startswith("Something broke on our side, reference ")
    reference = response.error.split()[-1].strip(".")
    assert reference in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "hunter2" not in caplog.text
    assert "ZeroDivisionError" not in response.error + response.remedy
    assert [failure.kind for failure in house.told] == ["Defect"]
    assert [entry.verdict for entry in await house.audit.recent()] == ["failed"]


async def test_a_query_is_asked_once_more_when_that_may_help_soon(house: House) -> None:
    house.answers = [TemporaryFailure("Busy.", retry_after=timedelta(seconds=1)), {"fine": True}]
    began = house.clock()
    assert (await house.ask(Look())).data == {"fine": True}
    assert house.clock() - began == timedelta(seconds=1)


@pytest.mark.parametrize("after", [None, timedelta(minutes=1)])
async def test_nobody_is_kept_waiting_long(house: House, after: timedelta | None) -> None:
    house.answers = [TemporaryFailure("Busy.", retry_after=after)]
    assert (await house.ask(Look())).error == "Busy."
    assert len(house.handled) == 1


async def test_a_deed_is_not_repeated_by_the_door(house: House) -> None:
    house.answers = [TemporaryFailure("Busy.", retry_after=timedelta(seconds=1))]
    assert (await house.ask(DEPLOY)).kind == "TemporaryFailure"
    assert len(house.handled) == 1


async def test_a_query_falls_back_and_says_so(clock: VirtualClock) -> None:
    async def remembered(_request: Request, _person: Person) -> Mapping[str, Any]:
        return {"value": 1}

    house = House(clock, fallback=remembered)
    house.answers = [TemporaryFailure("Prometheus is away.")]
    response = await house.ask(Look())
    assert response.data == {"value": 1, "degraded": "Prometheus is away."}


@pytest.mark.parametrize(
    ("error", "kind", "critical"),
    [
        (PermanentFailure("The disk is full.", "Free some."), "PermanentFailure", True),
        (EngineError("Odd."), "PermanentFailure", True),
        (LeaseLost("This process lost its lease."), "TemporaryFailure", False),
        (TimeoutError(), "TemporaryFailure", False),
        (Conflict("deployment-1", 1, 2), "TemporaryFailure", False),
        (StorageUnavailable("The database is away", "Start it"), "TemporaryFailure", True),
        (NewerSchema("7", "6"), "PermanentFailure", True),
    ],
)
async def test_each_failure_has_its_class(house: House, error: Exception, kind: str, critical: bool) -> None:
    house.answers = [error]
    response = await house.ask(DEPLOY)
    assert response.kind == kind
    assert bool(house.told) is critical
    assert response.error.endswith(".")
    assert "Traceback" not in response.error


async def test_an_answer_that_cannot_be_kept_is_still_given(house: House) -> None:
    house.answers = [{"odd": float("nan")}]
    assert (await house.ask(DEPLOY)).ok
    assert [failure.kind for failure in house.told] == ["Defect"]


async def test_without_a_database_the_answer_says_so(house: House) -> None:
    await house.database.close()
    response = await house.ask(DEPLOY)
    assert (response.ok, response.kind) == (False, "TemporaryFailure")
    assert house.handled == []


async def test_whoever_listens_cannot_break_the_answer(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("listener")

    house.door._publish = broken
    house.door._notify = broken
    assert (await house.ask(DEPLOY)).ok
    assert "could not be told" in caplog.text


# Secrets and views


async def test_a_secret_in_a_command_is_not_logged_and_the_person_is_told(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    secret = "ghp_" + "a1B2" * 9
    response = await house.ask(replace(DEPLOY, version=secret), text=f"deploy shop {secret}")
    assert "Rotate it" in response.data["warning"]
    assert secret not in caplog.text
    assert secret not in str(await house.audit.recent())


async def test_may_tells_help_and_views_what_the_door_will_say(house: House) -> None:
    cleo = Actor("slack", "UCLEO", "T1")
    assert house.door.may(cleo, Permission.DEPLOY, "staging")
    assert not house.door.may(cleo, Permission.DEPLOY, "production")
    assert not house.door.may(Actor("slack", "UNEW", "T1"), Permission.VIEW, None)


async def test_the_scheduler_acts_as_the_system(house: House) -> None:
    request = Request("r1", house.clock(), "schedule", Actor("system", "scheduler"), DEPLOY)
    assert (await house.door.handle(request)).ok
    forged = replace(request, id="r2", source="api")
    assert (await house.door.handle(forged)).kind == "Invalid"


async def test_a_typed_secret_is_repeated_nowhere(house: House) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    house.answers = [Invalid(f"There is no version {secret}.", f"Not {secret}.", field="version")]
    response = await house.ask(Deploy("shop", secret, "production"))
    kept = str(await house.database.records.all("answers"))
    assert secret not in f"{response.error} {response.remedy} {kept}"
    assert "Rotate it" in response.data["warning"]
