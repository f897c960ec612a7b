"""What every infrastructure adapter promises, in memory and on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import Version
from engine.errors import NotFound, PermanentFailure
from engine.ports import InstanceHealth, InstanceId
from engine.strategy_specs import Pin, StrategySpec

V1, V2 = Version("v1"), Version("v2")


async def eventually(happened: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not await happened():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


async def well(world) -> None:
    """Wait for the platform to call every instance well; others judge processes, of which nobody waits."""

    async def all_well() -> bool:
        return {one.health for one in await world.manager.observe(world.place)} == {InstanceHealth.HEALTHY}

    if not world.processes:
        await eventually(all_well)


async def test_versions_are_those_that_exist(world) -> None:
    for version in () if world.knows_versions else ("v10", "v2", "v1"):
        await world.manager.start(world.place, Version(version), [1])
    assert await world.artifacts.versions(world.place) == ("v1", "v2", "v10")


async def test_a_digest_names_a_content(world) -> None:
    first = await world.artifacts.artifact(world.place, V1)
    assert first.digest.startswith("sha256:")
    assert first == await world.artifacts.artifact(world.place, V1)
    assert first.digest != (await world.artifacts.artifact(world.place, V2)).digest


@pytest.mark.parametrize("name", ["v3", "../v1", ""])
async def test_an_unknown_version_is_not_found(world, name: str) -> None:
    if name == "v3" and not world.knows_versions:
        assert (await world.artifacts.artifact(world.place, Version(name))).version == name
        return
    with pytest.raises(NotFound) as refused:
        await world.artifacts.artifact(world.place, Version(name))
    assert refused.value.field == "version"


async def test_started_instances_are_observed(world) -> None:
    assert await world.manager.observe(world.place) == ()
    wanted = [1, 2] if world.many else [1]
    await world.manager.start(world.place, V1, wanted)
    seen = await world.manager.observe(world.place)
    assert [one.id for one in seen] == [f"shop-production-v1-{ordinal}" for ordinal in wanted]
    assert {one.version for one in seen} == {"v1"}
    assert {one.judged for one in seen} == {not world.processes}
    if world.processes:
        assert {one.health for one in seen} == {InstanceHealth.STARTING}
        assert len({one.pid for one in seen}) == 2
    await well(world)
    seen = await world.manager.observe(world.place)
    assert len({one.address for one in seen if one.address}) == len(wanted)


async def test_starting_again_leaves_running_ones_alone(world) -> None:
    await world.manager.start(world.place, V1, [1])
    await well(world)
    before = await world.manager.observe(world.place)
    wanted = [1, 2] if world.many else [1]
    await asyncio.gather(*(world.manager.start(world.place, V1, wanted) for _ in range(4)))
    after = await world.manager.observe(world.place)
    assert after[0] == before[0]
    assert len(after) == len(wanted)


async def test_a_killed_instance_is_dead_until_it_is_started_again(world) -> None:
    if world.kill is None:
        return
    await world.manager.start(world.place, V1, [1])
    await well(world)
    (before,) = await world.manager.observe(world.place)
    world.kill(before)

    async def is_dead() -> bool:
        return (await world.manager.observe(world.place))[0].health is InstanceHealth.DEAD

    await eventually(is_dead)
    assert world.obituary in (await world.manager.observe(world.place))[0].note
    await world.manager.start(world.place, V1, [1])

    async def runs() -> bool:
        return (await world.manager.observe(world.place))[0].health is not InstanceHealth.DEAD

    await eventually(runs, 0 if world.processes else 10)
    (after,) = await world.manager.observe(world.place)
    assert after.id == before.id
    assert after.health is InstanceHealth.STARTING or not world.processes  # a platform may be done with it already
    assert (after.pid, after.started_at) != (before.pid, before.started_at)


async def test_stopped_instances_are_gone_and_may_be_stopped_again(world) -> None:
    await world.manager.start(world.place, V1, [1, 2] if world.many else [1])
    await world.manager.start(world.place, V2, [1])
    await well(world)
    gone = InstanceId("shop-production-v1-1")
    left = {one.id for one in await world.manager.observe(world.place)} - {gone}
    assert left == {"shop-production-v2-1", *(["shop-production-v1-2"] if world.many else [])}
    for _ in range(2):
        await world.manager.stop(world.place, [gone, InstanceId("never-was")])
        assert {one.id for one in await world.manager.observe(world.place)} == left


async def test_a_version_without_artifact_cannot_start(world) -> None:
    if not world.knows_versions:
        return
    with pytest.raises(PermanentFailure, match="v9"):
        await world.manager.start(world.place, Version("v9"), [1])
    assert await world.manager.observe(world.place) == ()


async def test_placements_do_not_see_each_other(world) -> None:
    await world.manager.start(world.place, V1, [1])
    other = replace(world.place, environment="staging")
    assert await world.manager.observe(other) == ()


async def test_traffic_is_read_back_as_it_is(world) -> None:
    reading = await world.shifter.read(world.place)
    assert (dict(reading.weights), tuple(reading.ready)) == ({}, ())
    await world.manager.start(world.place, V1, [1])
    await world.manager.start(world.place, V2, [1])
    await well(world)
    instances = await world.manager.observe(world.place)
    await world.shifter.configure(world.place, instances, {V1: 90, V2: 10})

    async def both_ready() -> bool:
        return len((await world.shifter.read(world.place)).ready) == 2

    await eventually(both_ready)
    reading = await world.shifter.read(world.place)
    assert reading.weights == {"v1": 90, "v2": 10}
    assert set(reading.ready) == {one.id for one in instances}
    assert reading.lost == 0


async def test_an_ill_version_loses_its_share(world) -> None:
    place = replace(world.place, health=replace(world.place.health, timeout=timedelta(milliseconds=200)))
    await world.manager.start(place, V1, [1])
    await world.manager.start(place, V2, [1])
    await well(world)
    instances = await world.manager.observe(place)
    await world.shifter.configure(place, instances, {V1: 90, V2: 10})

    async def told() -> bool:
        return (await world.shifter.read(place)).weights == {"v1": 90, "v2": 10}

    async def alone() -> bool:
        reading = await world.shifter.read(place)
        if world.moves_shares:
            return reading.weights == {"v1": 100}
        return list(reading.ready) == ["shop-production-v1-1"] and reading.weights == {"v1": 90, "v2": 10}

    await eventually(told)
    world.sicken(next(one for one in instances if one.version == V2))
    await eventually(alone)


async def test_what_is_not_told_any_more_is_dropped_and_drained(world) -> None:
    await world.manager.start(world.place, V1, [1])
    await world.manager.start(world.place, *((V1, [1, 2]) if world.many else (V2, [1])))
    await well(world)
    instances = await world.manager.observe(world.place)
    await world.shifter.configure(world.place, instances, {V1: 100})

    async def ready() -> bool:
        return len((await world.shifter.read(world.place)).ready) == 2

    async def drained() -> bool:
        return await world.shifter.drained(world.place, [instances[1].id])

    await eventually(ready)
    await world.shifter.configure(world.place, instances[:1], {V1: 100})
    assert list((await world.shifter.read(world.place)).ready) == [instances[0].id]
    await eventually(drained, 0 if world.processes else 10)


async def test_a_shift_to_who_is_not_ready_yet_leaves_traffic_where_it_was(world) -> None:
    await world.manager.start(world.place, V1, [1])
    await well(world)
    await world.shifter.configure(world.place, await world.manager.observe(world.place), {V1: 100})

    async def ready() -> bool:
        return (await world.shifter.read(world.place)).weights == {"v1": 100}

    await eventually(ready)
    await world.manager.start(world.place, V2, [1])
    instances = await world.manager.observe(world.place)
    world.sicken(next(one for one in instances if one.version == V2))
    await world.shifter.configure(world.place, instances, {V2: 100})
    assert (await world.shifter.read(world.place)).weights == {"v1": 100}
    await world.shifter.configure(world.place, instances, {})
    assert (await world.shifter.read(world.place)).weights == {}


async def test_no_weights_is_no_traffic(world) -> None:
    await world.manager.start(world.place, V1, [1])
    instances = await world.manager.observe(world.place)
    await world.shifter.configure(world.place, instances, {})

    async def ready() -> bool:
        return len((await world.shifter.read(world.place)).ready) == 1

    await eventually(ready)
    assert (await world.shifter.read(world.place)).weights == {}


@pytest.mark.parametrize("left", [V1, V2])
async def test_a_pin_comes_and_goes_and_what_is_read_back_stays_true(world, left: Version) -> None:
    strategy = StrategySpec("careful", "canary", pin=Pin("header", "X-Try", "new"))
    place = replace(world.place, strategy=strategy)
    await world.manager.start(place, V1, [1])
    await world.manager.start(place, V2, [1])
    await well(world)
    instances = await world.manager.observe(place)

    async def reads(weights: dict[Version, int], ready: int) -> bool:
        reading = await world.shifter.read(place)
        return (dict(reading.weights), len(reading.ready)) == (weights, ready)

    for weights in ({V1: 100}, {V1: 90, V2: 10}):
        for _ in range(2):
            await world.shifter.configure(place, instances, weights)
        await eventually(lambda weights=weights: reads(weights, 2))
    await world.shifter.configure(place, [one for one in instances if one.version == left], {left: 100})
    await eventually(lambda: reads({left: 100}, 1))
