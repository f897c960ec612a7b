"""A small world to deploy in: instances that take time, a router that lags, rules checked at each effect."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from engine.backups.specs import BackupSpec
from engine.catalog import (
    Catalog,
    Environment,
    EnvironmentName,
    Figure,
    HealthCheck,
    Placement,
    Service,
    ServiceName,
    Version,
)
from engine.commands import Actor, Request
from engine.deployments.deployment import Deployment, PersonId
from engine.deployments.desk import DeploymentDesk
from engine.deployments.drive import Drive
from engine.deployments.journal import DeploymentJournal
from engine.deployments.releases import Releases
from engine.deployments.strategies import strategy_of
from engine.errors import NotFound, PermanentFailure, TemporaryFailure
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
from engine.strategy_specs import CanaryStep, GateSpec, StrategySpec
from engine.targets import LocalTarget
from storage.events import Card, CardChange, Event, EventLog, NewEvent, Snapshot
from tests.fakes.backups import FakeBackups
from tests.fakes.durable import FakeDurable, VirtualClock
from tests.fakes.hooks import FakeHooks
from tests.fakes.memory_storage import MemoryDatabase

ANN, BEN, CID = PersonId("ann"), PersonId("ben"), PersonId("cid")
SECOND = timedelta(seconds=1)
GATE = GateSpec(
    name="errors",
    kind="query",
    query='sum(rate(errors{service="{service}",version="{version}"}[{window}]))',
    comparison="<",
    threshold=0.01,
    unit="ratio",
)
CANARY = StrategySpec(
    name="careful",
    kind="canary",
    steps=(CanaryStep(10, 10 * SECOND), CanaryStep(50, 10 * SECOND), CanaryStep(100, 5 * SECOND)),
    gates=(GATE,),
    progress_deadline=timedelta(minutes=2),
)
ROLLING = StrategySpec(
    name="rolling", kind="rolling", max_surge=1, max_unavailable=0, progress_deadline=timedelta(minutes=2)
)
BLUE_GREEN = StrategySpec(
    name="switch",
    kind="blue-green",
    gates=(GATE,),
    dwell=5 * SECOND,
    keep_old=20 * SECOND,
    progress_deadline=timedelta(minutes=2),
)
RECREATE = StrategySpec(
    name="apart", kind="recreate", gates=(GATE,), dwell=5 * SECOND, progress_deadline=timedelta(minutes=2)
)


class Killed(Exception):
    """The process ends here, as by kill -9."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a version behaves: seconds to be healthy, dying after, ill every other so many seconds, a refused start,
    its error ratio (None: no data)."""

    healthy_after: float = 1.0
    dies_after: float | None = None
    flaps: float | None = None
    refuses: str = ""
    errors: float | None = 0.0


@dataclass(slots=True)
class Run:
    instance: Instance
    dead: bool = False


@dataclass(slots=True)
class World:
    """All ports of the engine at once. Rules broken at any effect are collected in `broken`."""

    clock: VirtualClock
    strategy: StrategySpec = CANARY
    backup: BackupSpec | None = None
    colour: str = "blue"  # a setting of what runs, as an environment variable
    instances: int = 2
    environment: Environment = field(default_factory=lambda: Environment(EnvironmentName("production"), approvals=1))
    behaviour: dict[str, Behaviour] = field(default_factory=dict)
    gates: bool = True
    runs: dict[InstanceId, Run] = field(default_factory=dict)
    weights: dict[Version, int] = field(default_factory=dict)
    routed: tuple[InstanceId, ...] = ()
    shifted_at: datetime | None = None
    lag: float = 0.0  # seconds until the router does what it is told
    told: tuple[dict[Version, int], tuple[InstanceId, ...], datetime] | None = None  # what it will do, and when
    draining: float = 0.5
    stable_version: Version | None = None
    standing: Standing | None = None
    book: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    alerts: list[FiringAlert] = field(default_factory=list)
    incidents: list[OpenIncident] = field(default_factory=list)
    hung: set[str] = field(default_factory=set)  # alive, and answering nothing, however often they are started
    hung_pids: set[int] = field(default_factory=set)  # the same, until they are started anew
    away: set[str] = field(default_factory=set)  # of manager, router, metrics, alerts
    requests: int = 0
    floor: int = 0
    apart: bool = False  # whether two versions may never run at once
    kill_at: int | None = None  # the effect before (even) or after (odd) which the process dies
    moments: int = 0
    pids: int = 100

    # -- what the settings say

    @property
    def place(self) -> Placement:
        return Placement(
            service=ServiceName("shop"),
            environment=self.environment.name,
            target=LocalTarget(
                artifact="/x/{version}",
                command=("x",),
                port=80,
                instances=self.instances,
                environment={"COLOUR": self.colour},
            ),
            health=HealthCheck(),
            strategy=self.strategy,
            figures=(Figure("Errors", 'errors{version="{version}"}', "ratio"),),
            backup=self.backup,
        )

    def catalog(self) -> Catalog:
        service = Service(ServiceName("shop"), "", "deploys", {self.environment.name: self.place})
        return Catalog({service.name: service}, {self.environment.name: self.environment})

    # -- dying

    def moment(self) -> None:
        """A point at which a kill may strike."""
        self.moments += 1
        if self.kill_at is not None and self.moments == self.kill_at:
            raise Killed

    # -- artifacts

    async def versions(self, place: Placement) -> Sequence[Version]:
        return [Version("v1"), Version("v2"), Version("v3")]

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        if version not in await self.versions(place):
            raise NotFound("no such path", field="version")
        return Artifact(version, f"sha256:{version}")

    # -- instances

    def _of(self, version: str) -> Behaviour:
        return self.behaviour.get(version, Behaviour())

    def _health(self, run: Run) -> InstanceHealth:
        age = (self.clock.at - run.instance.started_at).total_seconds()
        like = self._of(run.instance.version)
        if run.dead or (like.dies_after is not None and age >= like.dies_after):
            return InstanceHealth.DEAD
        if age < like.healthy_after:
            return InstanceHealth.STARTING
        if run.instance.id in self.hung or run.instance.pid in self.hung_pids:
            return InstanceHealth.UNHEALTHY
        ill = like.flaps is not None and int((age - like.healthy_after) / like.flaps) % 2 == 1
        return InstanceHealth.UNHEALTHY if ill else InstanceHealth.HEALTHY

    def seen(self) -> list[Instance]:
        found = [replace(run.instance, health=self._health(run)) for run in self.runs.values()]
        return [replace(one, note="exit code 1") if one.health is InstanceHealth.DEAD else one for one in found]

    async def observe(self, place: Placement) -> Sequence[Instance]:
        self._need("manager")
        return self.seen()

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        self._need("manager")
        if self._of(version).refuses:
            raise PermanentFailure(self._of(version).refuses)
        self.moment()
        beside = [name for name in self.running() if f"-{version}-" not in name]
        if self.apart and beside:
            self.broken.append(f"{version} started beside {beside}")
        for ordinal in ordinals:
            self._run(version, ordinal)
        self.effects.append(f"start {version} {','.join(map(str, ordinals))}")
        self.moment()

    def _run(self, version: Version, ordinal: int) -> None:
        name = InstanceId(f"shop-{self.environment.name}-{version}-{ordinal}")
        run = self.runs.get(name)
        if run is not None and self._health(run) is not InstanceHealth.DEAD:
            return
        self.pids += 1
        self.runs[name] = Run(
            Instance(
                id=name,
                service=ServiceName("shop"),
                environment=self.environment.name,
                version=version,
                address=f"127.0.0.1:{self.pids}",
                pid=self.pids,
                started_at=self.clock.at,
                health=InstanceHealth.STARTING,
            )
        )

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        self._need("manager")
        self.moment()
        ready, before = set(self._ready()), self.serving()
        for one in instances:
            if one in ready:
                self.broken.append(f"stopped {one} while it takes requests")
            self.runs.pop(one, None)
        self._check_floor(before, self.serving(), f"stopping {sorted(instances)}")
        self.effects.append(f"stop {','.join(sorted(instances))}")
        self.moment()

    def kill(self, name: str) -> None:
        self.runs[InstanceId(name)].dead = True

    def running(self) -> list[str]:
        return sorted(one.id for one in self.seen() if one.health is not InstanceHealth.DEAD)

    # -- the router

    def _obey(self) -> None:
        """Do what was told, once the lag is over."""
        if self.told is not None and self.clock.at >= self.told[2]:
            self.weights, self.routed, self.shifted_at = self.told[0], self.told[1], self.clock.at
            self.told = None

    def serving(self) -> int:
        """How many instances are well and have a share of the requests."""
        self._obey()
        return self._serving(self.weights, self.routed)

    def _serving(self, weights: Mapping[Version, int], routed: Collection[InstanceId]) -> int:
        well = {one.id: one.version for one in self.seen() if one.health is InstanceHealth.HEALTHY}
        return sum(weights.get(well[one], 0) > 0 for one in routed if one in well)

    def _check_floor(self, before: int, after: int, what: str) -> None:
        if after < min(before, self.floor):
            self.broken.append(f"{after} serve after {what}, the floor is {self.floor}")

    def _ready(self) -> list[InstanceId]:
        self._obey()
        well = {one.id for one in self.seen() if one.health is InstanceHealth.HEALTHY}
        return [one for one in self.routed if one in well]

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        self._need("router")
        self.moment()
        well = {one.version for one in self.seen() if one.health is InstanceHealth.HEALTHY}
        for version, weight in weights.items():
            if weight > self.weights.get(version, 0) and version not in well:
                self.broken.append(f"{weight} % to {version}, of which nothing is healthy")
        routed = tuple(one.id for one in instances)
        present = self.told or (self.weights, self.routed)
        if dict(weights) != present[0] or set(routed) != set(present[1]):
            self.effects.append("route " + " ".join(f"{version}={weight}" for version, weight in weights.items()))
            self._check_floor(self.serving(), self._serving(weights, routed), self.effects[-1])
            self.told = (dict(weights), routed, self.clock.at + timedelta(seconds=self.lag))
        self._obey()
        self.moment()

    async def read(self, place: Placement) -> TrafficReading:
        self._need("router")
        self.requests += 10
        self._obey()
        return TrafficReading(dict(self.weights), tuple(self._ready()), self.requests, 0)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        self._need("router")
        if self.shifted_at is None:
            return True
        return (self.clock.at - self.shifted_at).total_seconds() >= self.draining

    # -- components

    async def component(self, service: str, environment: str) -> Standing | None:
        return self.standing

    async def stable(self, place: Placement) -> Version | None:
        return self.stable_version

    async def begin(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        self.moment()
        self.book.append(f"begin {version}")
        self.moment()

    async def finish(self, place: Placement, version: Version, *, deployment: str, at: datetime) -> None:
        self.moment()
        self.stable_version = version
        self.book.append(f"finish {version}")
        self.moment()

    async def fail(self, place: Spot, reason: str, *, deployment: str, at: datetime, restored: bool) -> None:
        self.moment()
        self.book.append(f"fail restored={restored}")
        self.moment()

    # -- metrics and alerts

    async def instant(self, query: str, at: datetime) -> Sequence[MetricSample]:
        self._need("metrics")
        version = next((one for one in ("v1", "v2", "v3") if f'version="{one}"' in query), "")
        value = self._of(version).errors
        return [] if value is None else [MetricSample({}, value)]

    async def firing(self, labels: Mapping[str, str]) -> Sequence[FiringAlert]:
        self._need("alerts")
        return self.alerts

    async def evaluated_at(self, rule: str) -> datetime | None:
        self._need("alerts")
        return self.clock()

    async def of(self, service: str, environment: str) -> Sequence[OpenIncident]:
        self._need("incidents")
        return self.incidents

    def _need(self, part: str) -> None:
        if part in self.away:
            raise TemporaryFailure(f"The {part} does not answer.")


@dataclass(slots=True)
class MortalLog:
    """The log, with a moment to die at on both sides of every write."""

    inner: EventLog
    moment: Callable[[], None]

    async def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected: int,
        at: datetime,
        card: CardChange | None = None,
    ) -> list[Event]:
        self.moment()
        written = await self.inner.append(stream, events, expected=expected, at=at, card=card)
        self.moment()
        return written

    async def read(self, stream: str, *, after: int = 0) -> list[Event]:
        return await self.inner.read(stream, after=after)

    async def read_all(self, *, after: int = 0, limit: int = 500, stream_prefix: str = "") -> list[Event]:
        return await self.inner.read_all(after=after, limit=limit, stream_prefix=stream_prefix)

    async def last_position(self) -> int:
        return await self.inner.last_position()

    async def card(self, stream: str) -> Card | None:
        return await self.inner.card(stream)

    async def cards(
        self,
        kind: str,
        *,
        key: str | None = None,
        open: bool | None = None,  # noqa: A002
        limit: int = 100,
    ) -> list[Card]:
        return await self.inner.cards(kind, key=key, open=open, limit=limit)

    async def snapshot(self, stream: str) -> Snapshot | None:
        return await self.inner.snapshot(stream)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await self.inner.save_snapshot(snapshot)


class Town:
    """The engine's rooms wired up over a world."""

    def __init__(self, **world: object) -> None:
        self.clock = VirtualClock()
        self.world = World(self.clock, **world)  # type: ignore[arg-type]
        self.log = MemoryDatabase().log
        self.journal = DeploymentJournal(MortalLog(self.log, self.world.moment))  # type: ignore[arg-type]
        w = self.world
        mortal = MortalLog(self.log, self.world.moment)
        self.releases = Releases(mortal)  # type: ignore[arg-type]
        self.permit_journal = PermitJournal(mortal)  # type: ignore[arg-type]
        self.keeper = Keeper(self.permit_journal, self.journal, w.catalog, w)
        rest = {"permits": self.keeper, "releases": self.releases, "now": self.clock}
        self.backups = FakeBackups(self.clock)
        self.drive = Drive(self.journal, w.catalog, w, w, w, w, w, hooks=FakeHooks(), backups=self.backups, **rest)  # type: ignore[arg-type]
        self.durable = FakeDurable(self.drive.turn, self.clock)
        self.desk = DeploymentDesk(self.journal, w.catalog, w, w, self.durable, **rest)  # type: ignore[arg-type]
        self.permit_desk = PermitDesk(self.permit_journal, self.journal, w.catalog, self.durable, now=self.clock)
        self.asked = 0

    def ask(self, command: object, request: str = "") -> Request:
        self.asked += 1
        actor = Actor("slack", "U1", "T1")
        return Request(request or f"r{self.asked}", self.clock.at, "chat", actor, command)

    def settle(self, version: str = "v1") -> None:
        """`version` runs already, alone and well, at the start of the test."""
        w = self.world
        w.stable_version = Version(version)
        for ordinal in range(1, w.instances + 1):
            w._run(Version(version), ordinal)
        w.weights = {Version(version): 100}
        w.routed = tuple(w.runs)
        self.clock.advance(timedelta(minutes=1))
        w.floor = strategy_of(w.strategy.kind).floor(w.strategy, w.instances)
        w.apart = w.strategy.kind == "recreate"

    async def run(self, seconds: float) -> None:
        await self.durable.run_for(timedelta(seconds=seconds))

    async def at(self, deployment: Deployment) -> Deployment:
        return await self.journal.load(deployment.id)
