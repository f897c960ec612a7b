"""The shape of pilothouse.yaml. Every field says what it is for; an unknown field is a fault."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from bot.settings.durations import Duration, Number, PositiveDuration

NAME: Final = r"^[a-z0-9][a-z0-9-]{0,39}$"
SLACK: Final = r"^[A-Z0-9]+/[A-Z0-9]+$"
CHANNEL: Final = r"^([^\s#@<>&A-Z]{1,80})?$"
ADDRESS: Final = r"^(https?://[^\s/]+(/\S*)?)?$"
TARGET: Final = r"^(schedule:[a-z0-9-]+(/next)?|person:[a-z0-9-]+)$"
CLOCK: Final = r"^([01]\d|2[0-3]):[0-5]\d$"
PATH: Final = r"^/"
HOST: Final = (
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
# Control and format characters, surrogates, ends of lines and paragraphs: some make a text read other than it is
# stored (Unicode Standard Annex 9). The joiners write Persian, Hindi and emoji.
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS: Final = frozenset("\u200c\u200d")
LEVEL: Final = r"^(?i:debug|info|warning|error|critical)$"


def _local_path(path: Path) -> Path:
    try:
        path.expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home folder {path.parts[0]}; write the whole path") from None
    if "\0" in str(path):
        raise ValueError("holds a character that no path may hold")
    return path


def _host(host: str) -> str:
    """An IP address or a host's name (RFC 1123)."""
    try:
        ip_address(host)
    except ValueError:
        if not re.fullmatch(HOST, host) or host.replace(".", "").isdigit():
            raise ValueError("has to be an address to listen on, such as 127.0.0.1, or 0.0.0.0 for all") from None
    return host


def _line(text: str) -> str:
    bad = next((one for one in text if one not in JOINERS and unicodedata.category(one) in UNSEEN), None)
    if bad is not None:
        raise ValueError(f"has to be one line of visible characters; U+{ord(bad):04X} is none, remove it")
    return text


Name = Annotated[str, Field(pattern=NAME)]
Host = Annotated[str, AfterValidator(_host)]
ONE_LINE: Final = AfterValidator(_line)  # of what people are shown; after the lengths, which have words of their own
Line = Annotated[str, ONE_LINE]
Title = Annotated[str, Field(min_length=1, max_length=60), ONE_LINE]
Label = Annotated[str, Field(min_length=1), ONE_LINE]
Channel = Annotated[str, Field(pattern=CHANNEL), ONE_LINE]
NamedChannel = Annotated[str, Field(pattern=CHANNEL, min_length=1), ONE_LINE]
Address = Annotated[str, Field(pattern=ADDRESS)]
Port = Annotated[int, Field(ge=1, le=65535)]
LocalPath = Annotated[Path, AfterValidator(_local_path)]


class Part(BaseModel):
    """Base of every section: frozen, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


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
    """Where services run, and how many others must agree before one changes there."""

    approvals: int = Field(default=0, ge=0, le=10)
    four_eyes: bool = True
    approval_expires: PositiveDuration = Field(default="1h", validate_default=True)


class StepPart(Part):
    """A canary step: `weight` percent to the new version for `dwell`; `approval` waits for a person first."""

    weight: int = Field(ge=1, le=100)
    dwell: Duration
    approval: bool = False


class GatePart(Part):
    """A condition each step must meet: no firing rule, a query below or above a number, or healthy instances."""

    name: Title
    kind: Literal["rule", "query", "health"]
    query: str = ""
    below: Number | None = None
    above: Number | None = None
    unit: Literal["", "ratio", "seconds"] = ""
    rule: Line = ""
    samples: str = ""
    at_least: int = Field(default=0, ge=0, le=1_000_000_000)


class StrategyPart(Part):
    """How a version replaces another."""

    kind: Literal["canary", "rolling"]
    steps: list[StepPart] = Field(default_factory=list)
    gates: list[GatePart] = Field(default_factory=list)
    max_surge: int = Field(default=1, ge=0, le=100)
    max_unavailable: int = Field(default=0, ge=0, le=100)
    warm_up: Duration = Field(default="0s", validate_default=True)
    progress_deadline: PositiveDuration = Field(default="10m", validate_default=True)


class HealthPart(Part):
    """How an instance proves that it is well."""

    path: str = Field(default="/healthz", pattern=PATH)
    interval: PositiveDuration = Field(default="2s", validate_default=True)
    timeout: PositiveDuration = Field(default="1s", validate_default=True)
    healthy_after: int = Field(default=1, ge=1, le=1000)
    unhealthy_after: int = Field(default=2, ge=1, le=1000)
    grace: PositiveDuration = Field(default="10s", validate_default=True)


class LocalPart(Part):
    """Processes on this machine. `artifact` holds {version}.

    `command` may use {python} {here} {artifact} {version} {port} {instance}; {here} is the folder of the settings file.
    """

    artifact: str = Field(min_length=1)
    command: list[str] = Field(min_length=1)
    environment: dict[str, str] = Field(default_factory=dict)
    stop_timeout: PositiveDuration = Field(default="10s", validate_default=True)


class PlacementPart(Part):
    """A service in one environment: the port its proxy listens on, how many instances, which strategy."""

    port: Port
    instances: int = Field(default=2, ge=1, le=100)
    strategy: str


class FigurePart(Part):
    """A number to show beside a deployment."""

    name: Title
    query: str = Field(min_length=1)
    unit: Literal["", "ratio", "seconds"] = ""


class ServicePart(Part):
    """A thing people deploy."""

    description: Annotated[str, Field(max_length=200), ONE_LINE] = ""
    channel: Channel = ""
    local: LocalPart
    health: HealthPart = Field(default_factory=HealthPart)
    environments: dict[Name, PlacementPart] = Field(min_length=1)
    figures: list[FigurePart] = Field(default_factory=list)


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
    environments: dict[Name, EnvironmentPart] = Field(default_factory=dict)
    strategies: dict[Name, StrategyPart] = Field(default_factory=dict)
    services: dict[Name, ServicePart] = Field(default_factory=dict)
    rules: list[str] = Field(default_factory=list)
    evaluation: RuleSettings = Field(default_factory=RuleSettings)
    alertmanager: LocalPath | None = None
    policies: dict[Name, PolicyPart] = Field(default_factory=dict)
    schedules: dict[Name, SchedulePart] = Field(default_factory=dict)
