"""Where people are told to look at a version before it has a share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.infrastructure.previews import previews_of
from engine.strategy_specs import Pin, StrategySpec
from engine.targets import ContainerTarget, EcsTarget, Haproxy, KubernetesTarget, LambdaTarget, LocalTarget, Target

GATEWAY = KubernetesTarget("shop", "shop:{version}", 8080, namespace="shops", route="shop")
SELECTOR = replace(GATEWAY, router="service", service="shop")
LOCAL = LocalTarget("releases/{version}", ("x",), 9480)
CONTAINER = ContainerTarget("shop:{version}", 80, 9480)
LAMBDA = LambdaTarget("mailer", "live", "s3://bucket/{version}", "eu-west-1")
ECS = EcsTarget("main", "shop", "shop:{version}", "app", 80, "arn:rule", ("arn:a", "arn:b"), "eu-west-1")
HEADER, COOKIE = Pin("header", "X-Try", "new"), Pin("cookie", "try", "new")


@pytest.mark.parametrize(
    ("target", "pin", "told"),
    [
        (GATEWAY, None, ["http://shop-v2-1.shops.svc:8080"]),
        (replace(GATEWAY, preview_service="next"), HEADER, ["next.shops.svc", "header X-Try: new"]),
        (SELECTOR, None, []),
        (replace(SELECTOR, preview_service="next"), None, ["next.shops.svc"]),
        (LOCAL, COOKIE, ["cookie try=new"]),
        (replace(LOCAL, preview_port=9481), None, ["http://127.0.0.1:9481"]),
        (replace(CONTAINER, haproxy=Haproxy("/run/admin.sock", "shop")), None, []),
        (replace(CONTAINER, haproxy=Haproxy("/run/admin.sock", "shop", "next")), None, ["backend next of HAProxy"]),
        (LAMBDA, None, []),
        (replace(LAMBDA, preview_alias="preview"), None, ["mailer:preview"]),
        (ECS, HEADER, ["header X-Try: new"]),
    ],
)
def test_a_preview_is_told_by_its_address_and_its_pin(target: Target, pin: Pin | None, told: list[str]) -> None:
    names = ServiceName("shop"), EnvironmentName("production")
    place = Placement(*names, target, HealthCheck(), StrategySpec("switch", "blue-green", pin=pin))
    assert list(previews_of(place, Version("v2.1"))) == told
    assert list(previews_of(place, Version("v2.1"), shared=True)) == told[-1:] * (pin is not None)


def test_a_version_that_no_service_can_be_called_after_has_no_address() -> None:
    place = Placement(
        ServiceName("shop"), EnvironmentName("production"), GATEWAY, HealthCheck(), StrategySpec("s", "canary")
    )
    assert previews_of(place, Version(f"v{'9' * 63}")) == ()
