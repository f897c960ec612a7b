"""Which rule of an HTTPRoute is ours, what its gateways say, how pods make shares, and what names may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.errors import NotFound, PermanentFailure
from engine.infrastructure.kubernetes.artifacts import KubernetesArtifacts
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.manifest import resolve
from engine.infrastructure.kubernetes.names import instance_id, labels, object_name, parse_id
from engine.infrastructure.kubernetes.route import Standing, our_rule, verdict_of, weights_of, with_weights
from engine.infrastructure.kubernetes.weights import counted, shares_of_pods
from engine.ports import InstanceId
from engine.strategy_specs import StrategySpec
from engine.targets import KubernetesTarget

V1, V2 = Version("v1"), Version("v2")
NAMES = {"shop-v1": V1, "shop-v2": V2}
TARGET = KubernetesTarget("shop", "shop:{version}", 8080, route="shop", namespace="sales")
PLACE = Placement(
    ServiceName("shop"), EnvironmentName("production"), TARGET, HealthCheck(), StrategySpec("all", "rolling")
)


def rule(*backends: str, **more: Any) -> dict[str, Any]:
    return {**more, "backendRefs": [{"name": name, "port": 80} for name in backends]}


def route(*rules: dict[str, Any], parents: Any = (), generation: int = 3) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": list(rules)},
        "status": {"parents": list(parents)},
    }


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([rule("legacy")], 0),
        ([rule("docs"), rule("shop-v1")], 1),
        ([rule("docs"), rule(), rule(name="shop")], 2),
        ([rule("shop-v2", name="shop-pins"), rule("shop-v1", "shop-v2")], 1),
        ([rule("shop-v2", name="shop-pins"), rule()], 1),
    ],
)
def test_our_rule_is_found(rules, found) -> None:
    assert our_rule(route(*rules), TARGET, NAMES) == found


@pytest.mark.parametrize("rules", [[], [rule("a"), rule("b")], [rule("shop-v1"), rule("shop-v2")]])
def test_a_rule_that_is_not_clearly_ours_is_refused(rules) -> None:
    with pytest.raises(PermanentFailure, match="the name shop"):
        our_rule(route(*rules), TARGET, NAMES)


def test_weights_are_percent_of_all_and_one_where_none_is_said() -> None:
    assert weights_of(rule("shop-v1", "shop-v2"), TARGET, NAMES) == {V1: 50, V2: 50}
    heavy = {"backendRefs": [{"name": "shop-v1", "weight": 30}, {"name": "legacy", "weight": 10}]}
    assert weights_of(heavy, TARGET, NAMES) == {V1: 75}


def test_a_backend_of_another_namespace_or_kind_is_not_ours() -> None:
    foreign = {"name": "shop-v1", "namespace": "other", "weight": 0}
    odd = {"name": "shop-v1", "kind": "Bucket", "weight": 0}
    changed = with_weights({"backendRefs": [foreign, odd]}, TARGET, NAMES, {V1: 100})
    assert changed["backendRefs"][2:] == [foreign, odd]


def test_what_people_wrote_to_our_backends_stays() -> None:
    ours = {"name": "shop-v1", "port": 9090, "filters": [{"type": "X"}], "weight": 100}
    changed = with_weights({"backendRefs": [ours]}, TARGET, {"shop-v1": V1}, {V1: 40})
    assert changed["backendRefs"] == [{**ours, "kind": "Service", "weight": 40}]


def condition(kind: str, status: str = "True", generation: int = 3, **more: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation, **more}


def parent(*conditions: dict[str, Any], name: str = "edge") -> dict[str, Any]:
    return {"parentRef": {"name": name}, "conditions": list(conditions)}


WELL = parent(condition("Accepted"), condition("ResolvedRefs"))


@pytest.mark.parametrize(
    ("parents", "standing"),
    [
        ([], Standing.PENDING),
        ([WELL], Standing.TAKEN),
        ([parent(condition("Accepted"))], Standing.PENDING),
        ([parent(condition("Accepted"), condition("ResolvedRefs", generation=2))], Standing.PENDING),
        ([parent(condition("Accepted", "False"), condition("ResolvedRefs"))], Standing.REFUSED),
        ([WELL, parent(condition("Accepted", generation=2))], Standing.PENDING),
        ([WELL, parent(condition("Accepted", "False"), name="left long ago")], Standing.TAKEN),
    ],
)
def test_the_worst_that_a_gateway_says_counts(parents, standing) -> None:
    assert verdict_of(route(parents=parents)).standing is standing


def test_a_refusal_is_told_in_the_words_of_the_gateway() -> None:
    said = condition("ResolvedRefs", "False", reason="RefNotPermitted", message="no ReferenceGrant")
    verdict = verdict_of(route(parents=[parent(condition("Accepted"), said)]))
    assert verdict.words == "ResolvedRefs is False: RefNotPermitted: no ReferenceGrant."


# Pods as shares


@pytest.mark.parametrize(
    ("shares", "pods", "numbers"),
    [
        ({V1: 100}, {V1: 3}, {V1: 3}),
        ({V1: 90, V2: 10}, {V1: 10, V2: 1}, {V1: 9, V2: 1}),
        ({V1: 50, V2: 50}, {V1: 4, V2: 2}, {V1: 2, V2: 2}),
        ({V1: 67, V2: 33}, {V1: 2, V2: 1}, {V1: 2, V2: 1}),
        ({V1: 50, V2: 50}, {V1: 4}, {V1: 4}),
    ],
)
def test_the_most_pods_that_make_the_shares(shares, pods, numbers) -> None:
    assert shares_of_pods(shares, pods) == numbers


@given(some.integers(1, 12), some.integers(1, 12))
def test_every_ratio_of_pods_can_be_told_and_is_read_back(first, second) -> None:
    share = round(first * 100 / (first + second))
    told = {V1: share, V2: 100 - share}
    numbers = shares_of_pods(told, {V1: first, V2: second})
    assert counted([V1] * numbers[V1] + [V2] * numbers[V2], told) == told


def test_what_pods_cannot_make_says_what_they_can() -> None:
    with pytest.raises(PermanentFailure, match="cannot split requests 10 to 90; v2 can get 33, 50 %"):
        shares_of_pods({V2: 10, V1: 90}, {V1: 2, V2: 1})


def test_the_real_shares_are_told_when_they_are_not_the_told_ones() -> None:
    assert counted([V1, V1, V2], {V1: 90, V2: 10}) == {V1: 67, V2: 33}
    assert counted([], {V1: 100}) == {}


# Names


@pytest.mark.parametrize(
    ("version", "name"), [("v1", "shop-v1"), ("1.4.2", "shop-1-4-2"), ("2026_01-RC1", "shop-2026-01-rc1")]
)
def test_a_version_is_part_of_a_name_in_dns(version, name) -> None:
    assert object_name(PLACE, Version(version)) == name


@pytest.mark.parametrize("version", ["", "../x", "v" * 60, "v1-", "-v1", "v1+build"])
async def test_what_cannot_be_part_of_a_name_is_refused(version) -> None:
    with pytest.raises(PermanentFailure, match="cannot be the name"):
        object_name(PLACE, Version(version))
    if version != "v" * 60:
        with pytest.raises(NotFound):
            await KubernetesArtifacts(Clusters()).artifact(PLACE, Version(version))


def test_a_service_that_cannot_be_a_label_is_refused() -> None:
    with pytest.raises(PermanentFailure, match="cannot be a label"):
        labels(replace(PLACE, service=ServiceName("my shop")))


@given(some.from_regex(r"[a-z0-9]([a-z0-9.-]{0,10}[a-z0-9])?", fullmatch=True), some.integers(1, 10_000))
def test_an_id_gives_its_version_and_ordinal_back(version, ordinal) -> None:
    assert parse_id(PLACE, instance_id(PLACE, Version(version), ordinal)) == (version, ordinal)


@pytest.mark.parametrize("other", ["never-was", "shop-staging-v1-1", "shop-production-v1", "shop-production-v1-x"])
def test_an_id_of_others_gives_nothing(other) -> None:
    assert parse_id(PLACE, InstanceId(other)) is None


# Manifests


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("a: [", "cannot be read"),
        ("kind: Service", "holds 0 Deployments"),
        ("kind: Deployment\n---\nkind: Deployment", "holds 2 Deployments"),
        ("kind: Deployment", "no Deployment with containers"),
        ("kind: Deployment\nspec: {template: {spec: {containers: [5]}}}", "no Deployment with containers"),
        ("kind: Deployment\nspec: {template: {spec: {containers: [{name: web}]}}}", "no container 'app'"),
    ],
)
async def test_a_manifest_that_cannot_be_used_says_why(tmp_path, content, said) -> None:
    path = tmp_path / "shop.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(PermanentFailure, match=said):
        await resolve(replace(PLACE, target=replace(TARGET, manifest=str(path))), V1)


async def test_a_plain_deployment_is_ready_by_the_health_path() -> None:
    spec = (await resolve(PLACE, V1))["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == "shop:v1"
    assert container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": 8080}
    assert spec["terminationGracePeriodSeconds"] == 10
