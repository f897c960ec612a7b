"""Several services over worlds of their own, with real desks and drives: what trains run on in tests."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.catalog import Catalog, Environment, EnvironmentName, Placement, Service, ServiceName, Version
from engine.commands import Actor, Request, TrainId
from engine.deployments.deployment import Deployment
from engine.deployments.desk import DeploymentDesk, id_for
from engine.deployments.drive import Drive
from engine.deployments.journal import PREFIX as DEPLOYMENTS
from engine.deployments.journal import DeploymentJournal
from engine.deployments.releases import Releases
from engine.errors import LeaseLost
from engine.permits.desk import PermitDesk
from engine.permits.journal import PermitJournal
from engine.permits.keeper import Keeper
from engine.ports import (
    Artifact,
    FiringAlert,
    Instance,
    InstanceHealth,
    InstanceId,
    MetricSample,
    OpenIncident,
    Spot,
    Standing,
    TrafficReading,
)
from engine.trains.deeds import Yard
from engine.trains.desk import TrainDesk
from engine.trains.drive import TrainDrive
from engine.trains.journal import TrainJournal
from engine.trains.train import Train
from tests.fakes.backups import FakeBackups
from tests.fakes.durable import FakeDurable, VirtualClock
from tests.fakes.hooks import FakeHooks
from tests.fakes.memory_storage import MemoryDatabase
from tests.unit.deployments.world import ROLLING, MortalLog, Run, World

OPEN = Environment(EnvironmentName("production"), incident_freeze=False, lock_after_rollback=False)
TWO_AGREE = replace(OPEN, approvals=1)


@dataclass(slots=True)
class ServiceWorld(World):
    """A world of one service of a name of its own."""

    name: str = "shop"
    says: Callable[[], None] | None = None

    @property
    def place(self) -> Placement:
        shop: Placement = World.place.fget(self)  # type: ignore[attr-defined]
        return replace(shop, service=ServiceName(self.name))

    def moment(self) -> None:
        if self.says is not None:
            self.says()

    def _run(self, version: Version, ordinal: int) -> None:
        name = InstanceId(f"{self.name}-{self.environment.name}-{version}-{ordinal}")
        run = self.runs.get(name)
        if run is not None and self._health(run) is not InstanceHealth.DEAD:
            return
        self.pids += 1
        port, service = f"127.0.0.1:{self.pids}", ServiceName(self.name)
        started, starting = self.clock.at, InstanceHealth.STARTING
        self.runs[name] = Run(
            Instance(name, service, self.environment.name, version, port, self.pids, started, starting)
        )


class Rail:
    """The rooms over the worlds of `services` (name → what it depends on), each of which runs v1 already."""

    def __init__(self, services: Mapping[str, tuple[str, ...]], environment: Environment = OPEN) -> None:
        self.clock = VirtualClock()
        self.environment = environment
        self.depends_on = dict(services)
        self.kill_at: int | None = None
        self.moments = 0
        self.worlds = {
            name: ServiceWorld(
                self.clock, strategy=ROLLING, instances=1, environment=environment, name=name, says=self.moment
            )
            for name in services
        }
        self.database = MemoryDatabase()
        log = MortalLog(self.database.log, self.moment)
        self.journal = DeploymentJournal(log)  # type: ignore[arg-type]
        self.releases = Releases(log)  # type: ignore[arg-type]
        self.trains = TrainJournal(log)  # type: ignore[arg-type]
        permits = PermitJournal(log)  # type: ignore[arg-type]
        self.keeper = Keeper(permits, self.journal, self.catalog, self)
        rest = {"permits": self.keeper, "releases": self.releases, "now": self.clock}
        self.drive = Drive(
            self.journal, self.catalog, self, self, self, self, self,
            hooks=FakeHooks(), backups=FakeBackups(self.clock), **rest,  # type: ignore[arg-type]
        )  # fmt: skip
        self.durable = FakeDurable(self._turn, self.clock)
        self.desk = DeploymentDesk(self.journal, self.catalog, self, self, self.durable, **rest)  # type: ignore[arg-type]
        self.permit_desk = PermitDesk(permits, self.journal, self.catalog, self.durable, now=self.clock)
        yard = Yard(self.desk, self.journal, self.releases, Book(self), self.catalog, self.clock, self.may_act)
        self.train_drive = TrainDrive(self.trains, yard)
        self.train_desk = TrainDesk(self.trains, yard, self.durable)
        self.asked = 0
        self.lost = False
        self.order: list[str] = []  # what each place came to run, in order
        for world in self.worlds.values():
            _settle(world)
        self.clock.advance(timedelta(minutes=1))

    async def may_act(self) -> None:
        """Whether this process may still act."""
        if self.lost:
            raise LeaseLost("Another process took over.")

    async def _turn(self, subject: str) -> timedelta | None:
        deployments = self.train_desk.following(self.drive.turn)
        take = deployments if subject.startswith(DEPLOYMENTS) else self.train_drive.turn
        return await take(subject)

    def moment(self) -> None:
        """A point at which a kill may strike."""
        self.moments += 1
        if self.moments == self.kill_at:
            raise Killed

    def catalog(self) -> Catalog:
        services = {
            ServiceName(name): Service(
                ServiceName(name),
                "",
                "deploys",
                {self.environment.name: replace(world.place, environment=self.environment.name)},
                tuple(map(ServiceName, self.depends_on[name])),
            )
            for name, world in self.worlds.items()
        }
        return Catalog(services, {self.environment.name: self.environment})

    def request(self, command: object, name: str = "") -> Request:
        self.asked += 1
        return Request(name or f"r{self.asked}", self.clock.at, "chat", Actor("slack", "U1", "T1"), command)

    async def run(self, seconds: float) -> None:
        await self.durable.run_for(timedelta(seconds=seconds))

    async def at(self, train: Train | TrainId) -> Train:
        return await self.trains.load(train if isinstance(train, str) else train.id)

    async def deployment(self, train: Train, service: str) -> Deployment | None:
        return await self.journal.find(id_for(f"{train.id}:{service}"))

    def runs(self) -> dict[str, str | None]:
        """The stable version of each service."""
        return {name: world.stable_version for name, world in self.worlds.items()}

    # -- the ports of the engine, each answered by the world of the place

    def _of(self, place: Spot) -> ServiceWorld:
        return self.worlds[place.service]

    async def versions(self, place: Placement) -> Sequence[Version]:
        return await self._of(place).versions(place)

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        return await self._of(place).artifact(place, version)

    async def observe(self, place: Placement) -> Sequence[Instance]:
        return await self._of(place).observe(place)

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        await self._of(place).start(place, version, ordinals)

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        await self._of(place).stop(place, instances)

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        await self._of(place).configure(place, instances, weights)

    async def read(self, place: Placement) -> TrafficReading:
        return await self._of(place).read(place)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        return await self._of(place).drained(place, instances)

    async def component(self, service: str, environment: str) -> Standing | None:
        return await self.worlds[service].component(service, environment)

    async def stable(self, place: Placement) -> Version | None:
        return await self._of(place).stable(place)

    async def begin(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        await self._of(place).begin(place, version, deployment=deployment, at=at)

    async def finish(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        await self._of(place).finish(place, version, deployment=deployment, at=at)
        told = f"{place.service} {version}"
        self.order += [] if self.order[-1:] == [told] else [told]

    async def fail(self, place: Spot, reason: str, *, deployment: str, at: datetime, restored: bool) -> None:
        await self._of(place).fail(place, reason, deployment=deployment, at=at, restored=restored)

    async def instant(self, query: str, at: datetime) -> Sequence[MetricSample]:
        return []

    async def firing(self, labels: Mapping[str, str]) -> Sequence[FiringAlert]:
        return []

    async def evaluated_at(self, rule: str) -> datetime | None:
        return self.clock()

    async def of(self, service: str, environment: str) -> Sequence[OpenIncident]:
        return []


@dataclass(slots=True)
class Book:
    """The book of components, as trains use it."""

    rail: Rail

    async def stable(self, place: Placement) -> Version | None:
        return await self.rail.stable(place)

    async def observe(self, place: Placement) -> Sequence[Instance]:
        return await self.rail.observe(place)

    async def stop(self, place: Placement, *, by: str, at: datetime) -> object:
        """All of it ends at once, and nothing is stable."""
        world = self.rail.worlds[place.service]
        world.stable_version, world.weights, world.routed = None, {}, ()
        for run in world.runs.values():
            run.dead = True
        self.rail.order.append(f"{place.service} stopped by {by}")
        return None


class Killed(Exception):
    """The process ends here, as by kill -9."""


def _settle(world: World) -> None:
    world.stable_version = Version("v1")
    world._run(Version("v1"), 1)
    world.weights, world.routed = {Version("v1"): 100}, tuple(world.runs)
