"""The shape of pilothouse.yaml. Every field says what it is for; an unknown field is a fault."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from bot.settings.backup_parts import BackupPart
from bot.settings.durations import Duration, PositiveDuration
from bot.settings.parts import (
    CLOCK,
    ONE_LINE,
    PATH,
    SLACK,
    TARGET,
    Address,
    Channel,
    Host,
    Label,
    Line,
    LocalPath,
    Name,
    NamedChannel,
    Part,
    Title,
)
from bot.settings.permit_parts import DeploymentsPart, FreezePart
from bot.settings.strategy_parts import StrategyPart
from bot.settings.target_parts import ContainerPart, EcsPart, KubernetesPart, LambdaPart, LocalPart, PlacementPart
from bot.settings.trigger_parts import DeploySchedulePart, TriggerPart


class Http(Part):
    """Where the board, the API and HTTP events are served."""

    host: Host = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: Address = ""


class Channels(Part):
    """Channel names without #: where things are told when nothing more special is set."""

    deploys: NamedChannel = "deploys"
    incidents: NamedChannel = "incidents"
    welcome: Channel = ""


class Pool(Part):
    """Database connections."""

    min_connections: int = Field(default=1, ge=0, le=1000)
    max_connections: int = Field(default=10, ge=1, le=1000)
    acquire_timeout: PositiveDuration = Field(default="5s", validate_default=True)
    idle_timeout: PositiveDuration = Field(default="5m", validate_default=True)


class PersonPart(Part):
    """Someone who may use Pilothouse: chat identity `slack` as TEAM/USER, and a role for each environment or *."""

    name: Annotated[str, Field(min_length=1, max_length=80), ONE_LINE]
    slack: str = Field(pattern=SLACK)
    email: Line = ""
    timezone: str = "UTC"
    roles: dict[str, Literal["viewer", "deployer", "approver", "admin"]] = Field(default_factory=dict)


class EnvironmentPart(Part):
    """Where services run, who must agree before one changes there, and when none does."""

    approvals: int = Field(default=0, ge=0, le=10)
    four_eyes: bool = True
    approval_expires: PositiveDuration = Field(default="1h", validate_default=True)
    approval_group: str | None = None
    freezes: list[FreezePart] = Field(default_factory=list)
    incident_freeze: bool = True
    max_concurrent: int | None = Field(default=None, ge=1, le=1000)
    known_bad: Literal["warn", "block"] = "warn"
    lock_after_rollback: bool = True
    rollback_lock: PositiveDuration | None = None


class HealthPart(Part):
    """How an instance proves that it is well."""

    path: str = Field(default="/healthz", pattern=PATH)
    interval: PositiveDuration = Field(default="2s", validate_default=True)
    timeout: PositiveDuration = Field(default="1s", validate_default=True)
    healthy_after: int = Field(default=1, ge=1, le=1000)
    unhealthy_after: int = Field(default=2, ge=1, le=1000)
    grace: PositiveDuration = Field(default="10s", validate_default=True)


class FigurePart(Part):
    """A number to show beside a deployment."""

    name: Title
    query: str = Field(min_length=1)
    unit: Literal["", "ratio", "seconds"] = ""


class ServicePart(Part):
    """A thing people deploy. What it runs on stands here, or in an environment of its own."""

    description: Annotated[str, Field(max_length=200), ONE_LINE] = ""
    channel: Channel = ""
    depends_on: list[str] = Field(default_factory=list)
    local: LocalPart | None = None
    container: ContainerPart | None = None
    kubernetes: KubernetesPart | None = None
    ecs: EcsPart | None = None
    lambda_: LambdaPart | None = Field(default=None, alias="lambda")
    health: HealthPart = Field(default_factory=HealthPart)
    environments: dict[Name, PlacementPart] = Field(min_length=1)
    figures: list[FigurePart] = Field(default_factory=list)
    backup: BackupPart | None = None


class RuleSettings(Part):
    """How rules are evaluated, as Prometheus' global section says it.

    `remote_write` is the address recording rules and ALERTS are written to; without one, recording rules are refused.
    """

    interval: PositiveDuration = Field(default="1m", validate_default=True)
    query_offset: Duration = Field(default="0s", validate_default=True)
    timeout: PositiveDuration = Field(default="30s", validate_default=True)
    remote_write: Address = ""
    external_labels: dict[Label, str] = Field(default_factory=dict)


class PageStepPart(Part):
    """After `after`, page these: schedule:NAME, schedule:NAME/next or person:ID."""

    after: Duration
    page: list[Annotated[str, Field(pattern=TARGET)]] = Field(min_length=1)


class PolicyPart(Part):
    """How a page climbs until somebody takes it."""

    steps: list[PageStepPart] = Field(min_length=1)
    repeat: int = Field(default=0, ge=0, le=5)


class SchedulePart(Part):
    """Who is on call: people in turn, from `starts`, changing daily or weekly at `handoff` in `timezone`."""

    people: list[str] = Field(min_length=1)
    every: Literal["daily", "weekly"] = "weekly"
    handoff: str = Field(default="09:00", pattern=CLOCK)
    timezone: str = "UTC"
    starts: AwareDatetime


class File(Part):
    """The whole of pilothouse.yaml."""

    data: LocalPath = Path(".pilothouse")
    http: Http = Field(default_factory=Http)
    prometheus: Annotated[Address, Field(min_length=1)] = "http://127.0.0.1:9090"
    channels: Channels = Field(default_factory=Channels)
    tour: bool = False
    pool: Pool = Field(default_factory=Pool)
    people: dict[Name, PersonPart] = Field(default_factory=dict)
    groups: dict[Name, list[str]] = Field(default_factory=dict)
    deployments: DeploymentsPart = Field(default_factory=DeploymentsPart)
    environments: dict[Name, EnvironmentPart] = Field(default_factory=dict)
    strategies: dict[Name, StrategyPart] = Field(default_factory=dict)
    services: dict[Name, ServicePart] = Field(default_factory=dict)
    rules: list[str] = Field(default_factory=list)
    evaluation: RuleSettings = Field(default_factory=RuleSettings)
    alertmanager: LocalPath | None = None
    policies: dict[Name, PolicyPart] = Field(default_factory=dict)
    schedules: dict[Name, SchedulePart] = Field(default_factory=dict)
    triggers: dict[Name, TriggerPart] = Field(default_factory=dict)
    deploy_schedules: dict[Name, DeploySchedulePart] = Field(default_factory=dict)
