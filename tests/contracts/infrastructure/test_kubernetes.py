"""Pods and their Deployments on a real control plane: what the contract of all managers does not know of."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.catalog import Version
from engine.deployments.action import run_of
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.kubernetes import deployments, manager
from engine.infrastructure.kubernetes.platform import make
from engine.infrastructure.platform import Ground
from engine.ports import InstanceHealth, InstanceId
from tests.fakes.kubernetes_shop import V1, V2, eventually, kubernetes_shop

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: beside}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: anything, labels: {team: sales}}
spec:
  replicas: 7
  revisionHistoryLimit: 3
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - {name: shop, image: none, env: [{name: LEVEL, value: old}, {name: KEPT, value: kept}]}
      - {name: sidecar, image: registry.example/sidecar, resources: {requests: {cpu: 1m}}}
"""


@pytest.fixture
async def shop():
    async with kubernetes_shop(gateway=False) as made:
        yield made


def ids(instances) -> list[str]:
    return [one.id.removeprefix("shop-production-") for one in instances]


async def test_a_pod_in_place_of_another_gets_its_ordinal(shop) -> None:
    await shop.platform.manager.start(shop.place, V1, [1, 2, 3])
    before = await shop.well()
    shop.hands.core.delete_namespaced_pod(shop.hands.pod(before[1]).metadata.name, shop.hands.namespace)
    after = await shop.observed(
        lambda seen: (
            len(seen) == 3 and seen[1].health is InstanceHealth.HEALTHY and run_of(seen[1]) != run_of(before[1])
        )
    )
    assert ids(after) == ["v1-1", "v1-2", "v1-3"]
    assert [run_of(one) for one in (after[0], after[2])] == [run_of(one) for one in (before[0], before[2])]


async def test_the_pods_that_are_meant_go_and_their_places_are_free_again(shop) -> None:
    await shop.platform.manager.start(shop.place, V1, [1, 2, 3])
    before = await shop.well()
    await shop.platform.manager.stop(shop.place, [before[0].id, before[1].id])
    assert [run_of(one) for one in await shop.platform.manager.observe(shop.place)] == [run_of(before[2])]
    await shop.platform.manager.start(shop.place, V1, [2, 5])
    assert ids(await shop.platform.manager.observe(shop.place)) == ["v1-2", "v1-3", "v1-5"]


async def test_the_one_that_stays_takes_the_place_when_kubernetes_takes_another(shop) -> None:
    await shop.platform.manager.start(shop.place, V1, [1, 2])
    before = await shop.well()
    shop.hands.sicken(before[1])  # a ReplicaSet takes one that is not ready first, whatever its cost
    await shop.observed(lambda seen: seen[1].health is InstanceHealth.UNHEALTHY)
    await shop.platform.manager.stop(shop.place, [before[0].id])
    (left,) = await shop.platform.manager.observe(shop.place)
    assert (ids([left]), left.health) == (["v1-2"], InstanceHealth.HEALTHY)


async def test_the_last_to_go_takes_the_deployment_along(shop) -> None:
    await shop.platform.manager.start(shop.place, V1, [1])
    await shop.platform.manager.start(shop.place, V2, [1])
    await shop.platform.manager.stop(shop.place, [InstanceId("shop-production-v1-1")])
    assert await shop.platform.artifacts.versions(shop.place) == ("v2",)
    assert ids(await shop.platform.manager.observe(shop.place)) == ["v2-1"]


async def test_a_crash_loop_is_dead_in_the_words_of_the_platform_and_each_start_is_a_new_run(shop) -> None:
    version = Version("v1-crashes")
    runs = set()
    for _ in range(3):
        await shop.platform.manager.start(shop.place, version, [1])
        (seen,) = await shop.observed(lambda seen: [one.health for one in seen] == [InstanceHealth.DEAD])
        runs.add(run_of(seen))
    assert len(runs) == 3
    assert seen.note == "app: CrashLoopBackOff: back-off 10s restarting failed container. Restarts: 3."


async def test_a_container_that_ended_once_is_left_to_its_node(shop) -> None:
    await shop.platform.manager.start(shop.place, V1, [1])
    (before,) = await shop.well()
    name = shop.hands.pod(before).metadata.name
    shop.hands.end(before)
    (seen,) = await shop.observed(lambda seen: [one.health for one in seen] == [InstanceHealth.DEAD])
    assert seen.note == "app: Error with exit code 1."
    await shop.platform.manager.start(shop.place, V1, [1])
    assert shop.hands.pod(before).metadata.name == name


async def test_an_image_that_cannot_be_pulled_is_unhealthy_and_says_so(shop) -> None:
    await shop.platform.manager.start(shop.place, Version("v1-unpullable"), [1])
    (seen,) = await shop.observed(lambda seen: seen[0].health is InstanceHealth.UNHEALTHY)
    assert seen.note == "app: ImagePullBackOff: Back-off pulling image."


async def test_not_ready_is_starting_until_the_grace_is_over(shop) -> None:
    clock = [datetime.now(UTC)]
    late = make(Ground(Path(), lambda: clock[0]))
    await late.manager.start(shop.place, Version("v1-unready"), [1])

    async def placed() -> bool:
        (seen,) = await late.manager.observe(shop.place)
        return bool(seen.address)

    await eventually(placed)
    (seen,) = await late.manager.observe(shop.place)
    assert seen.health is InstanceHealth.STARTING
    clock[0] += shop.place.health.grace + timedelta(seconds=2)
    (seen,) = await late.manager.observe(shop.place)
    assert seen.health is InstanceHealth.UNHEALTHY
    await late.close()


async def test_a_pod_that_no_node_takes_says_what_the_scheduler_says(shop, tmp_path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_text(MANIFEST.replace("cpu: 1m", "cpu: 9000"))
    place = shop.with_target(manifest=str(path), container="shop")
    await shop.platform.manager.start(place, V1, [1])
    (seen,) = await shop.observed(lambda seen: seen[0].health is InstanceHealth.UNHEALTHY, place)
    assert seen.note.startswith("Unschedulable: 0/2 nodes are available")


async def test_a_quota_is_a_temporary_failure_with_its_words(shop, monkeypatch) -> None:
    monkeypatch.setattr(manager, "_APPEAR", timedelta(seconds=3))
    body = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}}
    shop.hands.core.create_namespaced_resource_quota(shop.hands.namespace, body)
    with pytest.raises(TemporaryFailure, match=r"exceeded quota: few") as failed:
        await shop.platform.manager.start(shop.place, V1, [1, 2])
    assert failed.value.retry_after
    assert len(await shop.platform.manager.observe(shop.place)) <= 1


async def test_a_manifest_keeps_what_is_not_ours(shop, tmp_path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(MANIFEST)
    place = shop.with_target(manifest=str(path), container="shop", environment={"LEVEL": "new", "MODE": "fast"})
    digest = (await shop.platform.artifacts.artifact(place, V1)).digest
    await shop.platform.manager.start(place, V1, [1, 2])
    await shop.well(place)
    found = shop.hands.apps.read_namespaced_deployment("shop-v1", shop.hands.namespace)
    first, sidecar = found.spec.template.spec.containers
    assert (found.metadata.labels["team"], found.spec.template.metadata.labels["app"]) == ("sales", "shop")
    assert (found.spec.replicas, found.spec.revision_history_limit) == (2, 3)
    assert (first.image, sidecar.image) == ("registry.example/shop:v1", "registry.example/sidecar")
    assert [(one.name, one.value) for one in first.env] == [("KEPT", "kept"), ("LEVEL", "new"), ("MODE", "fast")]
    path.write_text(MANIFEST.replace("cpu: 1m", "cpu: 2m"))
    assert (await shop.platform.artifacts.artifact(place, V1)).digest != digest


async def test_two_versions_of_one_name_are_told_apart(shop) -> None:
    await shop.platform.manager.start(shop.place, Version("1.0"), [1])
    with pytest.raises(PermanentFailure, match=r"Deployment shop-1-0 .* but its version 1\.0"):
        await shop.platform.manager.start(shop.place, Version("1-0"), [1])
    assert ids(await shop.platform.manager.observe(shop.place)) == ["1.0-1"]


async def test_two_replicas_of_pilothouse_give_no_ordinal_twice(shop) -> None:
    others = [make(Ground(Path(), lambda: datetime.now(UTC))) for _ in range(2)]
    try:
        starts = [one.manager.start(shop.place, V1, [n * 2 + 1, n * 2 + 2]) for n, one in enumerate(others)]
        watching = asyncio.create_task(shop.observed(lambda seen: len(seen) == 4), name="watching")
        await asyncio.gather(*starts)
        await watching
        views = [ids(await one.manager.observe(shop.place)) for one in (*others, shop.platform)]
        assert views == [["v1-1", "v1-2", "v1-3", "v1-4"]] * 3
    finally:
        for one in others:
            await one.close()


async def test_what_a_former_process_started_is_adopted_as_it_is(shop) -> None:
    await shop.platform.manager.start(shop.place, V1, [1, 2])
    before = await shop.well()
    later = make(Ground(Path(), lambda: datetime.now(UTC)))
    assert await later.manager.observe(shop.place) == before
    await later.close()


async def test_more_pods_by_other_hands_get_the_next_ordinals(shop) -> None:
    await shop.platform.manager.start(shop.place, V1, [2])
    shop.hands.apps.patch_namespaced_deployment_scale("shop-v1", shop.hands.namespace, {"spec": {"replicas": 3}})
    assert ids(await shop.observed(lambda seen: len(seen) == 3)) == ["v1-1", "v1-2", "v1-3"]


async def test_what_others_scaled_down_is_not_started_by_a_stop(shop) -> None:
    await shop.platform.manager.start(shop.place, V1, [1, 2])
    shop.hands.apps.patch_namespaced_deployment_scale("shop-v1", shop.hands.namespace, {"spec": {"replicas": 0}})
    await shop.observed(lambda seen: not seen)
    await shop.platform.manager.start(shop.place, V1, [2])
    assert ids(await shop.platform.manager.observe(shop.place)) == ["v1-2"]
    shop.hands.apps.patch_namespaced_deployment_scale("shop-v1", shop.hands.namespace, {"spec": {"replicas": 0}})
    await shop.observed(lambda seen: not seen)
    await shop.platform.manager.stop(shop.place, [InstanceId("shop-production-v1-1")])
    assert await shop.platform.artifacts.versions(shop.place) == ()


async def test_a_start_that_was_killed_half_way_is_taken_up_or_seen(shop) -> None:
    await deployments.create(shop.api, shop.place, V1)  # killed here, before it said how many
    await shop.platform.manager.start(shop.place, V2, [1])
    assert ids(await shop.platform.manager.observe(shop.place)) == ["v2-1"]
    late = make(Ground(Path(), lambda: datetime.now(UTC) + timedelta(minutes=1)))
    assert ids(await late.manager.observe(shop.place)) == ["v1-1", "v2-1"]
    await late.close()
    await shop.platform.manager.start(shop.place, V1, [1, 2])
    assert ids(await shop.platform.manager.observe(shop.place)) == ["v1-1", "v1-2", "v2-1"]


async def test_no_such_namespace_names_it(shop) -> None:
    place = shop.with_target(namespace="nowhere-at-all")
    with pytest.raises(PermanentFailure, match=r"nowhere-at-all"):
        await shop.platform.manager.start(place, V1, [1])
