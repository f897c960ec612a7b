"""Versions as ECS services: what is made, who is who, and what happens when AWS does not play along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any

import pytest
from moto.backends import get_backend

from engine.catalog import Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.aws.ecs_fleet import where
from engine.ports import Instance, InstanceHealth, InstanceId
from engine.targets import EcsTarget
from tests.fakes.aws import ACCOUNT, REGION
from tests.fakes.aws_ecs import UNPLACED
from tests.fakes.aws_shop import EcsShop, ecs_shop, push, versioned

V1, V2, V3 = Version("v1"), Version("v2"), Version("v10")
ONE, TWO, THREE = (InstanceId(f"shop-production-v1-{ordinal}") for ordinal in (1, 2, 3))


@pytest.fixture
async def shop() -> AsyncIterator[EcsShop]:
    async with ecs_shop() as made:
        yield made


async def eventually(happened: Callable[[], Awaitable[bool]], looks: int = 30) -> None:
    for _ in range(looks):
        if await happened():
            return
    raise AssertionError("it did not happen in time")


async def seen(shop: EcsShop) -> dict[str, Instance]:
    return {one.id: one for one in await shop.platform.manager.observe(shop.place)}


async def healthy(shop: EcsShop, version: Version, ordinals: Collection[int]) -> dict[str, Instance]:
    await shop.platform.manager.start(shop.place, version, ordinals)

    async def all_healthy() -> bool:
        return {one.health for one in (await seen(shop)).values()} == {InstanceHealth.HEALTHY}

    await eventually(all_healthy)
    return await seen(shop)


def services() -> dict[str, Any]:
    return {one.name: one for one in get_backend("ecs")[ACCOUNT][REGION].services.values() if one.status == "ACTIVE"}


def revisions() -> dict[int, Any]:
    return dict(get_backend("ecs")[ACCOUNT][REGION].task_definitions["shop"])


async def test_a_version_is_a_service_with_a_revision_of_its_own(shop: EcsShop) -> None:
    await shop.platform.manager.start(shop.place, V1, [1, 2])
    service = services()["shop-production-v1"]
    assert (service.desired_count, service.launch_type) == (2, "FARGATE")
    made = revisions()[2]
    app, log = made.container_definitions
    assert app["image"].endswith("/shop:v1")
    assert app["environment"] == [{"name": "A", "value": "base"}, {"name": "B", "value": "ours"}]
    assert log == revisions()[1].container_definitions[1]
    tags = {tag["key"]: tag["value"] for tag in made.tags}
    assert tags["team"] == "shop"
    assert (tags["pilothouse:version"], tags["pilothouse:environment"]) == ("v1", "production")


async def test_a_revision_is_made_once_for_a_version_and_an_environment(shop: EcsShop) -> None:
    await healthy(shop, V1, [1])
    await shop.platform.manager.stop(shop.place, [ONE])
    await shop.platform.manager.start(shop.place, V1, [1])
    assert len(revisions()) == 2
    await shop.platform.manager.stop(shop.place, [ONE])
    changed = versioned(shop.place, environment={"B": "other"})
    await shop.platform.manager.start(changed, V1, [1])
    assert len(revisions()) == 3


async def test_versions_use_the_target_groups_in_turns(shop: EcsShop) -> None:
    blue, green = shop.place.on(EcsTarget).target_groups
    await shop.platform.manager.start(shop.place, V1, [1])
    # The rule sends a stranger all of blue's traffic, so the first version does not go there.
    assert services()["shop-production-v1"].load_balancers[0]["targetGroupArn"] == green
    await shop.platform.manager.start(shop.place, V2, [1])
    assert services()["shop-production-v2"].load_balancers[0]["targetGroupArn"] == blue
    with pytest.raises(PermanentFailure, match=r"Both target groups .* are in use, by v1, v2"):
        await shop.platform.manager.start(shop.place, V3, [1])


async def test_who_stays_is_protected_and_keeps_its_name(shop: EcsShop) -> None:
    before = await healthy(shop, V1, [1, 2, 3])
    await shop.platform.manager.stop(shop.place, [TWO])
    after = await seen(shop)
    assert {id_: one.address for id_, one in after.items()} == {one: before[one].address for one in (ONE, THREE)}
    assert services()["shop-production-v1"].desired_count == 2
    again = await healthy(shop, V1, [2])
    assert {ONE, TWO, THREE} == set(again)
    assert {again[one].address for one in (ONE, THREE)} == {before[one].address for one in (ONE, THREE)}


async def test_many_stay_when_one_goes(shop: EcsShop) -> None:
    before = await healthy(shop, V1, range(1, 15))
    await shop.platform.manager.stop(shop.place, [TWO])
    after = await seen(shop)
    assert {one.address for one in after.values()} == {one.address for id_, one in before.items() if id_ != TWO}
    assert len(after) == 13


async def test_a_group_with_targets_of_somebody_else_is_not_used(shop: EcsShop) -> None:
    green = shop.place.on(EcsTarget).target_groups[1]
    get_backend("elbv2")[ACCOUNT][REGION].target_groups[green].register([{"Id": "10.9.9.9", "Port": 80}])
    with pytest.raises(PermanentFailure, match=r"has targets that are not ours: 10\.9\.9\.9:80"):
        await shop.platform.manager.start(shop.place, V1, [1])
    assert services() == {}


async def test_a_group_that_is_being_left_is_waited_for(shop: EcsShop) -> None:
    await healthy(shop, V1, [1])
    await healthy(shop, V2, [1])
    shop.scheduler.stuck = True
    region, about = where(shop.place.on(EcsTarget)), "the service"
    values = {"cluster": "shops", "service": "shop-production-v1", "force": True}
    await shop.aws.ask(region, "ecs", "DeleteService", about, **values)
    with pytest.raises(TemporaryFailure, match="One is being deleted"):
        await shop.platform.manager.start(shop.place, V3, [1])
    with pytest.raises(TemporaryFailure, match="is still being deleted"):
        await shop.platform.manager.start(shop.place, V1, [1])
    (leaving,) = [one for one in (await seen(shop)).values() if one.version == V1]
    assert leaving.health is InstanceHealth.DEAD
    shop.scheduler.stuck = False
    shop.scheduler.beat()
    await shop.platform.manager.start(shop.place, V3, [1])


async def test_an_answer_that_lacks_something_is_asked_again(shop: EcsShop) -> None:
    await healthy(shop, V1, [1])
    shop.cloud.answer("DescribeServices", {"failures": []})
    with pytest.raises(TemporaryFailure, match="lacks 'services'"):
        await seen(shop)
    assert set(await seen(shop)) == {ONE}


async def test_another_process_finds_everything_as_it_is(shop: EcsShop) -> None:
    before = await healthy(shop, V1, [1, 2])
    adopted = await shop.again().manager.observe(shop.place)
    assert {one.id: one for one in adopted} == before


async def test_the_last_one_takes_the_service_with_it(shop: EcsShop) -> None:
    await healthy(shop, V1, [1, 2])
    await shop.platform.manager.stop(shop.place, [ONE, TWO])
    assert await seen(shop) == {}
    assert services() == {}
    assert "shop-production-v1-1" in await healthy(shop, V1, [1])


async def test_a_task_that_does_not_end_is_told_once_more(shop: EcsShop) -> None:
    quick = versioned(shop.place, stop_timeout=shop.place.health.interval)
    await healthy(shop, V1, [1, 2])
    shop.scheduler.stuck = True
    await shop.platform.manager.stop(quick, [ONE])
    assert shop.cloud.calls["StopTask"] == 1
    assert set(await seen(shop)) == {TWO}


async def test_a_stop_cut_off_in_the_middle_is_done_when_asked_again(shop: EcsShop) -> None:
    await healthy(shop, V1, [1, 2])
    shop.cloud.refuse("TagResource", "ServerException", status=500, times=3)
    with pytest.raises(TemporaryFailure):
        await shop.platform.manager.stop(shop.place, [ONE])
    assert set(await seen(shop)) == {ONE, TWO}
    await shop.platform.manager.stop(shop.place, [ONE])
    assert set(await seen(shop)) == {TWO}
    assert services()["shop-production-v1"].desired_count == 1


async def test_a_start_cut_off_in_the_middle_is_done_when_asked_again(shop: EcsShop) -> None:
    await healthy(shop, V1, [1])
    shop.cloud.refuse("UpdateService", "ServerException", status=500, times=3)
    with pytest.raises(TemporaryFailure):
        await shop.platform.manager.start(shop.place, V1, [2])
    assert services()["shop-production-v1"].desired_count == 1
    assert len(await healthy(shop, V1, [2])) == 2


async def test_a_lost_answer_makes_no_second_service(shop: EcsShop) -> None:
    shop.cloud.lose("CreateService")
    assert set(await healthy(shop, V1, [1])) == {ONE}
    assert services()["shop-production-v1"].desired_count == 1


async def test_two_processes_start_the_same_at_once(shop: EcsShop) -> None:
    other = shop.again().manager
    await asyncio.gather(
        shop.platform.manager.start(shop.place, V1, [1]), other.start(shop.place, V1, [1]), return_exceptions=False
    )
    assert set(await healthy(shop, V1, [1])) == {ONE}


async def test_a_version_may_have_dots(shop: EcsShop) -> None:
    await push(shop.aws, where(shop.place.on(EcsTarget)), "1.2.3", "1-2-3")
    await shop.platform.manager.start(shop.place, Version("1.2.3"), [1])
    await shop.platform.manager.start(shop.place, Version("1-2-3"), [1])
    assert set(await seen(shop)) == {"shop-production-1.2.3-1", "shop-production-1-2-3-1"}
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in services())


@pytest.mark.parametrize(
    ("fate", "health", "words"),
    [
        ("crashes", InstanceHealth.DEAD, "Essential container in task exited; container app: exit code 1."),
        ("unpullable", InstanceHealth.DEAD, "CannotPullContainerError"),
        ("unready", InstanceHealth.UNHEALTHY, "Health checks failed with these codes: [503]"),
        ("unplaced", InstanceHealth.STARTING, UNPLACED),
    ],
)
async def test_what_goes_wrong_is_told_in_the_platforms_words(
    shop: EcsShop, fate: str, health: InstanceHealth, words: str
) -> None:
    version = Version(f"v3-{fate}")
    await push(shop.aws, where(shop.place.on(EcsTarget)), version)
    await shop.platform.manager.start(shop.place, version, [1])

    async def told() -> bool:
        (one,) = (await seen(shop)).values()
        return one.health is health and words in one.note

    await eventually(told)


async def test_a_restarted_task_tells_how_the_last_one_ended(shop: EcsShop) -> None:
    await healthy(shop, V1, [1])
    shop.scheduler.kill("shop-production-v1")

    async def replaced() -> bool:
        (one,) = (await seen(shop)).values()
        return one.health is InstanceHealth.STARTING and "OutOfMemoryError" in one.note

    await eventually(replaced)


async def test_a_target_that_is_young_is_starting_until_its_grace_ends(shop: EcsShop) -> None:
    young = replace(shop.place, health=replace(shop.place.health, grace=shop.place.strategy.progress_deadline))
    await healthy(shop, V1, [1])
    shop.scheduler.sick.add("shop-production-v1")
    assert (await seen(shop))[ONE].health is InstanceHealth.UNHEALTHY
    (one,) = await shop.platform.manager.observe(young)
    assert one.health is InstanceHealth.STARTING


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cluster": "gone"}, "ClusterNotFoundException: Cluster not found"),
        ({"family": "gone"}, "Task definition gone has no active revision"),
        ({"container": "gone"}, "has no container gone. It has: app, log"),
        ({"image": "{version}"}, "has no container"),
    ],
)
async def test_settings_that_name_nothing_are_told(shop: EcsShop, changes: dict[str, str], said: str) -> None:
    wrong = versioned(shop.place, **{"container": "none", **changes} if "image" in changes else changes)
    with pytest.raises(PermanentFailure, match=said):
        await shop.platform.manager.start(wrong, V1, [1])
    assert services() == {}


async def test_a_version_that_is_no_name_is_refused(shop: EcsShop) -> None:
    with pytest.raises(PermanentFailure, match="cannot be a version"):
        await shop.platform.manager.start(shop.place, Version("../v1"), [1])
    assert shop.cloud.calls["CreateService"] == 0


async def test_an_image_of_another_registry_is_taken_at_its_word(shop: EcsShop) -> None:
    place = versioned(shop.place, image="ghcr.io/team/shop:{version}")
    found = await shop.platform.artifacts.artifact(place, Version("anything"))
    assert found.digest.startswith("sha256:")
    assert await shop.platform.artifacts.versions(place) == ()
    pinned = versioned(shop.place, image=f"ghcr.io/team/shop-{{version}}@sha256:{'a' * 64}")
    assert (await shop.platform.artifacts.artifact(pinned, V1)).digest == f"sha256:{'a' * 64}"
