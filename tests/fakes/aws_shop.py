"""What a team has in its account before Pilothouse comes: a shop on ECS behind a rule, and one on Lambda."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.backends import get_backend

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName
from engine.infrastructure.aws import ecs_platform, lambda_platform
from engine.infrastructure.aws.client import Aws, Where
from engine.infrastructure.aws.ecs_fleet import Fleets
from engine.infrastructure.aws.lambda_versions import Versions
from engine.infrastructure.platform import Platform
from engine.strategy_specs import StrategySpec
from engine.targets import EcsTarget, LambdaTarget
from tests.fakes.aws import ACCOUNT, REGION, Cloud
from tests.fakes.aws_ecs import Scheduler
from tests.fakes.aws_lambda import Functions

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
_INSTANT = timedelta(milliseconds=1)
VERSIONS = ("v1", "v2", "v10")
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # thousands of rows that no test here needs
}


@dataclass(slots=True)
class EcsShop:
    """The shop on ECS: its placement, the platform under test and what is behind it."""

    cloud: Cloud
    aws: Aws
    scheduler: Scheduler
    place: Placement
    platform: Platform

    def again(self) -> Platform:
        """The platform as another process would have it, knowing nothing."""
        return _ecs(self.aws)

    def at(self, now: Callable[[], datetime]) -> Platform:
        """The platform on a clock of the test's."""
        fleets = Fleets(self.aws, fresh=_INSTANT, clock=lambda: now().timestamp())
        return ecs_platform.on(self.aws, fleets, now=now)


@dataclass(slots=True)
class LambdaShop:
    """The shop on Lambda."""

    cloud: Cloud
    aws: Aws
    functions: Functions
    place: Placement
    platform: Platform

    def at(self, now: Callable[[], datetime]) -> Platform:
        """The platform on a clock of the test's."""
        return lambda_platform.on(self.aws, Versions(self.aws, fresh=_INSTANT, clock=lambda: now().timestamp()))


@contextmanager
def credentials() -> Iterator[None]:
    """Credentials as the environment gives them."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@asynccontextmanager
async def ecs_shop(deadline: timedelta = timedelta(seconds=10)) -> AsyncIterator[EcsShop]:
    """A cluster, a task definition, two target groups of which one is in the rule, and three images."""
    with credentials():
        async with Cloud() as cloud:
            aws, scheduler = Aws(deadline=deadline), Scheduler(cloud)
            place = _place(await _ecs_target(aws, cloud.url))
            try:
                yield EcsShop(cloud, aws, scheduler, place, _ecs(aws))
            finally:
                await aws.close()


@asynccontextmanager
async def lambda_shop(code: str = "") -> AsyncIterator[LambdaShop]:
    """A function without an alias, and three versions of its code."""
    with credentials():
        async with Cloud() as cloud:
            aws, functions = Aws(deadline=timedelta(seconds=10)), Functions(cloud)
            where = Where(REGION, cloud.url)
            await _images(aws, where)
            await _function(aws, where)
            target = LambdaTarget("shop", "live", code or f"{REGISTRY}/shop:{{version}}", REGION, cloud.url)
            platform = lambda_platform.on(aws, Versions(aws, fresh=timedelta(0)))
            yield LambdaShop(cloud, aws, functions, _place(target), platform)
            await aws.close()


def versioned(place: Placement, **changes: Any) -> Placement:
    """The placement with another target."""
    return replace(place, target=replace(place.target, **changes))


async def push(aws: Aws, where: Where, *tags: str) -> None:
    """Images of the shop with these tags."""
    for tag in tags:
        manifest = {"schemaVersion": 2, "config": {"size": 1, "digest": tag}, "layers": []}
        media = "application/vnd.docker.distribution.manifest.v2+json"
        text = json.dumps({**manifest, "mediaType": media})
        digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        values = {"imageManifest": text, "imageTag": tag, "imageDigest": digest}
        await aws.ask(where, "ecr", "PutImage", tag, repositoryName="shop", **values)


def _ecs(aws: Aws) -> Platform:
    return ecs_platform.on(aws, Fleets(aws, fresh=timedelta(0)), now=lambda: datetime.now(UTC))


def _place(target: EcsTarget | LambdaTarget) -> Placement:
    health = HealthCheck(interval=timedelta(milliseconds=100), grace=timedelta(0))
    return Placement(ServiceName("shop"), EnvironmentName("production"), target, health, StrategySpec("all", "rolling"))


async def _images(aws: Aws, where: Where) -> None:
    await aws.ask(where, "ecr", "CreateRepository", "shop", repositoryName="shop")
    await push(aws, where, *VERSIONS)


async def _ecs_target(aws: Aws, url: str) -> EcsTarget:
    where = Where(REGION, url)
    await _images(aws, where)
    await aws.ask(where, "ecs", "CreateCluster", "shops", clusterName="shops")
    container = {"name": "app", "image": "shop:none", "memory": 128, "environment": [{"name": "A", "value": "base"}]}
    sidecar = {"name": "log", "image": "log:1", "memory": 64}
    await aws.ask(
        where,
        "ecs",
        "RegisterTaskDefinition",
        "shop",
        family="shop",
        containerDefinitions=[container, sidecar],
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        tags=[{"key": "team", "value": "shop"}],
    )
    subnets = [one.id for one in get_backend("ec2")[ACCOUNT][REGION].describe_subnets()[:2]]
    groups, rule = await _balancer(aws, where, subnets)
    return EcsTarget(
        cluster="shops",
        family="shop",
        image=f"{REGISTRY}/shop:{{version}}",
        container="app",
        container_port=8000,
        rule=rule,
        target_groups=groups,
        region=REGION,
        endpoint=url,
        environment={"B": "ours"},
        stop_timeout=timedelta(seconds=5),
    )


async def _balancer(aws: Aws, where: Where, subnets: list[str]) -> tuple[tuple[str, str], str]:
    async def ask(operation: str, **values: Any) -> Any:
        return await aws.ask(where, "elbv2", operation, "the load balancer", **values)

    made = await ask("CreateLoadBalancer", Name="shops", Subnets=subnets)
    balancer = made["LoadBalancers"][0]
    groups = [await ask("CreateTargetGroup", **_group(name, balancer["VpcId"])) for name in ("blue", "green")]
    blue, green = (group["TargetGroups"][0]["TargetGroupArn"] for group in groups)
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = await ask(
        "CreateListener",
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[fixed],
    )
    rule = await ask(
        "CreateRule",
        ListenerArn=listener["Listeners"][0]["ListenerArn"],
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Priority=10,
        Actions=[{"Type": "forward", "TargetGroupArn": blue}],
    )
    return (blue, green), rule["Rules"][0]["RuleArn"]


def _group(name: str, vpc: str) -> dict[str, Any]:
    return {"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip"}


async def _function(aws: Aws, where: Where) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = get_backend("iam")[ACCOUNT]["aws"].create_role("shop", policy, "/", None, "", [], "3600")
    values = {"Role": role.arn, "Code": {"ImageUri": f"{REGISTRY}/shop:v1"}, "PackageType": "Image"}
    environment = {"Variables": {"A": "base"}}
    await aws.ask(where, "lambda", "CreateFunction", "shop", FunctionName="shop", Environment=environment, **values)
