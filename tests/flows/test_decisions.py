"""Who decides on a plan, once, and that everybody can see who it was."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.fakes.house import House, all_text, has_button
from tests.fakes.scene import Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("decisions")]

SCENE = Scene(steps=((50, "100ms"), (100, "100ms")))


async def test_the_requester_cannot_approve_but_another_can(house: House) -> None:
    id = await house.deploy("ada", "v1")  # noqa: A001
    ada, ben = await house.person("ada"), await house.person("ben")
    message = await house.message(id, lambda one: has_button(one, "deployment.approve"))
    await ada.click(message, "deployment.approve")
    refused = await house.private(ada, lambda one: "Another person" in one["text"])
    assert "Ask Ben" in refused["text"]
    assert house.chronicle.deployment(id).approvals == ()
    await ben.click(message, "deployment.approve")
    await house.end_of(id, "DeploymentSucceeded")
    decided = await house.message(id, "Succeeded")
    assert not has_button(decided, "deployment.approve")
    assert not has_button(decided, "deployment.reject")
    assert "<@U0BEN>" in all_text(decided)


async def test_two_clicks_at_once_are_one_approval_and_one_start(house: House) -> None:
    id = await house.deploy("ada", "v1", "staging")  # noqa: A001
    await house.end_of(id, "DeploymentSucceeded")
    id = await house.deploy("ada", "v2")  # noqa: A001
    ben = await house.person("ben")
    message = await house.message(id, lambda one: has_button(one, "deployment.approve"))
    await asyncio.gather(*(ben.click(message, "deployment.approve") for _ in range(3)))
    await house.end_of(id, "DeploymentSucceeded")
    kinds = [one.type for one in house.chronicle.of(id)]
    assert kinds.count("DeploymentApproved") == 1
    assert kinds.count("DeploymentStarted") == 1


async def test_a_viewer_cannot_approve(house: House) -> None:
    id = await house.deploy("ada", "v1")  # noqa: A001
    cleo = await house.person("cleo")
    message = await house.message(id, lambda one: has_button(one, "deployment.approve"))
    await cleo.click(message, "deployment.approve")
    refused = await house.private(cleo, lambda one: "may not" in one["text"])
    assert refused["text"] == "Cleo may not approve or reject deployments to production. Ask Ada or Ben."
    assert house.chronicle.deployment(id).decisions == ()
    await house.ask("ada", f"/ops abort {id}")
    await house.end_of(id, "DeploymentCancelled")


async def test_a_rejected_plan_does_nothing_and_its_old_button_says_who_decided(house: House) -> None:
    starts = house.starts()
    id = await house.deploy("ada", "v1")  # noqa: A001
    ada, ben = await house.person("ada"), await house.person("ben")
    old = await house.message(id, lambda one: has_button(one, "deployment.approve"))
    await ben.click(old, "deployment.reject")
    await house.end_of(id, "DeploymentRejected")
    rejected = await house.message(id, "rejected")
    assert "<@U0BEN>" in all_text(rejected)
    mark = ada.mark()
    await ada.click(old, "deployment.approve")
    stale = await house.private(ada, since=mark)
    assert "This was decided: rejected by" in stale["text"]
    assert house.starts() == starts


@pytest.mark.parametrize("way", ["button", "by service", "by id"])
async def test_what_waits_can_be_aborted(house: House, way: str) -> None:
    id = await house.deploy("ada", "v1")  # noqa: A001
    message = await house.message(id, lambda one: has_button(one, "deployment.abort"))
    ada = await house.person("ada")
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "button": lambda: ada.click(message, "deployment.abort"),
        "by service": lambda: house.ask("ada", "/ops abort shop in production"),
        "by id": lambda: house.ask("ada", f"/ops abort {id}"),
    }
    await ways[way]()
    await house.end_of(id, "DeploymentCancelled")
    ended = await house.message(id, "aborted")
    assert not has_button(ended, "deployment.abort")


async def test_a_second_deployment_of_the_same_service_is_refused_with_the_first(house: House) -> None:
    id = await house.deploy("ada", "v1")  # noqa: A001
    answer = await house.ask("ben", "/ops deploy shop v3 to production")
    assert "is deploying shop v1 to production" in answer["text"]
    await house.ask("ada", f"/ops abort {id}")
    await house.end_of(id, "DeploymentCancelled")


async def test_a_plan_nobody_decides_on_expires_by_itself(
    houses: Callable[..., Awaitable[House]],
) -> None:
    house = await houses(Scene(approval_expires="1s"))
    await house.start()
    id = await house.deploy("ada", "v1")  # noqa: A001
    message = await house.message(id, lambda one: has_button(one, "deployment.approve"))
    await house.end_of(id, "DeploymentExpired")
    expired = await house.message(id, "nobody decided in time")
    assert not has_button(expired, "deployment.approve")
    ben = await house.person("ben")
    mark = ben.mark()
    await ben.click(message, "deployment.approve")
    assert "expired" in (await house.private(ben, since=mark))["text"]
    assert house.starts() == []
