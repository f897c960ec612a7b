"""What the product uses while it watches a thousand services on Kubernetes and nothing happens."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import yaml
from kubernetes import client, config

from bot.settings.domain import to_catalog
from bot.settings.read import load_settings
from engine.catalog import Catalog, Placement, Version
from engine.components import changes
from engine.components.journal import ComponentJournal
from engine.components.lifecycle import Component
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.kinds import POD, SERVICE, Choice, Ref
from engine.infrastructure.kubernetes.manifest import resolve
from engine.infrastructure.kubernetes.names import ORDINAL_LABEL, SERVICE_LABEL
from engine.infrastructure.kubernetes.pods import parse_pod
from engine.infrastructure.kubernetes.services import selection
from engine.targets import KubernetesTarget
from storage.database import open_database
from storage.events import NewEvent
from tests.bench.figure import Figure, NotHere
from tests.bench.process import cpu_seconds, memory
from tests.fakes.chronicle import Chronicle
from tests.fakes.house import House
from tests.fakes.scene import Scene

MANY: Final = 1000
INTERVAL: Final = timedelta(seconds=10)
WINDOWS: Final = 5
WINDOW: Final = INTERVAL.total_seconds()  # each holds one check of every service
AT_ONCE: Final = 40
WITHIN: Final = 120.0  # seconds
LOOK: Final = 0.5
V1: Final = Version("v1")
HOW: Final = (
    f"{MANY} services of one pod each in one namespace of a Kubernetes cluster, all running and well, with health "
    f"checks every {INTERVAL.total_seconds():.0f} s, on SQLite; the pods carry the labels of their Deployments"
)


async def measure() -> Sequence[Figure]:
    """The share of one core, and memory."""
    with tempfile.TemporaryDirectory(prefix="many-services-") as room:
        async with House(Path(room), Scene()) as house, _cluster() as cluster:
            _settle_there(house, cluster)
            catalog = to_catalog(load_settings(house.settings))
            await cluster.run(catalog.placements())
            await _note_running(house, catalog)
            await house.start()
            await _all_seen(house.chronicle)
            await asyncio.sleep(INTERVAL.total_seconds())
            shares = [await _share(house.pid) for _ in range(WINDOWS)]
            held = memory(house.pid)
    over = f"over {WINDOWS} windows of {WINDOW:.0f} s: {HOW}"
    return [
        Figure(f"CPU of watching {MANY} services", "% of a core", tuple(shares), over, aim=5),
        Figure(f"Memory of watching {MANY} services", "MB", (held.proportional,), f"by its share: {HOW}"),
    ]


@dataclass(frozen=True, slots=True)
class _Cluster:
    """A namespace of its own on the cluster of the tests, and the nodes there are."""

    path: str
    namespace: str
    nodes: Sequence[str]
    api: Api

    async def run(self, places: Sequence[Placement]) -> None:
        """A Service and a pod for each; done when all pods are ready."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, place: Placement) -> None:
            async with gate:
                await self._run(place, self.nodes[number % len(self.nodes)])

        await asyncio.gather(*(one(*pair) for pair in enumerate(places)))
        await _until(lambda: self._ready(len(places)))

    async def _run(self, place: Placement, node: str) -> None:
        target, pod = place.on(KubernetesTarget), (await resolve(place, V1))["spec"]["template"]
        ports = [{"port": 80, "targetPort": target.container_port}]
        spec = {"selector": selection(place, V1), "ports": ports}
        await self.api.apply(
            Ref(SERVICE, self.namespace, target.service), {"metadata": {"name": target.service}, "spec": spec}
        )
        name, labels = f"{target.name}-v1", {**pod["metadata"]["labels"], ORDINAL_LABEL: "1"}
        # On its node already: the scheduler would take a while.
        body = {
            "metadata": {**pod["metadata"], "name": name, "labels": labels},
            "spec": {**pod["spec"], "nodeName": node},
        }
        await self.api.apply(Ref(POD, self.namespace, name), body)

    async def _ready(self, many: int) -> bool:
        listed = await self.api.find(Choice(POD, self.namespace, SERVICE_LABEL))
        return sum(parse_pod(one).ready for one in listed["items"]) == many


@asynccontextmanager
async def _cluster() -> AsyncIterator[_Cluster]:
    path = os.environ.get("PILOTHOUSE_TEST_KUBECONFIG", "")
    if not path:
        raise NotHere("PILOTHOUSE_TEST_KUBECONFIG names no cluster; kwok has to play its nodes")
    name, loader = f"pilothouse-bench-{secrets.token_hex(4)}", cast("Any", config)
    with loader.new_client_from_config(path) as calls:
        core, api = cast("Any", client.CoreV1Api(calls)), Api(path, "")
        core.create_namespace({"metadata": {"name": name}})
        nodes = [one.metadata.name for one in core.list_node().items]
        try:
            yield _Cluster(path, name, nodes, api)
        finally:
            core.delete_namespace(name)
            await api.close()


def _settle_there(house: House, cluster: _Cluster) -> None:
    """Many services on the cluster instead of the shop."""
    file = yaml.safe_load(house.settings.read_text(encoding="utf-8"))
    file["environments"] = {"staging": file["environments"]["staging"]}
    file["services"] = {f"s{n}": _service(cluster, f"s{n}") for n in range(MANY)}
    house.settings.write_text(yaml.safe_dump(file), encoding="utf-8")


def _service(cluster: _Cluster, name: str) -> dict[str, Any]:
    where = {"namespace": cluster.namespace, "kubeconfig": cluster.path, "router": "service", "service": name}
    return {
        "kubernetes": {"name": name, "image": "registry.example/shop:{version}", "container_port": 8080, **where},
        "health": {"interval": f"{INTERVAL.total_seconds():.0f}s"},
        "environments": {"staging": {"instances": 1, "strategy": "quick"}},
    }


async def _note_running(house: House, catalog: Catalog) -> None:
    """Write into the product's book what a deployment of v1 to each of them would have."""
    house.data.mkdir(exist_ok=True)
    database = await open_database(f"sqlite:///{house.data / 'pilothouse.sqlite'}")
    journal, at = ComponentJournal(database.log), datetime.now(UTC)
    for place in catalog.placements():
        begun = partial(changes.begun, place=place, version=V1, deployment="bench")
        await journal.record(place, begun, at=at)
        await journal.record(place, _finished, at=at)
    await database.close()


def _finished(component: Component | None) -> Sequence[NewEvent]:
    assert component is not None
    return changes.finished(component, V1, "bench")


async def _all_seen(chronicle: Chronicle) -> None:
    """Wait until the product has noted every pod as well."""
    well, last = set[str](), 0

    async def all_well() -> bool:
        nonlocal last
        for one in chronicle.facts("component-", after=last):
            last = one.position
            if one.data.get("health") == "healthy":
                well.add(one.stream)
        return len(well) == MANY

    await _until(all_well)


async def _until(fits: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            if await fits():
                return
            await asyncio.sleep(LOOK)


async def _share(pid: int) -> float:
    loop, before = asyncio.get_running_loop(), cpu_seconds(pid)
    begin = loop.time()
    await asyncio.sleep(WINDOW)
    return 100 * (cpu_seconds(pid) - before) / (loop.time() - begin)
