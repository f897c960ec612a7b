"""Pins and previews on a real control plane. The test is the gateway: its controller, and who reads its routes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from engine.catalog import Version
from engine.errors import PermanentFailure
from engine.infrastructure.kubernetes.api import Api
from engine.ports import Instance
from engine.strategy_specs import Pin, StrategySpec
from tests.fakes.kubernetes_shop import V1, V2, Shop, another_second, eventually, kubernetes_shop

HEADER = Pin("header", "X-Try", "new.one")
COOKIE = Pin("cookie", "try", "v2.0")
CARRIED = {HEADER: {"x-try": "new.one"}, COOKIE: {"cookie": "a=b; try=v2.0; c=d"}}
NEAR = {HEADER: {"x-try": "new-one"}, COOKIE: {"cookie": "retry=v2.0; try=v2.01; a=try=v2.0x"}}
PINS = pytest.mark.parametrize("pin", [HEADER, COOKIE], ids=["header", "cookie"])


@asynccontextmanager
async def pinned_shop(
    pin: Pin | None, *, apart: bool = False, **target: Any
) -> AsyncIterator[tuple[Shop, tuple[Instance, ...]]]:
    """A shop with one instance of v1 and of v2, which came last: by its weight, or `apart` by the cluster's clock."""
    async with kubernetes_shop(**target) as shop:
        shop.place = replace(shop.place, strategy=StrategySpec("careful", "canary", pin=pin))
        await shop.platform.manager.start(shop.place, V1, [1])
        if apart:
            await another_second()
        await shop.platform.manager.start(shop.place, V2, [1])
        yield shop, await shop.well()


def answering(rules: list[dict[str, Any]], headers: Mapping[str, str]) -> dict[str, int]:
    """The Services and weights that a request with these headers for / gets: more header matches count first."""
    fitting = [
        (-len(match.get("headers") or ()), index)
        for index, rule in enumerate(rules)
        for match in rule["matches"]
        if match["path"]["value"] == "/" and all(carries(headers, one) for one in match.get("headers") or ())
    ]
    refs = rules[min(fitting)[1]]["backendRefs"]
    return {ref["name"]: ref["weight"] for ref in refs if ref["weight"]}


def carries(headers: Mapping[str, str], match: Mapping[str, str]) -> bool:
    value = headers.get(match["name"].lower(), "")
    whole = re.fullmatch(match["value"], value) is not None
    return (
        value == match["value"] if match["type"] == "Exact" else whole and re.search(match["value"], value) is not None
    )


def rules(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.hands.read_route()["spec"]["rules"]
    return found


async def ready(shop: Shop) -> list[str]:
    reading = await shop.platform.shifter.read(shop.place)
    return [one.removeprefix("shop-production-") for one in reading.ready]


def selected(shop: Shop, name: str = "preview") -> str:
    service = shop.hands.core.read_namespaced_service(name, shop.hands.namespace)
    return str(service.spec.selector["pilothouse.dev/version"])


@PINS
async def test_who_carries_the_pin_gets_the_new_version_whatever_the_weights(pin) -> None:
    async with pinned_shop(pin, apart=True) as (shop, instances):
        for weights in ({V1: 100}, {V1: 90, V2: 10}, {V2: 100}):
            await shop.platform.shifter.configure(shop.place, instances, weights)
            split = {f"shop-{version}": weight for version, weight in weights.items()}
            assert answering(rules(shop), CARRIED[pin]) == {"shop-v2": 1}
            assert answering(rules(shop), NEAR[pin]) == split
            assert answering(rules(shop), {}) == split
            reading = await shop.platform.shifter.read(shop.place)
            assert (reading.weights, len(reading.ready)) == (weights, 2)


@PINS
@pytest.mark.parametrize("left", [V1, V2])
async def test_the_rule_is_gone_once_one_version_is_left(pin, left) -> None:
    async with pinned_shop(pin) as (shop, instances):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 50, V2: 50})
        assert len(rules(shop)) == 2
        await shop.platform.shifter.configure(
            shop.place, [one for one in instances if one.version == left], {left: 100}
        )
        (only,) = rules(shop)
        assert answering([only], CARRIED[pin]) == {f"shop-{left}": 100}
        assert "pilothouse.dev/pin" not in shop.hands.read_route()["metadata"]["annotations"]


@PINS
async def test_telling_it_again_writes_nothing(pin) -> None:
    async with pinned_shop(pin) as (shop, instances):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        before = shop.hands.read_route()["metadata"]["generation"]
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert shop.hands.read_route()["metadata"]["generation"] == before


@PINS
async def test_a_rule_that_somebody_took_out_or_changed_is_missed_and_written_again(pin) -> None:
    async with pinned_shop(pin) as (shop, instances):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        written = rules(shop)
        turned = {**written[0], "backendRefs": [{**written[0]["backendRefs"][0], "name": "shop-v1"}]}
        for changed in ([written[1]], [turned, written[1]]):
            shop.hands.change_route({"rules": changed})
            assert await ready(shop) == ["v1-1"]
            await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
            assert (rules(shop), await ready(shop)) == (written, ["v1-1", "v2-1"])


@PINS
async def test_a_cluster_that_keeps_no_names_of_rules_gets_one_rule_all_the_same(pin) -> None:
    async with pinned_shop(pin) as (shop, instances):
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        nameless = [{key: value for key, value in one.items() if key != "name"} for one in rules(shop)]
        shop.hands.change_route({"rules": nameless})
        await shop.platform.shifter.configure(shop.place, instances, {V1: 80, V2: 20})
        assert (len(rules(shop)), answering(rules(shop), CARRIED[pin])) == (2, {"shop-v2": 1})
        assert (await shop.platform.shifter.read(shop.place)).weights == {V1: 80, V2: 20}
        await shop.platform.shifter.configure(shop.place, instances[:1], {V1: 100})
        assert len(rules(shop)) == 1


async def test_filters_timeouts_and_other_conditions_hold_for_pinned_requests_too() -> None:
    async with pinned_shop(HEADER) as (shop, instances):
        asked = {"name": "X-Tenant", "type": "Exact", "value": "a"}
        match = {"path": {"type": "PathPrefix", "value": "/buy"}, "headers": [asked]}
        rule = {"matches": [match], "timeouts": {"request": "7s"}, "backendRefs": []}
        shop.hands.change_route({"rules": [rule]})
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        pins, ours = rules(shop)
        assert pins["timeouts"] == ours["timeouts"] == rule["timeouts"]
        assert pins["matches"] == [
            {**match, "headers": [asked, {"name": "X-Try", "type": "Exact", "value": "new.one"}]}
        ]


async def test_a_header_that_the_rule_asks_for_already_cannot_pin() -> None:
    async with pinned_shop(HEADER) as (shop, instances):
        asked = {"name": "x-try", "type": "Exact", "value": "old"}
        path = {"type": "PathPrefix", "value": "/"}
        shop.hands.change_route({"rules": [{"matches": [{"path": path, "headers": [asked]}], "backendRefs": []}]})
        with pytest.raises(PermanentFailure, match="asks for the header X-Try already") as refused:
            await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert "Pin by another header" in refused.value.remedy


async def test_a_pin_that_the_gateway_refuses_is_taken_out_and_told_in_its_words() -> None:
    async with pinned_shop(COOKIE, gateway=False) as (shop, instances):
        shifting = asyncio.create_task(
            shop.platform.shifter.configure(shop.place, instances, {V1: 100}), name="shifting"
        )

        async def rules_are(count: int) -> None:
            async def so() -> bool:
                route = await asyncio.to_thread(shop.hands.read_route)
                return len(route["spec"]["rules"]) == count and len(route["spec"]["rules"][-1]["backendRefs"]) == 2

            await eventually(so)

        await rules_are(2)
        said = ("False", "UnsupportedValue", "regular expressions are not supported")
        shop.hands.answer_route(shop.hands.read_route(), *said)
        await rules_are(1)
        shop.hands.answer_route(shop.hands.read_route())
        with pytest.raises(PermanentFailure, match="regular expressions are not supported") as refused:
            await shifting
        assert "Pin by a header" in refused.value.remedy
        assert (await shop.platform.shifter.read(shop.place)).weights == {V1: 100}


async def test_a_version_that_is_not_ready_is_not_pinned_to() -> None:
    async with pinned_shop(HEADER) as (shop, instances):
        shop.hands.sicken(instances[1])
        seen = await shop.observed(lambda seen: [one.health for one in seen] != [one.health for one in instances])
        await shop.platform.shifter.configure(shop.place, seen, {V1: 100})
        assert len(rules(shop)) == 1


# The preview Service


@pytest.mark.parametrize("router", ["gateway", "service"])
@pytest.mark.parametrize("left", [V1, V2])
async def test_a_preview_service_is_made_shows_the_new_version_and_then_nobody(router, left) -> None:
    stable = "" if router == "gateway" else "shop"
    async with pinned_shop(None, router=router, service=stable, preview_service="preview") as (shop, instances):
        if stable:
            shop.hands.service(stable)
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert (selected(shop), await ready(shop)) == (V2, ["v1-1", "v2-1"])
        port = shop.hands.core.read_namespaced_service("preview", shop.hands.namespace).spec.ports[0]
        assert (port.port, port.target_port) == (8080, 8080)
        await shop.platform.shifter.configure(
            shop.place, [one for one in instances if one.version == left], {left: 100}
        )
        assert selected(shop) == ""
        assert (await shop.platform.shifter.read(shop.place)).weights == {left: 100}


@pytest.mark.parametrize("router", ["gateway", "service", "replicas"])
async def test_a_preview_that_shows_another_is_missed_and_set_right(router) -> None:
    stable = "" if router == "gateway" else "shop"
    async with pinned_shop(None, router=router, service=stable, preview_service="preview") as (shop, instances):
        if stable:
            shop.hands.service(stable)
        shop.hands.service("preview")
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        ports = {"ports": [{"port": 80, "targetPort": 8080}], "selector": {"pilothouse.dev/version": "v1"}}
        shop.hands.core.patch_namespaced_service("preview", shop.hands.namespace, {"spec": ports})
        assert "v2-1" not in await ready(shop)
        await shop.platform.shifter.configure(shop.place, instances, {V1: 100})
        assert (selected(shop), await ready(shop)) == (V2, ["v1-1", "v2-1"])


# Killed in between


class Killed(BaseException):
    """The end of a process, which nothing catches."""


@dataclass(slots=True)
class Reaper:
    """Kills at one moment: 1 is before the first write to the cluster, 2 after it, 3 before the second, and so on."""

    at: int = 0
    moments: int = 0

    def pass_by(self) -> None:
        self.moments += 1
        if self.moments == self.at:
            raise Killed


@pytest.fixture
def reaper(monkeypatch: pytest.MonkeyPatch) -> Reaper:
    made, call = Reaper(), Api._call

    async def watched(api: Api, method: str, *values: Any, **more: Any) -> Any:
        if method == "GET":
            return await call(api, method, *values, **more)
        made.pass_by()
        answer = await call(api, method, *values, **more)
        made.pass_by()
        return answer

    monkeypatch.setattr(Api, "_call", watched)
    return made


async def take_up(shop: Shop, named: Sequence[Instance], weights: Mapping[Version, int]) -> None:
    """As a strategy does it: tell the router until it reads back just this."""
    ids = {one.id for one in named}
    for _ in range(3):
        reading = await shop.platform.shifter.read(shop.place)
        if (reading.weights, set(reading.ready)) == (weights, ids):
            return
        await shop.platform.shifter.configure(shop.place, named, weights)
    raise AssertionError("the router does not come to it")


@pytest.mark.parametrize("end", [None, V1, V2], ids=["preview", "abort", "promotion"])
async def test_a_kill_at_any_moment_ends_as_without_it(reaper: Reaper, end: Version | None) -> None:
    async with pinned_shop(HEADER, apart=True, preview_service="preview") as (shop, instances):
        after = ([one for one in instances if end in (None, one.version)], {end or V1: 100})
        before = (instances if end else instances[:1], {V1: 100})
        at, left, ends = 0, True, []
        while left:
            reaper.at = 0
            await shop.platform.shifter.configure(shop.place, *before)
            reaper.at, reaper.moments = at, 0
            with suppress(Killed):
                await shop.platform.shifter.configure(shop.place, *after)
            at, left, reaper.at = at + 1, reaper.moments >= at, 0
            await take_up(shop, *after)
            ends.append((rules(shop), selected(shop)))
        assert len(ends) > 5
        assert all(one == ends[0] for one in ends)
        assert ends[0][1] == ("" if end else V2)
