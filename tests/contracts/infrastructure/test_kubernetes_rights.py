"""The rights that the documentation asks for are enough, and a missing one is named."""

from __future__ import annotations

import re

import pytest

from engine.errors import PermanentFailure
from engine.infrastructure.kubernetes import platform
from tests.fakes.kubernetes_shop import V1, V2, kubernetes_shop

GROUPS = {
    "deployments": "apps",
    "pods": "",
    "services": "",
    "endpointslices": "discovery.k8s.io",
    "httproutes": "gateway.networking.k8s.io",
}


def documented() -> dict[tuple[str, str], list[str]]:
    """`verb, verb and verb on kind` of the module's own text."""
    text = " ".join((platform.__doc__ or "").split())
    told = re.findall(r"((?:\w+, )*\w+ and \w+) on (\w+)", text)
    return {(GROUPS[kind], kind): re.split(r", | and ", verbs) for verbs, kind in told}


async def test_the_documented_rights_are_enough(tmp_path) -> None:
    async with kubernetes_shop() as shop:
        place = shop.with_target(kubeconfig=shop.hands.account(tmp_path, documented()))
        for version in (V1, V2):
            await shop.platform.manager.start(place, version, [1])
        instances = await shop.well(place)
        await shop.platform.shifter.configure(place, instances, {V1: 50, V2: 50})
        assert (await shop.platform.shifter.read(place)).weights == {V1: 50, V2: 50}
        await shop.platform.shifter.configure(place, instances[:1], {V1: 100})
        await shop.platform.manager.stop(place, [instances[1].id])
        shop.hands.kill(instances[0])
        await shop.observed(lambda seen: seen[0].health == "dead", place)
        await shop.platform.manager.start(place, V1, [1])
        assert await shop.platform.artifacts.versions(place) == (V1,)


@pytest.mark.parametrize("kind", ["pods", "deployments"])
async def test_a_missing_right_is_named_with_what_to_do(tmp_path, kind) -> None:
    async with kubernetes_shop(gateway=False) as shop:
        rights = {key: verbs for key, verbs in documented().items() if key[1] != kind}
        place = shop.with_target(kubeconfig=shop.hands.account(tmp_path, rights))
        with pytest.raises(PermanentFailure, match=f"{kind}.* is forbidden: User .*:ops") as refused:
            await shop.platform.manager.start(place, V1, [1])
        assert refused.value.remedy == "Give the account of Pilothouse that right by a Role in the namespace."
