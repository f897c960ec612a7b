"""The pods of a namespace are kept by one list and one watch; what breaks a watch never makes them old."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.platform import make
from engine.infrastructure.kubernetes.watch import PodWatch
from engine.infrastructure.platform import Ground
from engine.strategy_specs import StrategySpec
from engine.targets import KubernetesTarget
from tests.fakes.kubernetes_api import a_list, a_pod, event, events, ok, scripted_api, status
from tests.fakes.kubernetes_shop import eventually

SHOP = Placement(
    ServiceName("shop"),
    EnvironmentName("production"),
    KubernetesTarget("shop", "shop:{version}", 8080, namespace="sales"),
    HealthCheck(),
    StrategySpec("all", "rolling"),
)
EXPIRED = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}


@pytest.fixture
async def server(tmp_path):
    async with scripted_api(tmp_path) as made:
        yield made


@pytest.fixture
async def watch(server):
    api = Api(server.kubeconfig, "", patience=timedelta(seconds=1))
    made = PodWatch(api, "sales")
    yield made
    await made.close()
    await api.close()


async def names(watch: PodWatch) -> list[str]:
    return sorted(pod.name for pod in await watch.pods(SHOP))


async def listens(server, times: int = 1) -> None:
    async def seen() -> bool:
        return len(server.calls("WATCH pods")) >= times

    await eventually(seen)


async def test_a_thousand_services_cost_one_list_and_one_watch(server) -> None:
    server.answer("GET pods", ok(a_list("5", *(a_pod(f"p{n}", service=f"s{n}") for n in range(1000)))))
    server.answer("WATCH pods", events(then=asyncio.Event()))
    platform = make(Ground(Path(), lambda: datetime.now(UTC)))
    target = replace(SHOP.on(KubernetesTarget), kubeconfig=server.kubeconfig)
    places = [replace(SHOP, service=ServiceName(f"s{n}"), target=target) for n in range(1000)]
    seen = await asyncio.gather(*(platform.manager.observe(place) for place in places))
    assert [len(one) for one in seen] == [1] * 1000
    assert [one.what for one in server.asked] == ["GET pods", "WATCH pods"]
    await platform.close()


async def test_events_change_what_is_known(server, watch) -> None:
    more = asyncio.Event()
    server.answer("GET pods", ok(a_list("5", a_pod("a", "4"), a_pod("b", "5"))))
    server.answer(
        "WATCH pods",
        events(event("ADDED", "6", name="c"), event("DELETED", "7", name="a"), event("BOOKMARK", "9"), then=more),
    )
    assert await watch.until(lambda pods: sorted(p.name for p in pods) == ["b", "c"], SHOP, within=timedelta(seconds=5))
    assert [one.query["resourceVersion"] for one in server.calls("WATCH pods")] == ["5"]


async def test_a_watch_that_ends_goes_on_from_its_last_bookmark(server, watch) -> None:
    server.answer("GET pods", ok(a_list("5", a_pod("a", "4"))))
    server.answer(
        "WATCH pods",
        events(event("ADDED", "6", name="b"), event("BOOKMARK", "9")),
        events(event("ADDED", "10", name="c"), then=asyncio.Event()),
    )
    await names(watch)
    assert await watch.until(lambda pods: "c" in {pod.name for pod in pods}, SHOP, within=timedelta(seconds=5))
    assert [one.query["resourceVersion"] for one in server.calls("WATCH pods")] == ["5", "9"]


@pytest.mark.parametrize("broken", [events(EXPIRED), status(410, "too old"), events(cut=True), status(500, "down")])
async def test_a_watch_that_breaks_is_begun_anew_by_the_next_question(server, watch, broken) -> None:
    server.answer("GET pods", ok(a_list("5", a_pod("a", "4"))), ok(a_list("20", a_pod("z", "18"))))
    server.answer("WATCH pods", broken, events(then=asyncio.Event()))
    assert await names(watch) == ["a"]
    await listens(server)

    async def anew() -> bool:
        return await names(watch) == ["z"]

    await eventually(anew)
    await listens(server, 2)
    assert server.calls("WATCH pods")[-1].query["resourceVersion"] == "20"


async def test_without_the_right_to_watch_each_question_lists(server, watch, caplog) -> None:
    server.answer("GET pods", ok(a_list("5", a_pod("a", "4"))), ok(a_list("6", a_pod("b", "6"))))
    server.answer("WATCH pods", status(403, "pods is forbidden: cannot watch"))
    with caplog.at_level(logging.WARNING):
        assert await names(watch) == ["a"]
        assert await names(watch) == ["b"]
        await listens(server)

        async def told() -> bool:
            return "cannot watch" in caplog.text

        await eventually(told)
    assert len(server.calls("GET pods")) == 2


async def test_a_list_while_a_watch_goes_on_takes_nothing_from_what_it_told(server, watch) -> None:
    go = asyncio.Event()

    async def late(request):
        await go.wait()
        return await events(event("DELETED", "8", name="a"), then=asyncio.Event())(request)

    server.answer("GET pods", ok(a_list("5", a_pod("a", "4"))), ok(a_list("7", a_pod("a", "4"), a_pod("b", "7"))))
    server.answer("WATCH pods", events(event("ADDED", "7", name="b")), late)
    await names(watch)
    await listens(server, 2)
    assert await names(watch) == ["a", "b"]
    go.set()
    assert await watch.until(lambda pods: [one.name for one in pods] == ["b"], SHOP, within=timedelta(seconds=5))
    assert [one.query["resourceVersion"] for one in server.calls("WATCH pods")] == ["5", "7"]


async def test_what_cannot_be_listed_is_not_told_from_memory(server, watch) -> None:
    server.answer("GET pods", ok(a_list("5", a_pod("a", "4"))), status(500, "etcd is away"))
    server.answer("WATCH pods", status(500, "etcd is away"))
    assert await names(watch) == ["a"]
    await listens(server)
    with pytest.raises(TemporaryFailure, match="etcd is away"):
        await names(watch)


async def test_no_right_to_list_is_said(server, watch) -> None:
    server.answer("GET pods", status(403, 'pods is forbidden: User "ops" cannot list'))
    with pytest.raises(PermanentFailure, match='User "ops" cannot list'):
        await names(watch)


async def test_an_answer_is_known_before_the_watch_tells_and_not_after_the_end(server, watch) -> None:
    go = asyncio.Event()
    server.answer("GET pods", ok(a_list("5", a_pod("a", "4"))))
    server.answer("WATCH pods", events(then=go))
    await names(watch)
    await listens(server)
    watch.note(a_pod("a", "7", ordinal=3))
    watch.note(a_pod("a", "6", ordinal=2))  # older than what is known
    watch.note(a_pod("gone", "8"))
    assert [(pod.name, pod.ordinal) for pod in await watch.pods(SHOP)] == [("a", 3)]
