"""Versions of a Lambda function, and traffic by its alias."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from moto.backends import get_backend

from engine.catalog import Version
from engine.errors import NotFound, PermanentFailure, TemporaryFailure
from engine.infrastructure.aws.client import Where
from engine.infrastructure.aws.lambda_versions import where
from engine.ports import Instance, InstanceHealth, InstanceId
from engine.targets import LambdaTarget
from tests.fakes.aws import ACCOUNT, REGION
from tests.fakes.aws_shop import LambdaShop, lambda_shop, versioned

V1, V2, V10 = Version("v1"), Version("v2"), Version("v10")
ONE = InstanceId("shop-production-v1-1")


@pytest.fixture
async def shop() -> AsyncIterator[LambdaShop]:
    async with lambda_shop() as made:
        yield made


def backend() -> Any:
    return get_backend("lambda")[ACCOUNT][REGION]


async def ask(shop: LambdaShop, operation: str, **values: Any) -> Any:
    region = where(shop.place.on(LambdaTarget))
    return await shop.aws.ask(region, "lambda", operation, "the function", FunctionName="shop", **values)


async def published(shop: LambdaShop, *versions: Version) -> list[Instance]:
    for version in versions:
        await shop.platform.manager.start(shop.place, version, [1])
    return list(await shop.platform.manager.observe(shop.place))


async def alias(shop: LambdaShop) -> tuple[str, dict[str, float]]:
    told = await ask(shop, "GetAlias", Name="live")
    return told["FunctionVersion"], (told.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})


async def test_a_version_is_published_with_its_code_and_our_environment(shop: LambdaShop) -> None:
    place = versioned(shop.place, environment={"B": "ours"})
    await shop.platform.manager.start(place, V2, [1])
    (one,) = await shop.platform.manager.observe(place)
    assert (one.address, one.health, one.judged) == ("shop:1", InstanceHealth.HEALTHY, True)
    made = backend().get_function("shop", "1")
    assert made.code["ImageUri"].endswith("/shop:v2")
    assert made.environment_vars == {"A": "base", "B": "ours"}


async def test_a_version_is_published_once(shop: LambdaShop) -> None:
    await published(shop, V1, V2, V1)
    assert shop.cloud.calls["PublishVersion"] == 2


async def test_a_lost_answer_publishes_no_second_one(shop: LambdaShop) -> None:
    shop.cloud.lose("PublishVersion")
    await published(shop, V1)
    versions = [str(one.version) for one in backend().list_versions_by_function("shop")]
    assert len(versions) <= 3  # $LATEST, and one or two with the same mark of which the newer counts
    assert [one.version for one in await published(shop, V1)] == [V1]


async def test_what_was_deleted_can_be_published_again(shop: LambdaShop) -> None:
    await published(shop, V1)
    await shop.platform.manager.stop(shop.place, [ONE])
    (one,) = await published(shop, V1)
    assert one.address == "shop:2"


async def test_somebody_else_changing_the_function_is_noticed(shop: LambdaShop) -> None:
    shop.cloud.refuse("PublishVersion", "PreconditionFailedException", "The Revision Id is stale.", status=412)
    shop.cloud.refuse("UpdateFunctionCode", "ResourceConflictException", "An update is in progress.", status=409)
    assert [one.version for one in await published(shop, V1)] == [V1]


async def test_conflicts_without_end_are_given_back_for_later(shop: LambdaShop) -> None:
    shop.cloud.refuse("UpdateFunctionCode", "ResourceConflictException", "An update is in progress.", times=3)
    with pytest.raises(TemporaryFailure, match="An update is in progress") as failure:
        await published(shop, V1)
    assert failure.value.retry_after is not None


async def test_an_update_that_fails_is_told_in_lambdas_words(shop: LambdaShop) -> None:
    shop.functions.failed_update = "The image manifest is not supported."
    with pytest.raises(PermanentFailure, match="could not update function shop: The image manifest"):
        await published(shop, V1)
    assert shop.cloud.calls["PublishVersion"] == 0


async def test_a_function_scales_by_itself(shop: LambdaShop) -> None:
    with pytest.raises(PermanentFailure, match="scales by itself"):
        await shop.platform.manager.start(shop.place, V1, [1, 2])


async def test_another_environment_publishes_its_own(shop: LambdaShop) -> None:
    from dataclasses import replace

    await published(shop, V1)
    staging = replace(shop.place, environment="staging")
    await shop.platform.manager.start(staging, V1, [1])
    assert [one.id for one in await shop.platform.manager.observe(staging)] == ["shop-staging-v1-1"]
    assert [one.id for one in await shop.platform.manager.observe(shop.place)] == [ONE]


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ("Pending", InstanceHealth.STARTING),
        ("Failed", InstanceHealth.UNHEALTHY),
        ("Inactive", InstanceHealth.UNHEALTHY),
    ],
)
async def test_health_is_lambdas_word(shop: LambdaShop, state: str, health: InstanceHealth) -> None:
    await published(shop, V1)
    shop.functions.sick["1"] = (state, "So says Lambda.")
    (one,) = await shop.platform.manager.observe(shop.place)
    assert (one.health, one.note) == (health, "So says Lambda.")


async def test_a_canary_and_its_promotion(shop: LambdaShop) -> None:
    instances = await published(shop, V1, V2)
    shifter = shop.platform.shifter
    await shifter.configure(shop.place, instances, {V1: 100})
    for weights, expected in (
        ({V1: 90, V2: 10}, ("1", {"2": 0.1})),
        ({V1: 50, V2: 50}, ("1", {"2": 0.5})),
        ({V1: 20, V2: 80}, ("2", {"1": 0.2})),
        ({V2: 100}, ("2", {})),
    ):
        await shifter.configure(shop.place, instances, weights)
        assert await alias(shop) == expected
        assert (await shifter.read(shop.place)).weights == weights
    assert await shifter.drained(shop.place, [ONE])
    assert not await shifter.drained(shop.place, [InstanceId("shop-production-v2-1")])


async def test_what_has_traffic_is_not_deleted(shop: LambdaShop) -> None:
    instances = await published(shop, V1)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    with pytest.raises(PermanentFailure, match="still sends traffic to v1"):
        await shop.platform.manager.stop(shop.place, [ONE])
    assert len(await shop.platform.manager.observe(shop.place)) == 1


async def test_an_alias_changed_in_between_is_read_again(shop: LambdaShop) -> None:
    instances = await published(shop, V1, V2)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    shop.cloud.refuse("UpdateAlias", "PreconditionFailedException", "The Revision Id is stale.", status=412)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 90, V2: 10})
    assert await alias(shop) == ("1", {"2": 0.1})


async def test_two_who_shift_at_once_leave_one_of_both_orders(shop: LambdaShop) -> None:
    instances = await published(shop, V1, V2)
    shifter = shop.platform.shifter
    await shifter.configure(shop.place, instances, {V1: 100})
    orders = ({V1: 90, V2: 10}, {V1: 50, V2: 50})
    await asyncio.gather(*(shifter.configure(shop.place, instances, order) for order in orders))
    assert (await shifter.read(shop.place)).weights in orders


async def test_an_alias_set_by_hand_is_seen_and_mended(shop: LambdaShop) -> None:
    instances = await published(shop, V1, V2)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    routing = {"AdditionalVersionWeights": {"2": 0.25}}
    await ask(shop, "UpdateAlias", Name="live", FunctionVersion="1", RoutingConfig=routing)
    assert (await shop.platform.shifter.read(shop.place)).weights == {V1: 75, V2: 25}
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    assert await alias(shop) == ("1", {})


async def test_an_alias_we_made_goes_when_nothing_is_routed(shop: LambdaShop) -> None:
    instances = await published(shop, V1)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    await shop.platform.shifter.configure(shop.place, [], {})
    with pytest.raises(PermanentFailure, match="ResourceNotFoundException"):
        await alias(shop)
    await shop.platform.manager.stop(shop.place, [ONE])


@pytest.mark.parametrize("stranger", ["1", "$LATEST"])
async def test_an_alias_of_somebody_else_goes_back_to_what_it_was(shop: LambdaShop, stranger: str) -> None:
    await ask(shop, "PublishVersion", Description="by hand")
    await ask(shop, "CreateAlias", Name="live", FunctionVersion=stranger)
    assert (await shop.platform.shifter.read(shop.place)).weights == {}
    instances = await published(shop, V1)
    await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
    assert (await shop.platform.shifter.read(shop.place)).weights == {V1: 100}
    await shop.platform.shifter.configure(shop.place, [], {})
    assert await alias(shop) == (stranger, {})


async def test_weights_are_checked_before_the_call(shop: LambdaShop) -> None:
    instances = await published(shop, V1, V2, V10)
    for wrong in ({V1: 90}, {V1: 150, V2: -50}):
        with pytest.raises(PermanentFailure, match="sum to 100"):
            await shop.platform.shifter.configure(shop.place, instances, wrong)
    with pytest.raises(PermanentFailure, match="splits between two versions, not 3"):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 40, V2: 30, V10: 30})
    with pytest.raises(PermanentFailure, match="is not published"):
        await shop.platform.shifter.configure(shop.place, [], {Version("v7"): 100})
    assert shop.cloud.calls["CreateAlias"] == shop.cloud.calls["UpdateAlias"] == 0


async def test_code_in_s3() -> None:
    async with lambda_shop("s3://releases/shop-{version}.zip") as shop:
        region: Where = where(shop.place.on(LambdaTarget))
        await shop.aws.ask(region, "s3", "CreateBucket", "releases", Bucket="releases")
        for version in ("v1", "v2"):
            values = {"Key": f"shop-{version}.zip", "Body": f"PK {version}".encode()}
            await shop.aws.ask(region, "s3", "PutObject", version, Bucket="releases", **values)
        assert await shop.platform.artifacts.versions(shop.place) == (V1, V2)
        digests = {(await shop.platform.artifacts.artifact(shop.place, version)).digest for version in (V1, V2)}
        assert len(digests) == 2
        with pytest.raises(NotFound, match="has no version 'v3'"):
            await shop.platform.artifacts.artifact(shop.place, Version("v3"))
        await shop.platform.manager.start(shop.place, V1, [1])
        made = backend().get_function("shop", "1")
        assert (made.code["S3Bucket"], made.code["S3Key"]) == ("releases", "shop-v1.zip")


# The preview alias


async def shown(shop: LambdaShop) -> str:
    return str((await ask(shop, "GetAlias", Name="preview"))["FunctionVersion"])


@pytest.mark.parametrize("left", [V1, V2])
async def test_the_preview_alias_names_the_new_version_before_its_share_and_then_the_main_one(
    shop: LambdaShop, left: Version
) -> None:
    place = versioned(shop.place, preview_alias="preview")
    both = await published(shop, V1, V2)
    await shop.platform.shifter.configure(place, both[:1], {V1: 100})
    assert await shown(shop) == "1"
    await shop.platform.shifter.configure(place, both, {V1: 100})
    assert (await shown(shop), await alias(shop)) == ("2", ("1", {}))
    assert len((await shop.platform.shifter.read(place)).ready) == 2
    await shop.platform.shifter.configure(place, both, {V1: 90, V2: 10})
    assert await shown(shop) == "1"
    await shop.platform.shifter.configure(place, [one for one in both if one.version == left], {left: 100})
    assert await shown(shop) == ("1" if left == V1 else "2")
    await shop.platform.manager.stop(place, [one.id for one in both if one.version != left])
    assert [one.version for one in await shop.platform.manager.observe(place)] == [left]


async def test_a_preview_alias_that_somebody_turned_is_missed_and_set_right(shop: LambdaShop) -> None:
    place = versioned(shop.place, preview_alias="preview")
    both = await published(shop, V1, V2)
    await shop.platform.shifter.configure(place, both, {V1: 100})
    await ask(shop, "UpdateAlias", Name="preview", FunctionVersion="1")
    assert list((await shop.platform.shifter.read(place)).ready) == [ONE]
    shop.cloud.refuse("UpdateAlias", "PreconditionFailedException", status=412)
    await shop.platform.shifter.configure(place, both, {V1: 100})
    assert (await shown(shop), len((await shop.platform.shifter.read(place)).ready)) == ("2", 2)


async def test_the_preview_alias_of_a_first_deployment_that_goes_back_is_gone(shop: LambdaShop) -> None:
    place = versioned(shop.place, preview_alias="preview")
    one = await published(shop, V1)
    await shop.platform.shifter.configure(place, one, {V1: 100})
    for _ in range(2):
        await shop.platform.shifter.configure(place, (), {})
    with pytest.raises(PermanentFailure, match="preview"):
        await shown(shop)
    await shop.platform.manager.stop(place, [ONE])
    assert await shop.platform.manager.observe(place) == ()
