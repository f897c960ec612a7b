"""A namespace of the test's own on a real control plane, and what the world outside does there.

PILOTHOUSE_TEST_KUBECONFIG names the cluster. Its pods may be played (kwok) or run: the ends of image names choose the
fate of played ones (`-slow`, `-unready`, `-crashes`, `-unpullable`).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.kinds import ROUTE, Choice
from engine.infrastructure.kubernetes.platform import make
from engine.infrastructure.platform import Ground, Platform
from engine.ports import Instance, InstanceHealth
from engine.strategy_specs import StrategySpec
from engine.targets import KubernetesTarget

Json = dict[str, Any]
GROUP = ("gateway.networking.k8s.io", "v1")


@dataclass(slots=True)
class Hands:
    """What others do on the cluster, by the package's synchronous client."""

    namespace: str
    calls: client.ApiClient

    @property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.calls)

    @property
    def apps(self) -> client.AppsV1Api:
        return client.AppsV1Api(self.calls)

    @property
    def custom(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.calls)

    def account(self, folder: Path, rights: Mapping[tuple[str, str], Sequence[str]]) -> str:
        """The kubeconfig of an account that may do in the namespace what `rights` say of (group, resource)."""
        rules = [
            {"apiGroups": [group], "resources": [kind], "verbs": list(verbs)} for (group, kind), verbs in rights.items()
        ]
        roles = client.RbacAuthorizationV1Api(self.calls)
        self.core.create_namespaced_service_account(self.namespace, {"metadata": {"name": "ops"}})
        roles.create_namespaced_role(self.namespace, {"metadata": {"name": "ops"}, "rules": rules})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ops"}
        subject = {"kind": "ServiceAccount", "name": "ops", "namespace": self.namespace}
        binding = {"metadata": {"name": "ops"}, "roleRef": role, "subjects": [subject]}
        roles.create_namespaced_role_binding(self.namespace, binding)
        token = self.core.create_namespaced_service_account_token("ops", self.namespace, {"spec": {}}).status.token
        found = yaml.safe_load(Path(kubeconfig()).read_text())
        found["users"] = [{"name": one["name"], "user": {"token": token}} for one in found["users"]]
        path = folder / "account"
        path.write_text(yaml.safe_dump(found))
        return str(path)

    def pods(self, labels: str = "") -> list[Any]:
        return list(self.core.list_namespaced_pod(self.namespace, label_selector=labels).items)

    def pod(self, one: Instance) -> Any:
        ordinal = one.id.rpartition("-")[2]
        labels = f"pilothouse.dev/version={one.version},pilothouse.dev/ordinal={ordinal}"
        return next(pod for pod in self.pods(labels) if pod.metadata.deletion_timestamp is None)

    def kill(self, one: Instance) -> None:
        """The container of an instance gets SIGKILL and waits to be started again."""
        run = {"exitCode": 137, "reason": "Error", "startedAt": _now(), "finishedAt": _now()}
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
        self.judge(one, {"state": state, "lastState": {"terminated": run}, "restartCount": 1, "ready": False})

    def end(self, one: Instance) -> None:
        """The container of an instance ends for the first time; its node is about to start it again."""
        run = {"exitCode": 1, "reason": "Error", "startedAt": _now(), "finishedAt": _now()}
        self.judge(one, {"state": {"terminated": run}, "restartCount": 0, "ready": False})

    def sicken(self, one: Instance) -> None:
        """An instance fails its readiness probe."""
        self.judge(one, {"state": {"running": {"startedAt": _now(-60)}}, "restartCount": 0, "ready": False})

    def judge(self, one: Instance, container: Json) -> None:
        """Write the status of a pod as its kubelet would."""
        name = self.pod(one).metadata.name
        status = {
            "phase": "Running",
            "conditions": [
                {"type": kind, "status": str(container["ready"]), "lastTransitionTime": _now()}
                for kind in ("Ready", "ContainersReady")
            ],
            "containerStatuses": [{"name": "app", "image": "shop", "imageID": "", **container}],
        }
        self.core.patch_namespaced_pod_status(name, self.namespace, {"status": status})

    def service(self, name: str, selector: Mapping[str, str] | None = None) -> None:
        """A Service that people made."""
        spec = {"ports": [{"port": 80, "targetPort": 8080}], "selector": dict(selector or {"app": "legacy"})}
        self.core.create_namespaced_service(self.namespace, {"metadata": {"name": name}, "spec": spec})

    def route(self, rules: list[Json] | None = None) -> None:
        """The HTTPRoute `shop` that people made."""
        spec = {"parentRefs": [{"name": "edge"}], "rules": rules or [{"backendRefs": []}]}
        body = {"apiVersion": "/".join(GROUP), "kind": "HTTPRoute", "metadata": {"name": "shop"}, "spec": spec}
        self.custom.create_namespaced_custom_object(*GROUP, self.namespace, "httproutes", body)

    def change_route(self, spec: Json) -> None:
        """Change the HTTPRoute as people do."""
        self.custom.patch_namespaced_custom_object(*GROUP, self.namespace, "httproutes", "shop", {"spec": spec})

    def read_route(self) -> Json:
        found: Json = self.custom.get_namespaced_custom_object(*GROUP, self.namespace, "httproutes", "shop")
        return found

    def answer_route(
        self, route: Json, resolved: str = "True", reason: str = "ResolvedRefs", message: str = ""
    ) -> None:
        """Write the route's status for the generation of `route`, as a gateway's controller would."""
        generation = route["metadata"]["generation"]
        fields = {"observedGeneration": generation, "lastTransitionTime": _now()}
        conditions = [
            {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", **fields},
            {"type": "ResolvedRefs", "status": resolved, "reason": reason, "message": message, **fields},
        ]
        parent = {"parentRef": {"name": "edge"}, "controllerName": "tests.example/gateway", "conditions": conditions}
        self.custom.patch_namespaced_custom_object_status(
            *GROUP, self.namespace, "httproutes", "shop", {"status": {"parents": [parent]}}
        )


@dataclass(slots=True)
class Shop:
    """A placement on the cluster with the ports of its platform."""

    place: Placement
    platform: Platform
    hands: Hands
    api: Api
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def with_target(self, **changes: Any) -> Placement:
        """The placement with another target."""
        return replace(self.place, target=replace(self.place.on(KubernetesTarget), **changes))

    async def well(self, place: Placement | None = None) -> tuple[Instance, ...]:
        """The instances, once all of them are well."""
        return await self.observed(lambda seen: {one.health for one in seen} == {InstanceHealth.HEALTHY}, place)

    async def observed(
        self, happened: Callable[[tuple[Instance, ...]], bool], place: Placement | None = None
    ) -> tuple[Instance, ...]:
        """The instances, once they are as `happened` says."""
        seen: tuple[Instance, ...] = ()

        async def as_wanted() -> bool:
            nonlocal seen
            seen = tuple(await self.platform.manager.observe(place or self.place))
            return happened(seen)

        await eventually(as_wanted)
        return seen

    async def play_gateway(self) -> None:
        """Accept each generation of every route, as a gateway's controller does."""
        listed = await self.api.find(Choice(ROUTE, self.hands.namespace, ""))
        for route in listed["items"]:
            self.hands.answer_route(route)
        async for event in self.api.watch(
            Choice(ROUTE, self.hands.namespace, ""), listed["metadata"]["resourceVersion"]
        ):
            if event is not None and event["type"] in {"ADDED", "MODIFIED"}:
                await asyncio.to_thread(self._answer, event["object"])

    def _answer(self, route: Json) -> None:
        told = [
            condition["observedGeneration"]
            for parent in (route.get("status") or {}).get("parents") or ()
            for condition in parent["conditions"]
        ]
        if any(one < route["metadata"]["generation"] for one in told) or not told:
            self.hands.answer_route(route)


async def eventually(happened: Callable[[], Awaitable[bool]]) -> None:
    """Look again until it happened, for ten seconds at most."""
    end = time.monotonic() + 10
    while not await happened():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


async def another_second() -> None:
    """Wait for the clock to come to the next whole second."""
    begun = int(time.time())

    async def ticked() -> bool:
        return int(time.time()) > begun

    await eventually(ticked)


def kubeconfig() -> str:
    """The kubeconfig of the cluster for tests; skips the test when there is none."""
    found = os.environ.get("PILOTHOUSE_TEST_KUBECONFIG", "")
    if not found:
        pytest.skip("PILOTHOUSE_TEST_KUBECONFIG names no cluster; a kind or minikube cluster serves")
    return found


@asynccontextmanager
async def kubernetes_shop(gateway: bool = True, **target: Any) -> AsyncIterator[Shop]:
    """A shop in a namespace of its own, with a gateway that accepts its routes unless `gateway` is False."""
    path, namespace = kubeconfig(), f"pilothouse-test-{secrets.token_hex(4)}"
    with config.new_client_from_config(path) as calls:
        hands = Hands(namespace, calls)
        await asyncio.to_thread(_create_namespace, hands)
        chosen = {"name": "shop", "image": "registry.example/shop:{version}", "container_port": 8080, "route": "shop"}
        runs_on = KubernetesTarget(**{**chosen, **target}, namespace=namespace, kubeconfig=path)
        health = HealthCheck(interval=timedelta(milliseconds=100), timeout=timedelta(seconds=1))
        place = Placement(
            ServiceName("shop"), EnvironmentName("production"), runs_on, health, StrategySpec("all", "rolling")
        )
        platform = make(Ground(Path(), lambda: datetime.now(UTC)))
        shop = Shop(place, platform, hands, Api(path, ""))
        if runs_on.router == "gateway":
            hands.route()
        task = asyncio.create_task(shop.play_gateway(), name="gateway") if gateway else None
        try:
            yield shop
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await platform.close()
            await shop.api.close()
            hands.core.delete_namespace(namespace)
            calls.rest_client.pool_manager.clear()


def _create_namespace(hands: Hands) -> None:
    """Pods are refused before the namespace has its default account."""
    hands.core.create_namespace({"metadata": {"name": hands.namespace}})
    end = time.monotonic() + 10
    while not hands.core.list_namespaced_service_account(hands.namespace).items:
        assert time.monotonic() < end, "the namespace got no account"
        time.sleep(0.02)


def _now(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


V1, V2 = Version("v1"), Version("v2")
