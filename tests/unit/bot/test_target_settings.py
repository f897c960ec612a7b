"""What a service runs on: one section, and only what belongs to it."""

from pathlib import Path

import pytest

from bot.settings import SettingsWrong, load_settings
from bot.settings.domain import to_catalog
from bot.settings.read import Settings
from bot.settings.warnings import find_warnings
from engine.strategy_specs import Pin
from engine.targets import ContainerTarget, EcsTarget, Haproxy, KubernetesTarget, LambdaTarget, LocalTarget

FRAME = """
environments: {{production: {{}}, staging: {{}}}}
strategies: {{all: {{kind: rolling}}}}
services:
  shop:
    {service}
    environments:
      production: {{strategy: all, {place}}}
"""
LOCAL = 'local: {artifact: "releases/{version}", command: ["true", "{port}"]}'
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
    target: object = catalog.placement("shop", "production").on(kind)
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


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("UPPER CASE:{version}", "is no image: its name has blanks"),
        ("Shop:{version}", "the repository 'Shop' has capital letters; write 'shop'"),
        ("registry:5000/team/Shop:{version}", "the repository 'team/Shop' has capital letters"),
        ("Shop@sha256:{version}", "the repository 'Shop' has capital letters"),
        ("Registry.example/shop:{version}", ""),
        ("localhost/shop:RC-{version}", ""),
        ("registry:5000/shop-{version}", ""),
    ],
)
@pytest.mark.parametrize("section", [CONTAINER, KUBERNETES, ECS, LAMBDA])
def test_an_image_that_no_registry_has_is_refused(tmp_path: Path, section: str, image: str, told: str) -> None:
    place = "port: 9480" if section == CONTAINER else ""
    named = section.replace("shop:{version}", image).replace("s3://bucket/shop-{version}.zip", image)
    path = write(tmp_path, named, place)
    if not told:
        assert load_settings(path)
        return
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(path)
    assert told in str(wrong.value)


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (ECS.replace("arn:rule", "notanarn"), "ecs.rule: has to be an ARN, which begins with arn:aws, not 'notanarn'"),
        (ECS.replace("arn:green", "green"), "ecs.target_groups.1: has to be an ARN"),
        (ECS.replace("arn:green", "arn:blue"), "ecs.target_groups: needs two target groups, and the same stands"),
        (KUBERNETES[:-1] + ", manifest: nosuch.yaml}", "kubernetes.manifest: there is no file 'nosuch.yaml'"),
        (KUBERNETES[:-1] + ", kubeconfig: ~nobody-here/c}", "kubernetes.kubeconfig: there is no file '~nobody-here/c'"),
        (LAMBDA[:-1] + ', environment: {"": x}}', "lambda.environment: '' is no name of a variable"),
        (ECS[:-1] + ', environment: {"A=B": x}}', "ecs.environment: 'A=B' is no name of a variable"),
        (KUBERNETES[:-1] + ', environment: {"A\\0": x}}', "is no name of a variable"),
        (KUBERNETES[:-1] + ', environment: {A: "x\\0y"}}', "the value of 'A' holds a zero character"),
    ],
)
def test_what_the_platform_would_refuse_is_refused_before(tmp_path: Path, section: str, told: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(write(tmp_path, section, ""))
    assert told in str(wrong.value)


def test_files_of_kubernetes_are_found_from_the_folder_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("kind: Deployment\n")
    section = KUBERNETES[:-1] + f", manifest: base.yaml, kubeconfig: {tmp_path / 'base.yaml'}}}"
    assert load_settings(write(tmp_path, section, ""))


STRATEGIES = """
environments: {{production: {{}}, dash-: {{}}}}
strategies:
  cautious: {{kind: canary}}
  pinned: {{kind: canary, pin: {{kind: header, name: x-canary, value: "1"}}}}
  starred: {{kind: canary, pin: {{kind: header, name: x-canary, value: "any*"}}}}
  hosted: {{kind: canary, pin: {{kind: header, name: Host, value: new}}}}
  long-header: {{kind: canary, pin: {{kind: header, name: x-canary, value: {long}}}}}
  long-cookie: {{kind: canary, pin: {{kind: cookie, name: canary, value: {long}}}}}
  switch: {{kind: blue-green}}
  shown: {{kind: blue-green, pin: {{kind: cookie, name: try, value: new}}}}
  batches: {{kind: rolling, max_surge: 2}}
services:
  {name}:
    {service}
    environments:
      {place}
"""
SELECTOR = KUBERNETES.replace("route: shop", "router: service, service: shop")
REPLICAS = KUBERNETES.replace("route: shop", "router: replicas, service: shop")
HAPROXY = "haproxy: {socket: /run/haproxy.sock, backend: shop}"
SHOWN = "haproxy: {socket: /run/haproxy.sock, backend: shop, preview_backend: next}"


def fitted(folder: Path, service: str, place: str, name: str = "shop") -> Settings:
    path = folder / "pilothouse.yaml"
    path.write_text(STRATEGIES.format(service=service, place=place, name=name, long="l" * 129))
    return load_settings(path)


@pytest.mark.parametrize(
    ("service", "place", "told"),
    [
        (REPLICAS, "production: {strategy: switch}", "production.strategy: a blue-green needs pods without requests"),
        (SELECTOR, "production: {strategy: cautious}", "a Service sends all requests to one version, never 10 %"),
        (SELECTOR, "production: {strategy: batches, instances: 3}", "to one version, never 67 %"),
        (CONTAINER, f"production: {{strategy: pinned, {HAPROXY}}}", "name it as `haproxy.preview_backend`, remove"),
        (
            REPLICAS,
            "production: {strategy: pinned}",
            "router replicas of Kubernetes reads no headers; use router gateway",
        ),
        (
            SELECTOR,
            "production: {strategy: pinned}",
            "router service of Kubernetes reads no headers; use router gateway",
        ),
        (LAMBDA, "production: {strategy: pinned}", "strategy 'pinned' pins requests, and an alias of Lambda reads no"),
        (ECS, "production: {strategy: starred}", "* and ? stand for any signs at an ALB; use another value"),
        (ECS, "production: {strategy: long-header}", "an ALB takes names of 40 and values of 128 signs; shorten it"),
        (
            ECS,
            "production: {strategy: long-cookie}",
            "an ALB takes no pattern that long for a cookie; shorten its name",
        ),
        (ECS, "production: {strategy: hosted}", "an ALB reads the host otherwise; pin by another header"),
        (KUBERNETES, "dash-: {strategy: cautious}", "dash-: the environment is a label on Kubernetes"),
    ],
)
def test_a_strategy_that_the_router_cannot_do_is_refused(tmp_path: Path, service: str, place: str, told: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        fitted(tmp_path, service, place)
    assert told in str(wrong.value)


@pytest.mark.parametrize(
    ("service", "place"),
    [
        (LOCAL, "production: {strategy: pinned, port: 9480}"),
        (CONTAINER, f"production: {{strategy: pinned, {SHOWN}}}"),
        (KUBERNETES, "production: {strategy: pinned}"),
        (KUBERNETES, "production: {strategy: long-cookie}"),
        (ECS, "production: {strategy: pinned}"),
        (SELECTOR, "production: {strategy: switch}"),
        (SELECTOR, "production: {strategy: batches}"),
        (REPLICAS, "production: {strategy: cautious}"),
        (KUBERNETES, "production: {strategy: switch}"),
    ],
)
def test_what_the_router_can_do_is_taken(tmp_path: Path, service: str, place: str) -> None:
    assert fitted(tmp_path, service, place)


@pytest.mark.parametrize("name", ["Shop", "1shop", "shop-", "shop.web", "s" * 62])
def test_names_on_kubernetes_are_labels_of_dns(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsWrong, match=r"kubernetes\.name: has to be up to 61 small letters, digits and dashes"):
        fitted(tmp_path, KUBERNETES.replace("name: shop", f"name: {name}"), "production: {strategy: cautious}")
    assert fitted(tmp_path, KUBERNETES.replace("name: shop", f"name: {'s' * 61}"), "production: {strategy: cautious}")


def test_a_service_whose_name_is_no_label_does_not_run_on_kubernetes(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match=r"services\.shop-: the service is a label on Kubernetes"):
        fitted(tmp_path, KUBERNETES, "production: {strategy: cautious}", "shop-")
    assert fitted(tmp_path, LOCAL, "production: {strategy: cautious, port: 9480}", "shop-")


@pytest.mark.parametrize(
    ("service", "place", "told"),
    [
        (LOCAL, "port: 9480", "give a `preview_port` to show it"),
        (CONTAINER, HAPROXY, "name a `haproxy.preview_backend` to show it"),
        (SELECTOR, "instances: 2", "name a `preview_service` to show it"),
        (ECS, "instances: 2", "give its strategy a `pin` to show it to those who carry that"),
        (LAMBDA, "balancing: round-robin", "name a `preview_alias` to show it"),
        (LOCAL, "port: 9480, preview_port: 9481", ""),
        (CONTAINER, SHOWN, ""),
        (KUBERNETES, "instances: 2", ""),
        (SELECTOR.replace("service: shop}", "service: shop, preview_service: next}"), "instances: 2", ""),
        (LAMBDA.replace("alias: live", "alias: live, preview_alias: next"), "balancing: round-robin", ""),
    ],
)
def test_a_preview_that_nobody_can_look_at_is_warned_of(tmp_path: Path, service: str, place: str, told: str) -> None:
    warnings = find_warnings(fitted(tmp_path, service, f"production: {{strategy: switch, {place}}}"))
    assert [told in str(one) for one in warnings] == ([True] if told else [])
    assert all(one.field == "services.shop.environments.production.strategy" for one in warnings)


@pytest.mark.parametrize(("service", "place"), [(LOCAL, "port: 9480"), (ECS, "instances: 2")])
def test_who_carries_the_pin_of_a_blue_green_can_look_at_its_preview(tmp_path: Path, service: str, place: str) -> None:
    settings = fitted(tmp_path, service, f"production: {{strategy: shown, {place}}}")
    assert not find_warnings(settings)
    assert to_catalog(settings).placement("shop", "production").strategy.pin == Pin("cookie", "try", "new")


def test_a_preview_has_an_alias_and_a_backend_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="preview_alias: is the alias of all callers"):
        load_settings(write(tmp_path, LAMBDA.replace("alias: live", "alias: live, preview_alias: live"), ""))
    with pytest.raises(SettingsWrong, match=r"preview_backend: is the backend of shop in production already"):
        load_settings(write(tmp_path, CONTAINER, SHOWN.replace("next", "shop")))


def test_previews_reach_the_engine(tmp_path: Path) -> None:
    haproxy = to_catalog(load_settings(write(tmp_path, CONTAINER, SHOWN))).placement("shop", "production")
    assert haproxy.on(ContainerTarget).haproxy == Haproxy("/run/haproxy.sock", "shop", "next")
    alias = LAMBDA.replace("alias: live", "alias: live, preview_alias: next")
    assert (
        to_catalog(load_settings(write(tmp_path, alias, "")))
        .placement("shop", "production")
        .on(LambdaTarget)
        .preview_alias
        == "next"
    )


def test_two_services_cannot_share_a_backend(tmp_path: Path) -> None:
    haproxy = "haproxy: {socket: /run/haproxy.sock, backend: shop}"
    more = f"      staging: {{strategy: all, {haproxy}}}\n"
    with pytest.raises(SettingsWrong, match="is the backend of shop in production already"):
        load_settings(write(tmp_path, LOCAL, haproxy, more))
