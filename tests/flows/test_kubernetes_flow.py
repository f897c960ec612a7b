"""Services on Kubernetes through the whole product, asked for in chat, on a real control plane."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import yaml

from engine.deployments.deployment import DeploymentId
from tests.fakes.house import House, all_text, told_once
from tests.fakes.kubernetes_shop import Shop, kubernetes_shop
from tests.fakes.scene import HEALTHY, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("kubernetes flow")]

STEPS = ((25, "500ms"), (100, "500ms"))
SWITCH = {"kind": "blue-green", "dwell": "500ms", "keep_old": "1s", "gates": [HEALTHY]}
SCENE = Scene(steps=STEPS, approval_at=len(STEPS) - 1, quick=SWITCH)
COLOURS = "colours"  # the Service of staging


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    """A namespace with an HTTPRoute and a Service that people made, and a gateway that takes the route's weights."""
    async with kubernetes_shop() as made:
        made.hands.service(COLOURS)
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The product, whose shop runs on the cluster in both environments."""
    async with House(tmp_path_factory.mktemp("house"), SCENE) as opened:
        _move_to_cluster(opened, shop)
        await opened.start()
        yield opened


def _move_to_cluster(house: House, shop: Shop) -> None:
    """Production behind the weights of the route, staging behind the selector of the Service."""
    target = shop.place.target
    kept = ("image", "container_port", "namespace", "kubeconfig")
    common: dict[str, Any] = {name: getattr(target, name) for name in kept} | {"stop_timeout": "1s"}
    file = yaml.safe_load(house.settings.read_text(encoding="utf-8"))
    service = file["services"]["shop"]
    del service["local"]
    service["environments"] = {
        "production": {
            "instances": 2,
            "strategy": "careful",
            "kubernetes": {**common, "name": "shop", "route": "shop"},
        },
        "staging": {
            "instances": 1,
            "strategy": "quick",
            "kubernetes": {**common, "name": "stage", "router": "service", "service": COLOURS},
        },
    }
    house.settings.write_text(yaml.safe_dump(file), encoding="utf-8")


def weights(shop: Shop) -> dict[str, int]:
    """What the route says, by the names of the versions' Services."""
    refs = shop.hands.read_route()["spec"]["rules"][0]["backendRefs"]
    return {one["name"]: one["weight"] for one in refs if one["weight"]}


def runs(shop: Shop, environment: str = "production") -> dict[str, str]:
    """The versions of the pods that live, by their uids."""
    pods = shop.hands.pods(f"pilothouse.dev/environment={environment}")
    alive = [pod.metadata for pod in pods if pod.metadata.deletion_timestamp is None]
    return {one.uid: one.labels["pilothouse.dev/version"] for one in alive}


async def began(house: House, version: str) -> DeploymentId:
    """A deployment to production that two people agreed to."""
    id = await house.deploy("ada", version)  # noqa: A001
    await house.approve("ben", id)
    return id


async def approve_step(house: House, id: DeploymentId) -> None:  # noqa: A002
    """Agree to the step that waits, as soon as the message offers it."""
    paused = await house.message(id, lambda one: "Paused" in one["text"])
    await (await house.person("ben")).click(paused, "deployment.approve")


async def test_a_canary_gets_its_weights_from_the_route_and_waits_for_a_person(house: House, shop: Shop) -> None:
    await house.bring_out("v1")
    assert weights(shop) == {"shop-v1": 100}
    id = await began(house, "v2")  # noqa: A001
    await house.message(id, lambda one: "Paused" in one["text"])
    assert weights(shop) == {"shop-v1": 75, "shop-v2": 25}
    await approve_step(house, id)
    await house.end_of(id, "DeploymentSucceeded")
    assert weights(shop) == {"shop-v2": 100}
    assert list(runs(shop).values()) == ["v2", "v2"]
    await told_once(house, id, "Succeeded")


async def test_a_version_that_crashes_goes_back_with_what_the_cluster_says(house: House, shop: Shop) -> None:
    before = runs(shop)
    id = await began(house, "v3-crashes")  # noqa: A001
    await house.end_of(id, "DeploymentRolledBack")
    shown = all_text(await house.message(id, "Rolled back"))
    assert "CrashLoopBackOff: back-off 10s restarting failed container" in shown
    assert (weights(shop), runs(shop)) == ({"shop-v2": 100}, before)


async def test_killed_in_the_middle_it_goes_on_and_nothing_is_started_twice(house: House, shop: Shop) -> None:
    id = await began(house, "v4")  # noqa: A001
    await house.fall(f"deployment/{id}", "WeightShifted", weight=25)
    begun = {uid for uid, version in runs(shop).items() if version == "v4"}
    assert weights(shop) == {"shop-v2": 75, "shop-v4": 25}
    await approve_step(house, id)
    await house.end_of(id, "DeploymentSucceeded")
    assert weights(shop) == {"shop-v4": 100}
    after = runs(shop)
    assert list(after.values()) == ["v4", "v4"]
    assert begun <= set(after)
    await told_once(house, id, "Succeeded")


async def test_blue_green_turns_the_selector_of_the_service(house: House, shop: Shop) -> None:
    await house.bring_out("v1", "staging")
    id = await house.bring_out("v2", "staging")  # noqa: A001
    service: Any = shop.hands.core.read_namespaced_service(COLOURS, shop.hands.namespace)
    assert service.spec.selector["pilothouse.dev/version"] == "v2"
    assert list(runs(shop, "staging").values()) == ["v2"]
    assert "v1 is kept for 1 s" in all_text(await house.message(id, "Succeeded"))
