"""What a service runs on: one section, and only what belongs to it."""

from pathlib import Path

import pytest

from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_catalog
from engine.targets import ContainerTarget, EcsTarget, KubernetesTarget, LambdaTarget, LocalTarget

FRAME = """
environments: {{production: {{}}, staging: {{}}}}
strategies: {{all: {{kind: rolling}}}}
services:
  shop:
    {service}
    environments:
      production: {{strategy: all, {place}}}
"""
LOCAL = 'local: {artifact: "releases/{version}", command: ["true"]}'
CONTAINER = 'container: {image: "shop:{version}", container_port: 80}'
KUBERNETES = 'kubernetes: {name: shop, image: "shop:{version}", container_port: 80, route: shop}'
ECS = (
    'ecs: {cluster: main, family: shop, image: "shop:{version}", container: app, container_port: 80, '
    'rule: "arn:rule", target_groups: ["arn:blue", "arn:green"], region: eu-west-1}'
)
LAMBDA = 'lambda: {function: shop, alias: live, code: "s3://bucket/shop-{version}.zip", region: eu-west-1}'


def write(folder: Path, service: str, place: str, more: str = "") -> Path:
    path = folder / "pilothouse.yaml"
    path.write_text(FRAME.format(service=service, place=place) + more)
    return path


@pytest.mark.parametrize(
    ("service", "place", "kind"),
    [
        (LOCAL, "port: 9480", LocalTarget),
        (CONTAINER, "port: 9480, preview_port: 9481, balancing: ip-hash", ContainerTarget),
        (CONTAINER, "haproxy: {socket: /run/haproxy.sock, backend: shop}", ContainerTarget),
        (KUBERNETES, "instances: 3", KubernetesTarget),
        (ECS, "instances: 3", EcsTarget),
        (LAMBDA, "", LambdaTarget),
        (LOCAL, KUBERNETES, KubernetesTarget),
    ],
)
def test_a_service_runs_on_what_its_section_says(tmp_path: Path, service: str, place: str, kind: type) -> None:
    catalog = to_catalog(load_settings(write(tmp_path, service, place)))
    target = catalog.placement("shop", "production").on(kind)
    assert isinstance(target, kind)
    assert catalog.placement("shop", "production").target.instances == (
        3 if "instances" in place else 1 if kind is LambdaTarget else 2
    )


@pytest.mark.parametrize(
    ("service", "place", "told"),
    [
        ("description: a shop", "", "production: nothing says what it runs on"),
        (f"{LOCAL}\n    {LAMBDA}", "port: 1", "lambda: a service runs on one of local, lambda"),
        (LOCAL, "", "production.port: is missing"),
        (CONTAINER.replace("shop:{version}", "shop"), "port: 1", "container.image: has to hold {version}"),
        (KUBERNETES, "port: 1", "production.port: is for services behind a proxy of this machine, not on kubernetes"),
        (KUBERNETES.replace(", route: shop", ""), "", "kubernetes with router gateway needs `route`"),
        (LAMBDA, "instances: 3", "production.instances: a Lambda function scales by itself"),
        (
            LOCAL,
            "haproxy: {socket: /run/haproxy.sock, backend: shop}, preview_port: 3",
            "production.preview_port: belongs to the built-in proxy",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(tmp_path: Path, service: str, place: str, told: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(write(tmp_path, service, place))
    assert told in str(wrong.value)


def test_two_services_cannot_share_a_backend(tmp_path: Path) -> None:
    haproxy = "haproxy: {socket: /run/haproxy.sock, backend: shop}"
    more = f"      staging: {{strategy: all, {haproxy}}}\n"
    with pytest.raises(SettingsWrong, match="is the backend of shop in production already"):
        load_settings(write(tmp_path, LOCAL, haproxy, more))
