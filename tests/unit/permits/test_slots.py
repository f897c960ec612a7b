"""Only so many deployments run at once; the others wait in line, and nobody gets a slot twice or is left out."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Catalog, Environment, EnvironmentName, HealthCheck, Placement, Service, ServiceName, Version
from engine.deployments.deployment import Deployment, DeploymentId, Outcome, PersonId, Plan, Purpose
from engine.deployments.events import (
    DeploymentCancelled,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentPlanned,
    DeploymentStarted,
)
from engine.deployments.journal import DeploymentJournal
from engine.permits.clearance import Granted, Held
from engine.permits.journal import PermitJournal
from engine.permits.keeper import Keeper
from engine.ports import OpenIncident
from engine.targets import LocalTarget
from tests.fakes.durable import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase
from tests.unit.deployments.world import ROLLING

PRODUCTION, STAGING = EnvironmentName("production"), EnvironmentName("staging")
TARGET = LocalTarget("/x/{version}", ("x",), 80)
NAMES = [ServiceName(f"s{number}") for number in range(6)]


class Calm:
    """No incident is open."""

    async def of(self, service: str, environment: str) -> Sequence[OpenIncident]:
        return ()


class Yard:
    """Many services, each with a deployment that was agreed to."""

    def __init__(self) -> None:
        self.clock, log = VirtualClock(), MemoryDatabase().log
        self.journal = DeploymentJournal(log)
        self.overall: int | None = None
        self.production: int | None = None
        # Two keepers, as two replicas have.
        self.keepers = [Keeper(PermitJournal(log), self.journal, self.catalog, Calm()) for _ in range(2)]

    def catalog(self) -> Catalog:
        places = {
            name: {at: Placement(name, at, TARGET, HealthCheck(), ROLLING) for at in (PRODUCTION, STAGING)}
            for name in NAMES
        }
        services = {name: Service(name, "", "deploys", places[name]) for name in NAMES}
        environments = {PRODUCTION: Environment(PRODUCTION, concurrent=self.production), STAGING: Environment(STAGING)}
        return Catalog(services, environments, self.overall)

    async def plan(self, number: int, environment: EnvironmentName = PRODUCTION, **more: object) -> Deployment:
        plan = Plan(NAMES[number], environment, Version("v2"), "sha256:2", None, 1, ROLLING, 0, False, None)
        planned = DeploymentPlanned(plan, Purpose.DEPLOY, PersonId("ann"))
        id = DeploymentId(f"d-{environment}-{number}")  # noqa: A001
        self.clock.advance(timedelta(seconds=1))
        return await self.journal.begin(id, replace(planned, **more), at=self.clock.at, actor="ann")  # type: ignore[arg-type]

    async def ask(self, deployment: Deployment, replica: int = 0) -> Granted | Held:
        """What the drive does with it: a held one is noted, a granted one begins."""
        found = await self.journal.load(deployment.id)
        answer = await self.keepers[replica].may_begin(found, now=self.clock.at)
        assert isinstance(answer, Granted | Held)
        if isinstance(answer, Granted):
            await self.journal.record(found, DeploymentStarted(), at=self.clock.at)
        elif answer.reason != found.held:
            await self.journal.record(found, DeploymentHeld(answer.reason, answer.in_line), at=self.clock.at)
        return answer

    async def end(self, deployment: Deployment) -> None:
        found = await self.journal.load(deployment.id)
        gone = DeploymentFailed("over") if found.started_at else DeploymentCancelled("", Outcome.ABORTED)
        await self.journal.record(found, gone, at=self.clock.at)


@pytest.fixture
def yard() -> Yard:
    return Yard()


async def test_without_a_limit_nobody_waits(yard: Yard) -> None:
    for number in range(6):
        assert await yard.ask(await yard.plan(number)) == Granted(0)


async def test_the_line_moves_on_by_itself_in_its_order(yard: Yard) -> None:
    yard.overall = 2
    first, second, third, fourth = [await yard.plan(number) for number in range(4)]
    assert [type(await yard.ask(one)) for one in (first, second, third, fourth)] == [Granted, Granted, Held, Held]
    held = await yard.journal.load(fourth.id)
    assert held.held == "2 of 2 deployments run; it is number 2 in line."
    await yard.end(first)
    assert isinstance(await yard.ask(fourth), Held), "it jumped the line"
    assert await yard.ask(third) == Granted(0)
    assert (await yard.journal.load(third.id)).held == ""
    answer = await yard.ask(fourth)
    assert isinstance(answer, Held)
    assert answer.reason == "2 of 2 deployments run; it is the next."


async def test_whoever_leaves_the_line_holds_up_nobody(yard: Yard) -> None:
    yard.overall = 1
    first, second, third = [await yard.plan(number) for number in range(3)]
    for one in (first, second, third):
        await yard.ask(one)
    await yard.end(second)
    await yard.end(first)
    assert await yard.ask(third) == Granted(0)


@pytest.mark.parametrize("seed", range(4))
async def test_two_replicas_that_ask_at_once_never_go_over(yard: Yard, seed: int) -> None:
    yard.overall = 2
    planned = [await yard.plan(number) for number in range(5)]
    answers = await asyncio.gather(*(yard.ask(one, replica=(number + seed) % 2) for number, one in enumerate(planned)))
    assert sum(isinstance(one, Granted) for one in answers) == 2


async def test_asked_again_a_granted_one_keeps_its_slot(yard: Yard) -> None:
    yard.overall = 1
    one, other = await yard.plan(0), await yard.plan(1)
    for replica in (0, 1):  # it was killed between the grant and the begin
        assert await yard.keepers[replica].may_begin(one, now=yard.clock.at) == Granted(0)
    assert isinstance(await yard.ask(other), Held)


async def test_an_environment_has_its_own_limit(yard: Yard) -> None:
    yard.production = 1
    assert await yard.ask(await yard.plan(0)) == Granted(0)
    held = await yard.ask(await yard.plan(1))
    assert isinstance(held, Held)
    assert held.reason == "1 of 1 deployments to production run; it is the next."
    assert await yard.ask(await yard.plan(2, STAGING)) == Granted(0)


async def test_going_back_waits_for_nobody(yard: Yard) -> None:
    yard.overall = 1
    await yard.ask(await yard.plan(0))
    assert await yard.ask(await yard.plan(1, purpose=Purpose.ROLL_BACK)) == Granted(0)
