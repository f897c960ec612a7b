"""A component manager with its surroundings in memory."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from engine.catalog import Catalog, Environment, EnvironmentName, HealthCheck, Placement, Service, ServiceName, Version
from engine.components.health import Outcome
from engine.components.lifecycle import Component, Seen
from engine.components.manager import ComponentManager
from engine.ports import InstanceHealth, InstanceId
from engine.strategy_specs import StrategySpec
from engine.targets import LocalTarget
from storage.events import Event, NewEvent
from tests.fakes.clock import VirtualClock
from tests.fakes.infrastructure import FakeManager, FakeShifter
from tests.fakes.memory_storage import MemoryDatabase

SHOP = ServiceName("shop")
PRODUCTION = EnvironmentName("production")
SECOND = timedelta(seconds=1)
PLACE = Placement(
    SHOP,
    PRODUCTION,
    LocalTarget("releases/{version}.json", ("serve",), 9480, instances=2),
    HealthCheck(interval=SECOND, unhealthy_after=2, grace=timedelta(seconds=5)),
    StrategySpec("quick", "rolling"),
)
CATALOG = Catalog(
    {SHOP: Service(SHOP, "A shop.", "deploys", {PRODUCTION: PLACE})}, {PRODUCTION: Environment(PRODUCTION)}
)
V1, V2 = Version("v1"), Version("v2")


def name(version: str, ordinal: int) -> InstanceId:
    return InstanceId(f"shop-production-{version}-{ordinal}")


def stored(event: NewEvent, version: int, at: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> Event:
    """The event as the log would give it back."""
    stream = "component-shop-production"
    return Event(0, "", stream, version, event.type, event.data, at, event.actor, event.correlation, event.priority)


def unhealthy(instance: str, health: InstanceHealth, version: str = "v1") -> NewEvent:
    data = {"instance": instance, "version": version, "health": health, "reason": "because"}
    return NewEvent(Seen.UNHEALTHY, data)


class FakeProbe:
    """Everything is well but what is in `ill`, by address. `asked` counts."""

    def __init__(self) -> None:
        self.ill: set[str] = set()
        self.asked = 0

    async def check(self, address: str, check: HealthCheck) -> Outcome:
        self.asked += 1
        return Outcome(well=False, reason=f"{check.path} answered 503.") if address in self.ill else Outcome(well=True)


@dataclass
class House:
    """`manager` is under test; `effects` is what it did to the infrastructure, in order."""

    clock: VirtualClock
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    effects: list[tuple[str, ...]] = field(default_factory=list)
    probe: FakeProbe = field(default_factory=FakeProbe)

    def __post_init__(self) -> None:
        self.instances = FakeManager(self.effects, now=self.clock)
        self.shifter = FakeShifter(self.effects)
        self.catalog = CATALOG
        self.start_again()

    def start_again(self) -> None:
        """What a new process begins with: the log, and instances that went on running."""
        self.manager = ComponentManager(
            self.database.log,
            self.instances,
            self.shifter,
            self.probe,
            lambda: self.catalog,
            now=self.clock,
        )

    async def deploy(self, version: Version, deployment: str) -> None:
        """As a deployment would, up to the end."""
        await self.begin(version, deployment)
        old = [one for one in await self.instances.observe(PLACE) if one.version != version]
        await self.instances.start(PLACE, version, [0, 1])
        new = [one for one in await self.instances.observe(PLACE) if one.version == version]
        await self.shifter.configure(PLACE, new, {version: 100})
        await self.instances.stop(PLACE, [one.id for one in old])
        await self.check()
        await self.manager.finish(PLACE, version, deployment=deployment, at=self.clock())
        self.effects.clear()

    async def begin(self, version: Version, deployment: str) -> None:
        await self.manager.begin(PLACE, version, deployment=deployment, at=self.clock())

    async def check(self, times: int = 1, every: timedelta = SECOND) -> Component:
        for _ in range(times):
            self.clock.advance(every)
            await self.manager.check(PLACE)
        return await self.component()

    async def component(self) -> Component:
        found = await self.manager.component("shop", "production")
        assert found is not None
        return found

    def kill(self, instance: InstanceId, note: str = "Ended by SIGKILL.") -> None:
        self.instances.judge(instance, InstanceHealth.DEAD, note)

    async def address(self, instance: InstanceId) -> str:
        return next(one.address for one in await self.instances.observe(PLACE) if one.id == instance)

    async def told(self) -> list[str]:
        """The types of the component's events since it was deployed, in order."""
        types = [event.type for event in await self.database.log.read("component-shop-production")]
        ends = [nth for nth, one in enumerate(types) if one in {"ComponentDeployed", "ComponentUpdated"}]
        return types[ends[0] + 1 :] if ends else types

    async def during(self, work: Awaitable[object]) -> list[tuple[str, ...]]:
        """What `work` did to the infrastructure."""
        self.effects.clear()
        await work
        return list(self.effects)


def with_instances(place: Placement, count: int) -> Placement:
    return replace(place, target=replace(place.target, instances=count))
