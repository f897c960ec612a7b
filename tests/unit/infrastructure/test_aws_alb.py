"""Traffic by a listener rule's weights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from moto.backends import get_backend

from engine.catalog import Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.aws.ecs_fleet import where
from engine.ports import Instance, InstanceHealth
from engine.targets import EcsTarget
from tests.fakes.aws import ACCOUNT, REGION
from tests.fakes.aws_shop import EcsShop, ecs_shop, versioned

V1, V2 = Version("v1"), Version("v2")


@pytest.fixture
async def shop() -> AsyncIterator[EcsShop]:
    async with ecs_shop() as made:
        yield made


async def running(shop: EcsShop, **versions: int) -> list[Instance]:
    for version, count in versions.items():
        await shop.platform.manager.start(shop.place, Version(version), range(1, count + 1))
    for _ in range(30):
        instances = await shop.platform.manager.observe(shop.place)
        if {one.health for one in instances} == {InstanceHealth.HEALTHY}:
            return list(instances)
    raise AssertionError("they did not come up")


def forward(shop: EcsShop) -> Mapping[str, Any]:
    balancers = get_backend("elbv2")[ACCOUNT][REGION].load_balancers.values()
    rules = [rule for one in balancers for listener in one.listeners.values() for rule in listener.rules.values()]
    rule = next(rule for rule in rules if rule.arn == shop.place.on(EcsTarget).rule)
    action: Mapping[str, Any] = next(action.data for action in rule.actions if action.type == "forward")
    return action


async def modify(shop: EcsShop, *actions: Mapping[str, Any]) -> None:
    target = shop.place.on(EcsTarget)
    await shop.aws.ask(where(target), "elbv2", "ModifyRule", "rule", RuleArn=target.rule, Actions=list(actions))


def groups(shop: EcsShop, **weights: int) -> dict[str, Any]:
    arns = dict(zip(("blue", "green"), shop.place.on(EcsTarget).target_groups, strict=True))
    chosen = [{"TargetGroupArn": arns[name], "Weight": weight} for name, weight in weights.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": chosen}}


def weights_in(shop: EcsShop) -> dict[str, int]:
    blue, green = shop.place.on(EcsTarget).target_groups
    names = {blue: "blue", green: "green"}
    chosen = forward(shop)["ForwardConfig"]["TargetGroups"]
    return {names[one["TargetGroupArn"]]: int(one["Weight"]) for one in chosen}


async def test_a_first_version_takes_nothing_from_who_serves_now(shop: EcsShop) -> None:
    await running(shop, v1=1)
    assert weights_in(shop) == {"blue": 1, "green": 0}
    assert (await shop.platform.shifter.read(shop.place)).weights == {}


async def test_only_the_weights_of_a_rule_are_touched(shop: EcsShop) -> None:
    instances = await running(shop, v1=1, v2=1)
    sticky = {"Enabled": True, "DurationSeconds": 60}
    action = groups(shop, blue=1)
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = sticky
    await modify(shop, action)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 75, V2: 25})
    assert weights_in(shop) == {"blue": 25, "green": 75}
    kept = forward(shop)["ForwardConfig"]["TargetGroupStickinessConfig"]
    assert (str(kept["Enabled"]).lower(), int(kept["DurationSeconds"])) == ("true", 60)


@pytest.mark.parametrize("wrong", [{V1: 90}, {V1: 110, V2: -10}, {V1: 60, V2: 60}])
async def test_weights_that_are_not_percent_never_reach_aws(shop: EcsShop, wrong: dict[Version, int]) -> None:
    instances = await running(shop, v1=1, v2=1)
    before = shop.cloud.calls["ModifyRule"]
    with pytest.raises(PermanentFailure, match="sum to 100"):
        await shop.platform.shifter.configure(shop.place, instances, wrong)
    assert shop.cloud.calls["ModifyRule"] == before


async def test_a_version_without_a_service_gets_no_traffic(shop: EcsShop) -> None:
    instances = await running(shop, v1=1)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    await shop.platform.shifter.configure(shop.place, instances, {V2: 100})
    assert (await shop.platform.shifter.read(shop.place)).weights == {"v1": 100}


async def test_a_rule_changed_by_hand_is_seen_and_mended(shop: EcsShop) -> None:
    instances = await running(shop, v1=1, v2=1)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 90, V2: 10})
    await modify(shop, groups(shop, blue=300, green=100))
    assert (await shop.platform.shifter.read(shop.place)).weights == {"v1": 25, "v2": 75}
    await shop.platform.shifter.configure(shop.place, instances, {V1: 90, V2: 10})
    assert (await shop.platform.shifter.read(shop.place)).weights == {"v1": 90, "v2": 10}


async def test_a_share_of_a_strangers_group_is_missing_from_the_sum(shop: EcsShop) -> None:
    await running(shop, v1=1)
    await modify(shop, groups(shop, blue=10, green=90))
    assert (await shop.platform.shifter.read(shop.place)).weights == {"v1": 90}


async def test_a_group_taken_out_of_the_rule_gets_its_share_back(shop: EcsShop) -> None:
    instances = await running(shop, v1=1, v2=1)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 90, V2: 10})
    await modify(shop, groups(shop, blue=1))
    reading = await shop.platform.shifter.read(shop.place)
    assert (dict(reading.weights), list(reading.ready)) == ({"v2": 100}, ["shop-production-v2-1"])
    await shop.platform.shifter.configure(shop.place, instances, {V1: 90, V2: 10})
    assert weights_in(shop) == {"blue": 10, "green": 90}


async def test_the_same_order_again_changes_nothing(shop: EcsShop) -> None:
    instances = await running(shop, v1=2)
    for _ in range(3):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    assert shop.cloud.calls["ModifyRule"] == 2  # once for both groups to be in the rule, once for the weights
    assert shop.cloud.calls["DeregisterTargets"] == shop.cloud.calls["RegisterTargets"] == 0


async def test_who_drains_ends_and_may_come_back(shop: EcsShop) -> None:
    first, second = await running(shop, v1=2)
    await shop.platform.shifter.configure(shop.place, [first, second], {V1: 100})
    await shop.platform.shifter.configure(shop.place, [first], {V1: 100})
    assert not await shop.platform.shifter.drained(shop.place, [second.id])
    assert await shop.platform.shifter.drained(shop.place, [second.id])
    instances = await shop.platform.manager.observe(shop.place)
    assert [one.health for one in instances] == [InstanceHealth.HEALTHY] * 2  # drained is not ill
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    for _ in range(3):
        reading = await shop.platform.shifter.read(shop.place)
    assert set(reading.ready) == {first.id, second.id}


async def test_what_serves_is_left_alone_while_nobody_else_can(shop: EcsShop) -> None:
    instances = await running(shop, v1=1)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    shop.scheduler.sick.add("shop-production-v2")
    await shop.platform.manager.start(shop.place, V2, [1])
    await shop.platform.manager.observe(shop.place)
    new = [one for one in await shop.platform.manager.observe(shop.place) if one.version == V2]
    await shop.platform.shifter.configure(shop.place, new, {V2: 100})
    assert shop.cloud.calls["DeregisterTargets"] == 0
    assert list((await shop.platform.shifter.read(shop.place)).ready) == [instances[0].id]


async def test_a_rule_that_cannot_be_weighted_is_told(shop: EcsShop) -> None:
    gone = versioned(shop.place, rule=shop.place.on(EcsTarget).rule + "0")
    with pytest.raises(PermanentFailure, match="RuleNotFound"):
        await shop.platform.shifter.read(gone)
    await modify(shop, {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}})
    with pytest.raises(PermanentFailure, match="forwards to no target group"):
        await shop.platform.shifter.read(shop.place)


async def test_a_default_rule_is_refused(shop: EcsShop) -> None:
    balancers = get_backend("elbv2")[ACCOUNT][REGION].load_balancers.values()
    rules = [rule for one in balancers for listener in one.listeners.values() for rule in listener.rules.values()]
    default = next(rule.arn for rule in rules if rule.is_default)
    with pytest.raises(PermanentFailure, match=r"default rule .*path pattern"):
        await shop.platform.manager.start(versioned(shop.place, rule=default), V1, [1])


async def test_a_shift_that_fails_half_way_is_finished_by_the_next(shop: EcsShop) -> None:
    first, second = await running(shop, v1=2)
    await shop.platform.shifter.configure(shop.place, [first, second], {V1: 100})
    shop.cloud.refuse("DeregisterTargets", "InternalFailure", status=500, times=3)
    with pytest.raises(TemporaryFailure):
        await shop.platform.shifter.configure(shop.place, [first], {V1: 100})
    await shop.platform.shifter.configure(shop.place, [first], {V1: 100})
    assert list((await shop.platform.shifter.read(shop.place)).ready) == [first.id]
