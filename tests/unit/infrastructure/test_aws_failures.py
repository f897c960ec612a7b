"""What AWS's errors become, and how long a call may take."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.catalog import Version
from engine.errors import EngineError, PermanentFailure, TemporaryFailure
from engine.infrastructure.aws import ecs_platform, lambda_platform
from engine.infrastructure.aws.client import Aws, Where
from engine.infrastructure.aws.failures import Absent, Conflict, Pressed, sort_answer
from engine.infrastructure.platform import Ground
from tests.fakes.aws_shop import EcsShop, credentials, ecs_shop, versioned

V1 = Version("v1")


def answered(code: str, status: int = 400, message: str = "No.", **headers: str) -> dict[str, Any]:
    meta = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (answered("ThrottlingException"), Pressed, "ThrottlingException: No."),
        (answered("TooManyRequestsException", 429), Pressed, ""),
        (answered("RequestLimitExceeded", 503), Pressed, ""),
        (answered("Anything", 429), Pressed, ""),
        (answered("InternalFailure", 500), Pressed, ""),
        (answered("503", 503), Pressed, ""),
        (answered("ResourceConflictException", 409), Conflict, ""),
        (answered("PreconditionFailedException", 412), Conflict, ""),
        (answered("ServiceNotActiveException"), Conflict, ""),
        (answered("InvalidParameterException", message="Creation of service was not idempotent."), Conflict, ""),
        (
            answered("InvalidParameterException", message="Unable to Start a service that is still Draining."),
            Conflict,
            "",
        ),
        (answered("ClusterNotFoundException"), Absent, "the region and the account"),
        (answered("TargetGroupNotFound"), Absent, ""),
        (answered("404", 404), Absent, ""),
        (answered("ClientException", message="Unable to describe task definition."), Absent, ""),
        (answered("AccessDeniedException"), PermanentFailure, "the right elasticloadbalancing:ModifyRule on it"),
        (answered("ExpiredTokenException"), PermanentFailure, "AWS_ACCESS_KEY_ID"),
        (answered("LimitExceededException"), PermanentFailure, "higher quota"),
        (answered("CodeStorageExceededException"), PermanentFailure, "higher quota"),
        (answered("InvalidParameterException"), PermanentFailure, "Change what AWS names"),
        ({}, PermanentFailure, "no reason given"),
    ],
)
def test_errors_are_sorted_by_class(answer: dict[str, Any], kind: type[EngineError], words: str) -> None:
    error = sort_answer(answer, "elbv2", "ModifyRule", "rule r")
    assert type(error) is kind
    assert words in str(error)
    assert "ModifyRule for rule r" in error.reason


def test_aws_may_say_how_long_to_wait() -> None:
    error = sort_answer(answered("SlowDown", 503, **{"retry-after": "7"}), "s3", "HeadObject", "o")
    assert isinstance(error, TemporaryFailure)
    assert error.retry_after == timedelta(seconds=7)


@pytest.fixture
async def shop() -> AsyncIterator[EcsShop]:
    async with ecs_shop() as made:
        yield made


@pytest.mark.parametrize("code", ["ThrottlingException", "RequestLimitExceeded"])
async def test_a_short_throttle_is_not_noticed(shop: EcsShop, code: str) -> None:
    shop.cloud.refuse("ListServices", code, "Rate exceeded")
    assert await shop.platform.manager.observe(shop.place) == ()
    assert shop.cloud.calls["ListServices"] == 2


async def test_a_long_throttle_is_given_back_with_its_time(shop: EcsShop) -> None:
    shop.cloud.refuse("CreateService", "ThrottlingException", "Rate exceeded", times=3)
    with pytest.raises(
        TemporaryFailure, match=r"CreateService for service shop-production-v1 .*Rate exceeded"
    ) as failure:
        await shop.platform.manager.start(shop.place, V1, [1])
    assert failure.value.retry_after == timedelta(seconds=5)
    await shop.platform.manager.start(shop.place, V1, [1])
    assert len(await shop.platform.manager.observe(shop.place)) == 1


async def test_missing_rights_are_named(shop: EcsShop) -> None:
    shop.cloud.refuse("CreateService", "AccessDeniedException", "User x is not authorized to perform this")
    with pytest.raises(PermanentFailure, match=r"not authorized .*Give the role .* the right ecs:CreateService"):
        await shop.platform.manager.start(shop.place, V1, [1])
    assert shop.cloud.calls["CreateService"] == 1


async def test_a_quota_is_told(shop: EcsShop) -> None:
    shop.cloud.refuse("CreateService", "LimitExceededException", "The limit of services is 5")
    with pytest.raises(PermanentFailure, match=r"The limit of services is 5\. Remove what is not used"):
        await shop.platform.manager.start(shop.place, V1, [1])


async def test_a_page_of_somebody_else_is_not_an_answer(shop: EcsShop) -> None:
    shop.cloud.garble("ListServices")
    with pytest.raises(TemporaryFailure, match="is not one of AWS's"):
        await shop.platform.manager.observe(shop.place)


async def test_a_call_that_hangs_ends_at_its_deadline() -> None:
    async with ecs_shop(deadline=timedelta(seconds=0.5)) as shop:
        for operation in ("ListServices", "DescribeRules"):
            shop.cloud.hang(operation)
            began = time.monotonic()
            with pytest.raises(TemporaryFailure, match=f"{operation} for .* within 0.5 s") as failure:
                await shop.platform.shifter.read(shop.place)
            assert time.monotonic() - began < 5
            assert failure.value.retry_after is not None


async def test_nobody_at_the_endpoint(shop: EcsShop) -> None:
    with pytest.raises(TemporaryFailure, match="cannot be reached"):
        await shop.platform.manager.observe(versioned(shop.place, endpoint="http://127.0.0.1:9"))


async def test_no_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with credentials():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        aws = Aws(deadline=timedelta(seconds=2))
        with pytest.raises(PermanentFailure, match="no credentials"):
            await aws.ask(Where("us-east-1", "http://127.0.0.1:9"), "ecs", "ListClusters", "the clusters")
        await aws.close()


async def test_a_profile_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with credentials():
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        aws = Aws(deadline=timedelta(seconds=2))
        with pytest.raises(PermanentFailure, match="nobody"):
            await aws.ask(Where("us-east-1"), "ecs", "ListClusters", "the clusters")
        await aws.close()


async def test_a_call_that_is_not_one_is_refused(shop: EcsShop) -> None:
    with pytest.raises(PermanentFailure, match="cannot be asked"):
        await shop.aws.ask(Where("us-east-1", shop.cloud.url), "ecs", "ListServices", "services", cluster=5)


async def test_platforms_open_nothing_until_they_are_asked(tmp_path: Path) -> None:
    assert "AWS_PROFILE" not in os.environ
    for module in (ecs_platform, lambda_platform):
        platform = module.make(Ground(tmp_path, lambda: datetime.now(UTC)))
        assert await platform.metrics() == ()
        await platform.close()
