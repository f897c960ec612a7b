"""Where a router counts no requests, nobody is shown a number that was not measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.inputs.api import present
from bot.views.deployment import render_deployment
from engine.catalog import Environment, EnvironmentName, Version
from engine.commands import Approve, Deploy
from engine.deployments.deployment import Deployment
from engine.deployments.plan import make_plan, make_return_plan
from engine.ports import Artifact
from engine.targets import ContainerTarget, EcsTarget, KubernetesTarget, LambdaTarget, Target
from tests.fakes.blockkit import KNOWN_USER, check, words
from tests.fakes.durable import VirtualClock
from tests.unit.deployments.world import ANN, BEN, ROLLING, Town, World

ECS = EcsTarget("c", "f", "shop:{version}", "app", 80, "arn:rule", ("arn:a", "arn:b"), "eu-west-1")
NOT_COUNTED = "Requests are not counted by this router"


@pytest.mark.parametrize(
    ("target", "counted"),
    [
        (None, True),
        (ContainerTarget("shop:{version}", 80, 9480), True),
        (KubernetesTarget("shop", "shop:{version}", 80), False),
        (ECS, False),
        (LambdaTarget("shop", "live", "shop:{version}", "eu-west-1"), False),
    ],
)
def test_a_plan_knows_whether_its_router_counts(target: Target | None, counted: bool) -> None:
    clock = VirtualClock()
    place = World(clock, strategy=ROLLING).place
    place = place if target is None else replace(place, target=target)
    artifact, before = Artifact(Version("v2"), "sha256:x"), Version("v1")
    plan = make_plan(place, Environment(EnvironmentName("production")), artifact, before, now=clock())
    assert (plan.counted, make_return_plan(place, artifact, before).counted) == (counted, counted)


async def under_way(*, counted: bool, requests: int) -> Deployment:
    town = Town()
    town.settle()
    planned = await town.desk.deploy(town.ask(Deploy("shop", "v2", "production")), ANN)
    await town.desk.approve(town.ask(Approve(planned.id)), BEN)
    await town.run(1)
    found = await town.at(planned)
    assert found.started_at is not None
    return replace(found, plan=replace(found.plan, counted=counted), requests=requests, lost=0)


async def said(deployment: Deployment) -> str:
    message = render_deployment(deployment, mention=lambda _: KNOWN_USER, now=deployment.requested_at)
    check(message)
    return words(message.blocks)


async def test_the_message_says_that_nobody_counts() -> None:
    assert NOT_COUNTED in await said(await under_way(counted=False, requests=0))
    counted = await said(await under_way(counted=True, requests=7))
    assert "7 requests went through the proxy meanwhile, 0 were lost" in counted
    assert NOT_COUNTED not in counted
    none_yet = await said(await under_way(counted=True, requests=0))
    assert NOT_COUNTED not in none_yet
    assert "went through" not in none_yet


async def test_the_api_says_null_and_not_zero() -> None:
    for counted, told in ((False, None), (True, 0)):
        one = await under_way(counted=counted, requests=0)
        shown = present.deployment(one, now=one.requested_at)
        assert (shown.requests, shown.lost) == (told, told)
