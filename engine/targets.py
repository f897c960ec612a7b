"""What a service runs on and what splits its traffic, a dataclass for each kind of infrastructure. Frozen and pure.

`{version}` in an image or a path stands for the version; a version exists when what it names does. Names are those of
the platform itself, so that a person finds there what is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Balancing = Literal["round-robin", "weighted", "least-connections", "ip-hash"]
STOP_TIMEOUT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Haproxy:
    """An HAProxy of the team's own, told over its runtime socket (a path, or host:port); `backend` is ours alone.

    So is `preview_backend` ("": none), which has the version in flight as long as there is another beside it.
    """

    socket: str
    backend: str
    preview_backend: str = ""


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A service as child processes of this machine behind the built-in proxy, or behind an HAProxy.

    `artifact` is a path with `{version}`; a version exists when that path does. `command` may use
    `{artifact}`, `{version}`, `{port}` and `{instance}`. `port` is where the proxy listens, `preview_port` where it
    shows a version that has no share of the traffic yet (0: nowhere).
    """

    artifact: str
    command: tuple[str, ...]
    port: int
    instances: int = 2
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_timeout: timedelta = STOP_TIMEOUT
    preview_port: int = 0
    balancing: Balancing = "round-robin"
    haproxy: Haproxy | None = None


@dataclass(frozen=True, slots=True)
class ContainerTarget:
    """A service as containers of one Docker Engine API (Docker, or Podman's service), behind a proxy of this machine.

    `image` holds `{version}`. Each container's `container_port` is published on a free port of 127.0.0.1. `engine` is
    the API's address: unix:///path, or tcp://host:port.
    """

    image: str
    container_port: int
    port: int
    engine: str = "unix:///var/run/docker.sock"
    command: tuple[str, ...] = ()
    instances: int = 2
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_timeout: timedelta = STOP_TIMEOUT
    preview_port: int = 0
    balancing: Balancing = "round-robin"
    haproxy: Haproxy | None = None


@dataclass(frozen=True, slots=True)
class KubernetesTarget:
    """A service as one Deployment for each version, `<name>-<version>`, in `namespace`.

    `image` holds `{version}`; `container` is the container it belongs to. `manifest` is the path of a Deployment to
    start from ("" for a plain one with one container, its port and readiness by the service's health path).
    `router` says what splits traffic: `gateway` the weights of HTTPRoute `route`, `service` the selector of Service
    `service` (all or nothing), `replicas` the numbers of pods behind it. `preview_service` shows a version without a
    share. `kubeconfig` and `context` choose the cluster; "" is the usual file, or the pod's own account.
    """

    name: str
    image: str
    container_port: int
    namespace: str = "default"
    container: str = "app"
    manifest: str = ""
    router: Literal["gateway", "service", "replicas"] = "gateway"
    route: str = ""
    service: str = ""
    preview_service: str = ""
    kubeconfig: str = ""
    context: str = ""
    instances: int = 2
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_timeout: timedelta = STOP_TIMEOUT


@dataclass(frozen=True, slots=True)
class EcsTarget:
    """A service as one ECS service for each version in `cluster`, its tasks behind an ALB.

    A version is a revision of task definition `family` made from the newest with `image` (it holds `{version}`) in
    `container`. `rule` is the ARN of the listener rule whose forward weights are ours; `target_groups` are the ARNs
    of the two target groups that versions use in turns. `endpoint` replaces the addresses of AWS.
    """

    cluster: str
    family: str
    image: str
    container: str
    container_port: int
    rule: str
    target_groups: tuple[str, str]
    region: str
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    endpoint: str = ""
    instances: int = 2
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_timeout: timedelta = STOP_TIMEOUT


@dataclass(frozen=True, slots=True)
class LambdaTarget:
    """A service as a Lambda function whose alias splits traffic between two published versions.

    `code` is where a version's code is and holds `{version}`: an image (`repository:{version}`) or
    `s3://bucket/key-{version}.zip`. `preview_alias` shows a version without a share ("": none does). `endpoint`
    replaces the addresses of AWS. There is one instance of each version.
    """

    function: str
    alias: str
    code: str
    region: str
    endpoint: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    instances: int = 1
    stop_timeout: timedelta = timedelta(0)
    preview_alias: str = ""


COUNTING = (LocalTarget, ContainerTarget)
"""Those whose router, the built-in proxy or HAProxy, counts requests and those that were lost."""
Target = LocalTarget | ContainerTarget | KubernetesTarget | EcsTarget | LambdaTarget
