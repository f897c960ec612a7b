"""Whole deployments on ECS and on Lambda: the engine's own loop over the real managers and routers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from engine.catalog import Environment, EnvironmentName, Placement, Version
from engine.commands import Abort, Deploy
from engine.deployments.deployment import Deployment, Outcome, State
from engine.infrastructure.aws.ecs_fleet import where
from engine.infrastructure.platform import Platform
from engine.ports import Artifact, Instance, InstanceHealth, InstanceId, TrafficReading
from engine.strategy_specs import StrategySpec
from engine.targets import EcsTarget
from tests.fakes.aws_shop import EcsShop, LambdaShop, ecs_shop, lambda_shop, push, versioned
from tests.unit.deployments import world as worlds
from tests.unit.deployments.world import ANN, BLUE_GREEN, CANARY, RECREATE, ROLLING, SECOND, Behaviour, Town, World

FREE = Environment(EnvironmentName("production"))
V1, V2 = Version("v1"), Version("v2")
QUICK = replace(CANARY, steps=tuple(replace(step, dwell=2 * SECOND) for step in CANARY.steps))
SWITCH = replace(BLUE_GREEN, dwell=2 * SECOND, keep_old=2 * SECOND)


@dataclass(slots=True)
class AwsWorld(World):
    """The town's world with the instances and the router of a platform; `broken` as there."""

    platform: Platform | None = None
    shop_place: Placement | None = None

    @property
    def parts(self) -> Platform:
        assert self.platform is not None
        return self.platform

    @property
    def place(self) -> Placement:
        assert self.shop_place is not None
        return replace(self.shop_place, strategy=self.strategy)

    async def versions(self, place: Placement) -> Sequence[Version]:
        return await self.parts.artifacts.versions(place)

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        return await self.parts.artifacts.artifact(place, version)

    async def observe(self, place: Placement) -> Sequence[Instance]:
        return await self.parts.manager.observe(place)

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        await self.parts.manager.start(place, version, ordinals)
        self.effects.append(f"start {version} {','.join(map(str, ordinals))}")

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        taking = set((await self.parts.shifter.read(place)).ready) & set(instances)
        if taking:
            self.broken.append(f"stopped {sorted(taking)} while they take requests")
        await self.parts.manager.stop(place, instances)
        self.effects.append(f"stop {','.join(sorted(instances))}")

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        await self.parts.shifter.configure(place, instances, weights)
        told = "route " + " ".join(f"{version}={weight}" for version, weight in weights.items())
        if not self.effects or self.effects[-1] != told:
            self.effects.append(told)
        await self._check_shares(place)

    async def read(self, place: Placement) -> TrafficReading:
        return await self.parts.shifter.read(place)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        return await self.parts.shifter.drained(place, instances)

    async def _check_shares(self, place: Placement) -> None:
        well = [one for one in await self.observe(place) if one.health is InstanceHealth.HEALTHY]
        routed = (await self.read(place)).weights
        for version in routed.keys() - {one.version for one in well}:
            self.broken.append(f"{routed[version]} % to {version}, of which nothing is healthy")


async def town_on(monkeypatch: pytest.MonkeyPatch, shop: EcsShop | LambdaShop, **changes: Any) -> Town:
    """A town whose shop runs v1 there, deployed as its first version."""

    def make(clock: Any, **more: Any) -> AwsWorld:
        return AwsWorld(clock, environment=FREE, platform=shop.at(clock), shop_place=shop.place, **more)

    monkeypatch.setattr(worlds, "World", make)
    town = Town(**changes)
    first = await deploy(town, "v1")
    assert (await town.at(first)).state is State.SUCCEEDED
    town.world.effects.clear()
    return town


async def deploy(town: Town, version: str, seconds: float = 90) -> Deployment:
    deployment = await town.desk.deploy(town.ask(Deploy("shop", version, "production")), ANN)
    await town.run(seconds)
    return await town.at(deployment)


async def left(town: Town) -> tuple[set[str], dict[Version, int]]:
    world, place = town.world, town.world.place
    return {one.id for one in await world.observe(place)}, dict((await world.read(place)).weights)


@pytest.mark.parametrize("strategy", [QUICK, ROLLING, SWITCH, RECREATE], ids=lambda one: one.kind)
async def test_every_strategy_on_ecs(monkeypatch: pytest.MonkeyPatch, strategy: StrategySpec) -> None:
    async with ecs_shop() as shop:
        shop.place = versioned(shop.place, instances=2)
        town = await town_on(monkeypatch, shop, strategy=strategy)
        after = await deploy(town, "v2")
        assert (after.state, after.outcome, after.reason) == (State.SUCCEEDED, Outcome.PROMOTED, "")
        assert await left(town) == ({"shop-production-v2-1", "shop-production-v2-2"}, {V2: 100})
        assert town.world.broken == []


@pytest.mark.parametrize("strategy", [QUICK, SWITCH, ROLLING], ids=lambda one: one.kind)
async def test_every_strategy_on_lambda(monkeypatch: pytest.MonkeyPatch, strategy: StrategySpec) -> None:
    async with lambda_shop() as shop:
        town = await town_on(monkeypatch, shop, strategy=strategy)
        after = await deploy(town, "v2")
        assert (after.state, after.outcome, after.reason) == (State.SUCCEEDED, Outcome.PROMOTED, "")
        assert await left(town) == ({"shop-production-v2-1"}, {V2: 100})
        assert town.world.broken == []


@pytest.mark.parametrize("kind", ["ecs", "lambda"])
async def test_a_bad_canary_goes_back(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    async with ecs_shop() if kind == "ecs" else lambda_shop() as shop:
        town = await town_on(monkeypatch, shop, strategy=QUICK, behaviour={"v2": Behaviour(errors=0.2)})
        after = await deploy(town, "v2")
        assert after.state is State.ROLLED_BACK
        ids, weights = await left(town)
        assert weights == {V1: 100}
        assert all("-v1-" in one for one in ids)
        assert "route v2=10 v1=90" in town.world.effects
        assert town.world.broken == []


@pytest.mark.parametrize("kind", ["ecs", "lambda"])
async def test_an_abort_half_way_restores(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    async with ecs_shop() if kind == "ecs" else lambda_shop() as shop:
        town = await town_on(monkeypatch, shop)
        half = await deploy(town, "v2", 15)
        assert (await left(town))[1] == {V2: 50, V1: 50}
        await town.desk.abort(town.ask(Abort(half.id)), ANN)
        await town.run(60)
        assert (await town.at(half)).state is State.ROLLED_BACK
        assert (await left(town))[1] == {V1: 100}
        assert town.world.broken == []


@pytest.mark.parametrize("fate", ["crashes", "unpullable", "unready"])
async def test_a_version_that_never_comes_up_ends_in_the_platforms_words(
    monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    words = {"crashes": "exit code 1", "unpullable": "CannotPullContainerError", "unready": "Health checks failed"}
    async with ecs_shop() as shop:
        await push(shop.aws, where(shop.place.on(EcsTarget)), f"v3-{fate}")
        town = await town_on(monkeypatch, shop, strategy=replace(QUICK, progress_deadline=5 * SECOND))
        after = await deploy(town, f"v3-{fate}", 60)
        assert after.state is State.ROLLED_BACK
        assert words[fate] in after.reason
        ids, weights = await left(town)
        assert weights == {V1: 100}
        assert all("-v1-" in one for one in ids)
