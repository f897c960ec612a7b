"""HTTPRoute weights, selectors and numbers of pods on a real control plane. The test is the gateway's controller."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.kubernetes import gateway
from engine.ports import Instance, TrafficReading
from tests.fakes.kubernetes_shop import V1, V2, Shop, eventually, kubernetes_shop


async def run(shop: Shop, versions: Mapping[Version, int]) -> tuple[Instance, ...]:
    for version, count in versions.items():
        await shop.platform.manager.start(shop.place, version, range(1, count + 1))
    return await shop.well()


async def read(shop: Shop, place: Placement | None = None) -> TrafficReading:
    return await shop.platform.shifter.read(place or shop.place)


def of(instances, *ids: str) -> list[Instance]:
    return [one for one in instances if one.id.removeprefix("shop-production-") in ids]


# HTTPRoute


async def test_only_our_rule_and_our_backends_are_touched() -> None:
    async with kubernetes_shop() as shop:
        instances = await run(shop, {V1: 1, V2: 1})
        shop.hands.service("docs")
        timeout = {"request": "7s"}
        docs = {
            "matches": [{"path": {"type": "PathPrefix", "value": "/docs"}}],
            "backendRefs": [{"name": "docs", "port": 80}],
        }
        mirror = {"name": "docs", "port": 80, "weight": 0}
        rules = [docs, {"name": "shop", "timeouts": timeout, "backendRefs": [mirror]}]
        shop.hands.change_route({"rules": rules})
        before = shop.hands.read_route()["spec"]["rules"]
        await shop.platform.shifter.configure(shop.place, instances, {V1: 75, V2: 25})
        after = shop.hands.read_route()["spec"]["rules"]
        assert after[0] == before[0]
        assert (after[1]["timeouts"], after[1]["backendRefs"][-1]) == (timeout, before[1]["backendRefs"][0])
        assert [(one["name"], one["weight"], one["port"]) for one in after[1]["backendRefs"][:2]] == [
            ("shop-v1", 75, 8080),
            ("shop-v2", 25, 8080),
        ]
        assert (await read(shop)).weights == {V1: 75, V2: 25}


async def test_weights_count_only_once_the_gateway_has_taken_them(monkeypatch) -> None:
    monkeypatch.setattr(gateway, "SETTLE", gateway.SETTLE / 10)
    async with kubernetes_shop(gateway=False) as shop:
        instances = await run(shop, {V1: 1, V2: 1})
        with pytest.raises(TemporaryFailure, match="No gateway has said anything"):
            await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert (await read(shop)).weights == {}
        shop.hands.answer_route(shop.hands.read_route())
        assert (await read(shop)).weights == {V1: 100}
        with pytest.raises(TemporaryFailure, match="has taken its generation"):
            await shop.platform.shifter.configure(shop.place, instances, {V1: 50, V2: 50})
        assert (await read(shop)).weights == {V1: 100}
        shop.hands.answer_route(shop.hands.read_route())
        await shop.platform.shifter.configure(shop.place, instances, {V1: 50, V2: 50})
        assert (await read(shop)).weights == {V1: 50, V2: 50}
        shop.hands.change_route({"hostnames": ["shop.example"]})  # of another's doing, and not taken yet
        assert (await read(shop)).weights == {V1: 50, V2: 50}


async def test_what_the_gateway_refuses_is_said_in_its_words_and_counts_for_nothing() -> None:
    async with kubernetes_shop(gateway=False) as shop:
        instances = await run(shop, {V1: 1})
        shifting = asyncio.create_task(
            shop.platform.shifter.configure(shop.place, instances, {V1: 100}), name="shifting"
        )

        async def written() -> bool:
            return shop.hands.read_route()["metadata"]["generation"] > 1

        await eventually(written)
        shop.hands.answer_route(shop.hands.read_route(), "False", "BackendNotFound", "Service shop-v1 not found")
        with pytest.raises(TemporaryFailure, match="ResolvedRefs is False: BackendNotFound: Service shop-v1 not found"):
            await shifting
        assert (await read(shop)).weights == {}


async def test_pods_are_let_out_only_after_the_weights_were_taken(monkeypatch) -> None:
    monkeypatch.setattr(gateway, "SETTLE", gateway.SETTLE / 10)
    async with kubernetes_shop(gateway=False) as shop:
        instances = await run(shop, {V1: 1, V2: 1})
        with pytest.raises(TemporaryFailure):
            await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        shop.hands.answer_route(shop.hands.read_route())
        with pytest.raises(TemporaryFailure):
            await shop.platform.shifter.configure(shop.place, of(instances, "v2-1"), {V2: 100})
        assert len((await read(shop)).ready) == 2
        shop.hands.answer_route(shop.hands.read_route())
        await shop.platform.shifter.configure(shop.place, of(instances, "v2-1"), {V2: 100})
        reading = await read(shop)
        assert (reading.weights, list(reading.ready)) == ({V2: 100}, ["shop-production-v2-1"])
        assert await shop.platform.shifter.drained(shop.place, [of(instances, "v1-1")[0].id])


async def test_a_backend_of_others_with_a_weight_is_refused_unless_it_served_before() -> None:
    async with kubernetes_shop() as shop:
        instances = await run(shop, {V1: 1})
        shop.hands.service("legacy")
        rules = [{"backendRefs": [{"name": "legacy", "port": 80}]}]
        shop.hands.change_route({"rules": rules})
        with pytest.raises(PermanentFailure, match="also sends requests to legacy"):
            await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        place = shop.with_target(service="legacy")
        await shop.platform.shifter.configure(place, instances, {V1: 100})
        assert (await read(shop, place)).weights == {V1: 100}


async def test_the_service_of_a_version_goes_with_its_deployment() -> None:
    async with kubernetes_shop() as shop:
        instances = await run(shop, {V1: 1, V2: 1})
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        await shop.platform.shifter.configure(shop.place, of(instances, "v2-1"), {V2: 100})
        await shop.platform.manager.stop(shop.place, [of(instances, "v1-1")[0].id])

        async def alone() -> bool:
            found = shop.hands.core.list_namespaced_service(shop.hands.namespace).items
            return [one.metadata.name for one in found] == ["shop-v2"]

        await eventually(alone)
        assert [one["name"] for one in shop.hands.read_route()["spec"]["rules"][0]["backendRefs"]] == ["shop-v2"]


async def test_a_missing_route_is_named() -> None:
    async with kubernetes_shop() as shop:
        with pytest.raises(PermanentFailure, match=r"HTTPRoute other .*not found"):
            await read(shop, shop.with_target(route="other"))


# Selector of a Service


async def test_a_selector_switches_at_once_and_shows_the_other_as_preview() -> None:
    async with kubernetes_shop(gateway=False, router="service", service="shop", preview_service="preview") as shop:
        shop.hands.service("shop")
        shop.hands.service("preview")
        instances = await run(shop, {V1: 2, V2: 1})
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert (await read(shop)).weights == {V1: 100}
        assert len((await read(shop)).ready) == 3
        preview = shop.hands.core.read_namespaced_service("preview", shop.hands.namespace)
        assert preview.spec.selector["pilothouse.dev/version"] == V2
        await shop.platform.shifter.configure(shop.place, of(instances, "v2-1"), {V2: 100})
        reading = await read(shop)
        assert (reading.weights, list(reading.ready)) == ({V2: 100}, ["shop-production-v2-1"])
        assert await shop.platform.shifter.drained(shop.place, [one.id for one in of(instances, "v1-1", "v1-2")])
        with pytest.raises(PermanentFailure, match="all requests to one version"):
            await shop.platform.shifter.configure(shop.place, instances, {V1: 50, V2: 50})
        await shop.platform.shifter.configure(shop.place, instances, {})
        assert (await read(shop)).weights == {}


async def test_a_selector_stays_where_something_is_ready() -> None:
    async with kubernetes_shop(gateway=False, router="service", service="shop") as shop:
        shop.hands.service("shop")
        instances = await run(shop, {V1: 1})
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        await shop.platform.manager.start(shop.place, Version("v2-unready"), [1])
        seen = await shop.platform.manager.observe(shop.place)
        await shop.platform.shifter.configure(shop.place, seen, {Version("v2-unready"): 100})
        assert (await read(shop)).weights == {V1: 100}


# Numbers of pods


async def test_numbers_of_pods_make_the_shares_and_the_real_ones_are_told() -> None:
    async with kubernetes_shop(gateway=False, router="replicas", service="shop") as shop:
        shop.hands.service("shop")
        instances = await run(shop, {V1: 3, V2: 1})
        await shop.platform.shifter.configure(shop.place, instances, {V1: 75, V2: 25})
        assert (await read(shop)).weights == {V1: 75, V2: 25}
        await shop.platform.shifter.configure(shop.place, instances, {V1: 50, V2: 50})
        reading = await read(shop)
        assert (reading.weights, len(reading.ready)) == ({V1: 50, V2: 50}, 4)
        with pytest.raises(PermanentFailure, match="v2 can get 25, 33, 50 %"):
            await shop.platform.shifter.configure(shop.place, instances, {V2: 10, V1: 90})
        shop.hands.sicken(of(instances, "v2-1")[0])

        async def alone() -> bool:
            return (await read(shop)).weights == {V1: 100}

        await eventually(alone)


async def test_a_pod_that_is_not_named_is_let_out() -> None:
    async with kubernetes_shop(gateway=False, router="replicas", service="shop") as shop:
        shop.hands.service("shop")
        instances = await run(shop, {V1: 2})
        await shop.platform.shifter.configure(shop.place, instances[:1], {V1: 100})
        assert list((await read(shop)).ready) == [instances[0].id]
        assert await shop.platform.shifter.drained(shop.place, [instances[1].id])


@pytest.mark.parametrize("weights", [{V1: 60}, {V1: 120, V2: -20}])
async def test_weights_that_are_none_are_refused_before_any_call(weights) -> None:
    async with kubernetes_shop(gateway=False) as shop:
        with pytest.raises(PermanentFailure, match="percentages"):
            await shop.platform.shifter.configure(shop.place, [], weights)
