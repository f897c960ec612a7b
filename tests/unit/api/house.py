"""The API and the board on the real rooms with everything outside in memory, served on a free loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientSession, CookieJar, web

from alerting.incidents.desk import IncidentDesk
from alerting.incidents.incident import IncidentAlert, PageStep
from alerting.incidents.incident import PersonId as AlertingPersonId
from alerting.incidents.intake import AlertChange, Place
from alerting.incidents.journal import IncidentJournal
from alerting.oncall.escalation import EscalationPolicy
from alerting.oncall.rotation import Rotation
from bot.board.routes import add_pages
from bot.inputs.api.endpoint import Api
from bot.inputs.api.notifications import Notifications
from bot.inputs.api.routes import ROOT, build_api
from bot.inputs.api.summaries import Summaries
from bot.readings.now import AlertRow, Readings
from bot.routes.lifecycle import lifecycle_routes
from bot.routes.permits import PermitRooms, permit_routes
from bot.routes.table import Rooms, build_routes
from bot.routes.trains import TrainRooms, train_routes
from bot.web.access import Access
from engine.catalog import Catalog, Environment, EnvironmentName, HealthCheck, Placement, Service, ServiceName
from engine.commands import Request, Response
from engine.components.desk import LifecycleDesk
from engine.components.health import Outcome
from engine.components.manager import ComponentManager
from engine.deployments.deployment import PersonId
from engine.deployments.desk import DeploymentDesk
from engine.deployments.drive import Drive
from engine.deployments.journal import DeploymentJournal
from engine.deployments.releases import Releases
from engine.failures import Failure
from engine.orchestrator import Orchestrator
from engine.permits.desk import PermitDesk
from engine.permits.journal import PermitJournal
from engine.permits.keeper import Keeper
from engine.ports import FiringAlert, InstanceHealth, MetricSample, OpenIncident
from engine.security.audit import Audit
from engine.security.identity import Directory, Person, SlackTeam, SlackUser
from engine.security.permissions import Role
from engine.security.sessions import Sessions
from engine.security.tokens import Tokens
from engine.strategy_specs import CanaryStep, GateSpec, Pin, StrategySpec
from engine.targets import LocalTarget
from engine.trains.deeds import Yard
from engine.trains.desk import TrainDesk
from engine.trains.drive import TrainDrive
from engine.trains.journal import TrainJournal
from tests.fakes.backups import FakeBackups
from tests.fakes.durable import FakeDurable, VirtualClock
from tests.fakes.hooks import FakeHooks
from tests.fakes.infrastructure import FakeArtifacts, FakeManager, FakeShifter
from tests.fakes.memory_storage import MemoryDatabase

Json = dict[str, Any]
SECOND = timedelta(seconds=1)
PRODUCTION, STAGING = EnvironmentName("production"), EnvironmentName("staging")
GATE = GateSpec("error ratio", "query", query="errors", threshold=0.05, unit="ratio")
CAREFUL = StrategySpec("careful", "canary", (CanaryStep(10, 10 * SECOND), CanaryStep(100, 5 * SECOND)), (GATE,))
PEOPLE = {"ada": Role.APPROVER, "ben": Role.APPROVER, "cleo": Role.VIEWER}


def person(name: str, roles: Mapping[str, Role]) -> Person:
    return Person(PersonId(name), name.title(), ((SlackTeam("T1"), SlackUser(f"U{name.upper()}")),), roles=roles)


def catalog(names: Sequence[str] = ("shop",)) -> Catalog:
    """Each service in both environments; production needs one approval by somebody else."""
    services = {}
    for name in names:
        places = {
            environment: Placement(
                ServiceName(name),
                environment,
                LocalTarget("releases/{version}", ("serve",), 9000),
                HealthCheck(),
                CAREFUL,
            )
            for environment in (PRODUCTION, STAGING)
        }
        services[ServiceName(name)] = Service(ServiceName(name), f"About {name}.", "deploys", places)
    return Catalog(services, {PRODUCTION: Environment(PRODUCTION, approvals=1), STAGING: Environment(STAGING)})


class AllWell:
    """A probe that finds everybody well."""

    async def check(self, address: str, check: HealthCheck) -> Outcome:
        return Outcome(well=True)


class NoIncidents:
    """Nothing is broken."""

    async def of(self, service: str, environment: str) -> Sequence[OpenIncident]:
        return ()


@dataclass
class Metrics:
    """One number for every query, and no alert."""

    value: float = 0.01

    async def instant(self, query: str, at: Any) -> Sequence[MetricSample]:
        return [MetricSample({}, self.value)]

    async def firing(self, labels: Mapping[str, str]) -> Sequence[FiringAlert]:
        return []

    async def evaluated_at(self, rule: str) -> datetime | None:
        return None


@dataclass
class House:
    """`listens_on` and `address` are what the access rules believe; the server itself is always on loopback."""

    listens_on: str = "127.0.0.1"
    address: str = "http://127.0.0.1"
    names: Sequence[str] = ("shop",)
    clock: VirtualClock = field(default_factory=VirtualClock)
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    alerts: list[AlertRow] = field(default_factory=list)
    told: list[Failure] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    url: str = ""

    def __post_init__(self) -> None:
        self.catalog = catalog(self.names)
        people = [person(name, {"*": role}) for name, role in PEOPLE.items()] + [person("dan", {})]
        self.directory = Directory(people)
        self.tokens = Tokens(self.database.records)
        self.sessions = Sessions(self.database.records, self.database.claims)
        self.durable = FakeDurable(self._turn, self.clock)
        self._build_engine()
        self._build_alerting()
        self._build_door()

    def _build_engine(self) -> None:
        log = self.database.log
        self.manager, self.shifter = FakeManager(now=self.clock), FakeShifter()
        self.manager.starts_as = InstanceHealth.HEALTHY
        self.artifacts = FakeArtifacts({name: {"v1": "one", "v2": "two"} for name in self.names})
        self.journal = DeploymentJournal(log)
        self.components = ComponentManager(
            log, self.manager, self.shifter, AllWell(), lambda: self.catalog, now=self.clock
        )
        permits = Keeper(PermitJournal(log), self.journal, lambda: self.catalog, NoIncidents())
        releases = Releases(log)
        self.lifecycle = LifecycleDesk(self.components, self.journal, permits, lambda: self.catalog, now=self.clock)
        self.desk = DeploymentDesk(
            self.journal,
            lambda: self.catalog,
            self.artifacts,
            self.components,
            self.durable,
            permits=permits,
            releases=releases,
            now=self.clock,
        )
        self.drive = Drive(
            self.journal,
            lambda: self.catalog,
            self.manager,
            self.shifter,
            self.components,
            self.metrics,
            self.metrics,
            hooks=FakeHooks(),
            permits=permits,
            releases=releases,
            backups=FakeBackups(self.clock),
            now=self.clock,
        )
        self.train_journal = TrainJournal(log)
        yard = Yard(self.desk, self.journal, releases, self.components, lambda: self.catalog, self.clock)
        self.trains = TrainDesk(self.train_journal, yard, self.durable)
        self.train_drive = TrainDrive(self.train_journal, yard)

    def _build_alerting(self) -> None:
        people = (AlertingPersonId("ben"), AlertingPersonId("ada"))
        self.rotations = {"primary": Rotation("primary", people, self.clock() - timedelta(days=1), "weekly")}
        steps = (PageStep(0, ("schedule:primary",)), PageStep(60, ("person:ada",)))
        policies = {"primary": EscalationPolicy("primary", steps)}
        self.incidents = IncidentJournal(self.database.log)
        self.incident_desk = IncidentDesk(self.incidents, policies, self.rotations, self, self.durable, now=self.clock)

    def _build_door(self) -> None:
        self.readings = Readings(
            lambda: self.catalog,
            self.components,
            self.journal,
            self.incidents,
            self.artifacts,
            lambda: self.alerts,
            lambda: self.rotations,
            now=self.clock,
        )
        rooms = Rooms(
            lambda: self.catalog,
            lambda: self.directory,
            self.desk,
            self.journal,
            self.components,
            self.incident_desk,
            self.incidents,
            self.readings,
            self.sessions,
            self.address,
            self.clock,
        )
        trains = TrainRooms(lambda: self.catalog, lambda: self.directory, self.trains, self.train_journal, "deploys")
        self.door = Orchestrator(
            {
                **build_routes(rooms),
                **lifecycle_routes(self.lifecycle, lambda: self.catalog),
                **permit_routes(self._permit_rooms()),
                **train_routes(trains),
            },
            lambda: self.directory,
            Audit(self.database.log, self.clock),
            self.database.claims,
            self.database.records,
            self._publish,
            self._notify,
            now=self.clock,
        )
        self.access = Access(
            self.tokens,
            self.sessions,
            lambda: self.directory,
            listens_on=self.listens_on,
            address=self.address,
            now=self.clock,
        )
        log = self.database.log
        summaries = Summaries(log, lambda: self.catalog, self.journal, self.incidents)
        self.api = Api(
            self.access,
            self.door,
            self.readings,
            self.journal,
            self.incidents,
            log,
            summaries,
            Notifications(log),
            lambda: self.catalog,
            lambda: self.directory,
            self.clock,
        )

    def _permit_rooms(self) -> PermitRooms:
        log = self.database.log
        journal = PermitJournal(log)
        desk = PermitDesk(journal, self.journal, lambda: self.catalog, self.durable, now=self.clock)
        return PermitRooms(lambda: self.catalog, lambda: self.directory, desk, journal, Releases(log), self.clock)

    def pin(self, pin: Pin) -> None:
        """From now on requests that carry this go to the new version, everywhere."""
        services = {}
        for name, service in self.catalog.services.items():
            places = {
                environment: replace(place, strategy=replace(place.strategy, pin=pin))
                for environment, place in service.placements.items()
            }
            services[name] = replace(service, placements=places)
        self.catalog = replace(self.catalog, services=services)

    async def changes(self, since: Any) -> Sequence[Any]:
        """No change is suspect."""
        return []

    async def _turn(self, subject: str) -> timedelta | None:
        turns = {"deployment/": self.drive.turn, "train/": self.train_drive.turn}
        take = next((turn for prefix, turn in turns.items() if subject.startswith(prefix)), None)
        return await take(subject) if take else timedelta(hours=1)

    async def _publish(self, request: Request, response: Response) -> None:
        pass

    async def _notify(self, request: Request, failure: Failure) -> None:
        self.told.append(failure)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[House]:
        """Serve on a free port; closing it closes the event streams."""
        await self.components.register_all(self.clock())
        app = web.Application()
        app.add_subapp(ROOT, build_api(self.api))
        add_pages(app, self.access)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port())
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _port(self) -> int:
        return int(self.url.rpartition(":")[2]) if self.url else 0

    async def tend(self) -> None:
        """One health check everywhere."""
        for place in self.components.sized().placements():
            await self.components.check(place)

    async def token(self, name: str = "ada") -> Json:
        """Headers of a program of that person."""
        text, _ = await self.tokens.create(PersonId(name), "tests", at=self.clock())
        return {"Authorization": f"Bearer {text}"}

    async def session(self, name: str = "ada") -> str:
        """The text of a signed-in browser's cookie."""
        code = await self.sessions.new_code(PersonId(name), at=self.clock())
        text, _ = await self.sessions.redeem(code, at=self.clock())
        return text

    async def fire(self, name: str = "HighErrors", **labels: str) -> str:
        """An alert fires and opens an incident; its id."""
        alert = IncidentAlert(name, name, {"alertname": name, "service": "shop", **labels}, {}, 0.5, self.clock())
        await self.incident_desk.take([AlertChange("firing", alert)], Place(name, "incidents", "primary"))
        return str((await self.incidents.open_incidents())[0].id)


@dataclass
class Client:
    """A program that asks `house`, with the headers of `person`'s token unless told otherwise."""

    house: House
    http: ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, Json]:
        async with self.http.get(f"{self.house.url}{ROOT}{path}", headers=headers) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: Any = None, person: str = "ada", **headers: str) -> tuple[int, Json]:
        sent = {**await self.house.token(person), **headers}
        async with self.http.post(f"{self.house.url}{ROOT}{path}", json=body, headers=sent) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def a_client(house: House) -> AsyncIterator[Client]:
    """The house served, and somebody who asks it."""
    async with house.serving(), ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        yield Client(house, http)
