"""The sections of pilothouse.yaml that say what a service runs on; engine/targets.py says what each field means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.settings.backup_parts import BackupPart
from bot.settings.durations import PositiveDuration
from bot.settings.parts import Address, Part, Port

Word = Annotated[str, Field(min_length=1)]
Balancing = Literal["round-robin", "weighted", "least-connections", "ip-hash"]


class HaproxyPart(Part):
    """An HAProxy of the team's own: its runtime socket (a path, or host:port) and the backend that is ours.

    `preview_backend` is another one of ours, which has the new version as long as there is another beside it.
    """

    socket: Word
    backend: Word
    preview_backend: str = ""


class LocalPart(Part):
    """Processes on this machine. `artifact` holds {version}.

    `command` may use {python} {here} {artifact} {version} {port} {instance}; {here} is the folder of the settings file.
    """

    artifact: Word
    command: list[str] = Field(min_length=1)
    environment: dict[str, str] = Field(default_factory=dict)
    stop_timeout: PositiveDuration = Field(default="10s", validate_default=True)


class ContainerPart(Part):
    """Containers of a Docker Engine API. `image` holds {version}; `engine` is unix:///path or tcp://host:port."""

    image: Word
    container_port: Port
    engine: str = Field(default="unix:///var/run/docker.sock", pattern=r"^(unix:///|tcp://)\S+$")
    command: list[str] = Field(default_factory=list)
    environment: dict[str, str] = Field(default_factory=dict)
    stop_timeout: PositiveDuration = Field(default="10s", validate_default=True)


class KubernetesPart(Part):
    """Deployments in a namespace, one for each version. `image` holds {version}."""

    name: Word
    image: Word
    container_port: Port
    namespace: Word = "default"
    container: Word = "app"
    manifest: str = ""
    router: Literal["gateway", "service", "replicas"] = "gateway"
    route: str = ""
    service: str = ""
    preview_service: str = ""
    kubeconfig: str = ""
    context: str = ""
    environment: dict[str, str] = Field(default_factory=dict)
    stop_timeout: PositiveDuration = Field(default="30s", validate_default=True)


class EcsPart(Part):
    """An ECS service for each version behind an ALB. `image` holds {version}; `rule` and `target_groups` are ARNs."""

    cluster: Word
    family: Word
    image: Word
    container: Word
    container_port: Port
    rule: Word
    target_groups: tuple[Word, Word]
    region: Word
    subnets: list[Word] = Field(default_factory=list)
    security_groups: list[Word] = Field(default_factory=list)
    endpoint: Address = ""
    environment: dict[str, str] = Field(default_factory=dict)
    stop_timeout: PositiveDuration = Field(default="30s", validate_default=True)


class LambdaPart(Part):
    """A Lambda function, the alias that splits its traffic and one that shows a new version before it gets any.

    `code` holds {version}: an image, or s3://bucket/key.
    """

    function: Word
    alias: Word
    preview_alias: str = ""
    code: Word
    region: Word
    endpoint: Address = ""
    environment: dict[str, str] = Field(default_factory=dict)


class PlacementPart(Part):
    """A service in one environment: how many instances, which strategy, and where a proxy of this machine listens.

    `port`, `preview_port`, `balancing` and `haproxy` are for services behind a proxy of this machine. What it runs on
    and how it is backed up may stand here instead of with the service.
    """

    port: Port | None = None
    preview_port: Port | None = None
    balancing: Balancing = "round-robin"
    haproxy: HaproxyPart | None = None
    instances: int = Field(default=2, ge=1, le=1000)
    strategy: str
    backup: BackupPart | None = None
    local: LocalPart | None = None
    container: ContainerPart | None = None
    kubernetes: KubernetesPart | None = None
    ecs: EcsPart | None = None
    lambda_: LambdaPart | None = Field(default=None, alias="lambda")
