"""Whole deployments on a real control plane, by the engine's own loop: each strategy finds its way through a router."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.catalog import Catalog, Environment, Placement, Service, Version
from engine.commands import Deploy
from engine.deployments.deployment import Deployment, State
from engine.deployments.desk import DeploymentDesk
from engine.deployments.drive import Drive
from engine.permits.keeper import Keeper
from engine.ports import Instance
from engine.strategy_specs import CanaryStep, Pin, StrategySpec
from tests.fakes.durable import FakeDurable
from tests.fakes.hooks import FakeHooks
from tests.fakes.kubernetes_shop import Shop, another_second, kubernetes_shop
from tests.unit.deployments.world import ANN, Town, World

MOMENT = timedelta(milliseconds=100)
DEADLINE = timedelta(seconds=30)
CANARY = StrategySpec(
    "careful", "canary", steps=(CanaryStep(25, MOMENT), CanaryStep(100, MOMENT)), progress_deadline=DEADLINE
)
ROLLING = StrategySpec("rolling", "rolling", max_surge=1, max_unavailable=0, progress_deadline=DEADLINE)
BLUE_GREEN = StrategySpec("switch", "blue-green", dwell=MOMENT, keep_old=MOMENT, progress_deadline=DEADLINE)
RECREATE = StrategySpec("apart", "recreate", dwell=MOMENT, progress_deadline=DEADLINE)


@dataclass(slots=True)
class Book:
    """The component book of a world, with what really runs."""

    shop: Shop
    world: World

    async def observe(self, place: Placement) -> Sequence[Instance]:
        return await self.shop.platform.manager.observe(place)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)


@dataclass(slots=True)
class Yard:
    """The engine over a shop on the cluster."""

    shop: Shop
    town: Town
    desk: DeploymentDesk
    durable: FakeDurable
    look: Callable[[], object] = lambda: None  # called after each turn

    async def deploy(self, version: str) -> Deployment:
        """A deployment taken to its end, in real time."""
        planned = await self.desk.deploy(self.town.ask(Deploy("shop", version, "production")), ANN)
        async with asyncio.timeout(40):
            while self.durable.running:
                await self.durable.run_until(datetime.now(UTC))
                assert not self.durable.failures
                await asyncio.sleep(0.02)
        return await self.town.journal.load(planned.id)

    async def runs(self) -> list[str]:
        seen = await self.shop.platform.manager.observe(self.shop.place)
        return [one.id.removeprefix("shop-production-") for one in seen]

    async def weights(self) -> dict[Version, int]:
        return dict((await self.shop.platform.shifter.read(self.shop.place)).weights)


@asynccontextmanager
async def yard(strategy: StrategySpec, router: str, instances: int = 2, preview: str = "") -> AsyncIterator[Yard]:
    gateway = router == "gateway"
    shown = {"service": "" if gateway else "shop", "preview_service": preview}
    async with kubernetes_shop(gateway=gateway, router=router, **shown) as shop:
        if not gateway:
            shop.hands.service("shop")
        shop.place = replace(shop.with_target(instances=instances), strategy=strategy)
        free = Environment(shop.place.environment)
        service = Service(shop.place.service, "", "deploys", {free.name: shop.place})
        catalog = Catalog({service.name: service}, {free.name: free})
        town = Town()
        town.clock.at = datetime.now(UTC)
        book, w, platform = Book(shop, town.world), town.world, shop.platform
        permits = Keeper(town.permit_journal, town.journal, lambda: catalog, w)
        rest: dict[str, Any] = {"permits": permits, "releases": town.releases, "now": town.clock}
        drive = Drive(
            town.journal,
            lambda: catalog,
            platform.manager,
            platform.shifter,
            book,
            w,
            w,
            hooks=FakeHooks(),
            backups=town.backups,
            **rest,
        )

        async def turn(subject: str) -> timedelta | None:
            wait = await drive.turn(subject)
            made.look()
            return wait

        durable = FakeDurable(turn, town.clock)
        desk = DeploymentDesk(town.journal, lambda: catalog, platform.artifacts, book, durable, **rest)
        made = Yard(shop, town, desk, durable)
        yield made


@pytest.mark.parametrize(
    ("strategy", "router", "instances"),
    [
        (CANARY, "gateway", 2),
        (ROLLING, "replicas", 3),
        (BLUE_GREEN, "service", 2),
        (RECREATE, "service", 1),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
async def test_a_new_version_takes_over(strategy, router, instances) -> None:
    async with yard(strategy, router, instances) as made:
        first = await made.deploy("v1")
        assert (first.state, first.reason) == (State.SUCCEEDED, "")
        second = await made.deploy("v2")
        assert (second.state, second.reason) == (State.SUCCEEDED, "")
        assert await made.runs() == [f"v2-{ordinal}" for ordinal in range(1, instances + 1)]
        assert await made.weights() == {"v2": 100}


async def test_a_crash_loop_goes_back_in_the_words_of_the_platform() -> None:
    async with yard(CANARY, "gateway") as made:
        await made.deploy("v1")
        broken = await made.deploy("v2-crashes")
        assert broken.state is State.ROLLED_BACK
        assert "v2-crashes keeps ending by itself (3 times)" in broken.reason
        assert "CrashLoopBackOff: back-off 10s restarting failed container" in broken.reason
        assert (await made.runs(), await made.weights()) == (["v1-1", "v1-2"], {"v1": 100})


async def test_an_image_that_is_not_there_goes_back_when_its_time_is_over() -> None:
    impatient = replace(CANARY, progress_deadline=timedelta(seconds=2))
    async with yard(impatient, "gateway") as made:
        await made.deploy("v1")
        broken = await made.deploy("v2-unpullable")
        assert broken.state is State.ROLLED_BACK
        assert "ImagePullBackOff: Back-off pulling image" in broken.reason
        assert (await made.runs(), await made.weights()) == (["v1-1", "v1-2"], {"v1": 100})


@pytest.mark.parametrize("router", ["gateway", "service"])
async def test_a_blue_green_is_previewed_before_its_switch_and_nobody_after_it(router) -> None:
    async with yard(BLUE_GREEN, router, preview="preview") as made:
        await made.deploy("v1")
        shown: list[str] = []

        def look() -> None:
            services = made.shop.hands.core.list_namespaced_service(made.shop.hands.namespace).items
            preview = [one for one in services if one.metadata.name == "preview"]
            shown.extend(one.spec.selector["pilothouse.dev/version"] for one in preview)

        made.look = look
        await another_second()  # a cluster tells the age of what it has in whole seconds
        second = await made.deploy("v2")
        assert (second.state, await made.weights()) == (State.SUCCEEDED, {"v2": 100})
        assert list(dict.fromkeys(shown)) == ["v2", ""]


@pytest.mark.parametrize("version", ["v2", "v2-crashes"])
async def test_a_pin_lives_as_long_as_its_deployment(version) -> None:
    pinned = replace(CANARY, pin=Pin("cookie", "try", "new"))
    async with yard(pinned, "gateway") as made:
        await made.deploy("v1")
        rules: list[int] = []
        made.look = lambda: rules.append(len(made.shop.hands.read_route()["spec"]["rules"]))
        done = await made.deploy(version)
        assert (done.state is State.SUCCEEDED) == (version == "v2")
        assert (max(rules), rules[-1]) == (2 if version == "v2" else 1, 1)
