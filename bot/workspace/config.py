"""How a workspace is set up: the team, its people, its channels, and the keys of the app under trial."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from bot.workspace.manifest import Manifest
from bot.workspace.rates import SLACK_RATES, Rates


class ConfigError(ValueError):
    """The workspace file cannot be used. The message names the file and the field."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody a visitor may act as. `id` is a Slack user id (U…), `tz` an IANA time zone.

    `guest` and `deleted` are for trying how an app treats such people.
    """

    id: str
    name: str
    real_name: str
    email: str = ""
    tz: str = "Etc/UTC"
    guest: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """A public channel there from the start. Every person is in it; the app's bot when `with_bot`."""

    name: str
    topic: str = ""
    purpose: str = ""
    with_bot: bool = True


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A user group there from the start, such as the people on call. `users` are user ids."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys between app and workspace, as a Slack app has them."""

    bot_token: str
    app_token: str
    signing_secret: str
    app_id: str = "A0WORKSPACE"
    bot_id: str = "B0WORKSPACE"
    bot_user: str = "U0APPBOT"


PEOPLE = (
    Person("U0ADA", "ada", "Ada Lovelace", "ada@example.com", "Europe/London"),
    Person("U0GRACE", "grace", "Grace Hopper", "grace@example.com", "America/New_York"),
    Person("U0ALAN", "alan", "Alan Turing", "alan@example.com", "Europe/London"),
)
CHANNELS = (
    ChannelSpec("general", purpose="Everything for everyone"),
    ChannelSpec("deploys", purpose="What is being deployed"),
    ChannelSpec("incidents", purpose="What is on fire"),
)


@dataclass(frozen=True, slots=True)
class WorkspaceConfig:
    """All that a workspace needs to start.

    `request_url` switches from Socket Mode to signed HTTP deliveries. `event_retries` are the waits before
    the three repeated deliveries of an event (Slack's Events API: almost at once, one minute, five minutes).
    `ack_timeout` is the time an app has to answer a command or an interaction. `port` 0 takes a free one.
    """

    credentials: Credentials
    team_id: str = "T0WORKSPACE"
    team_name: str = "Workspace"
    people: tuple[Person, ...] = PEOPLE
    channels: tuple[ChannelSpec, ...] = CHANNELS
    groups: tuple[GroupSpec, ...] = ()
    manifest: Manifest = field(default_factory=Manifest)
    host: str = "127.0.0.1"
    port: int = 0
    journal: Path | None = None
    page: bool = True
    request_url: str | None = None
    rates: Rates | None = SLACK_RATES
    ack_timeout: timedelta = timedelta(seconds=3)
    trigger_life: timedelta = timedelta(seconds=3)
    event_retries: tuple[timedelta, ...] = (timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=5))


def random_credentials() -> Credentials:
    """Keys that nobody can guess, in the form Slack gives them."""
    return Credentials(
        bot_token=f"xoxb-{secrets.randbelow(10**12):012d}-{secrets.token_urlsafe(18)}",
        app_token=f"xapp-1-A0WORKSPACE-{secrets.token_hex(24)}",
        signing_secret=secrets.token_hex(16),
    )


def random_config(**changes: Any) -> WorkspaceConfig:
    """A workspace of three people and three channels with fresh keys; `changes` are fields of WorkspaceConfig."""
    return replace(WorkspaceConfig(credentials=random_credentials()), **changes)


def load_people(path: Path) -> dict[str, Any]:
    """Fields of WorkspaceConfig out of a YAML file with `team`, `people`, `channels` and `groups`.

    Raises ConfigError with file and field, OSError.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {} if document is None else _parse_people(document)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path}: cannot be read as team, people and channels: {error}") from error


def _parse_people(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    team = document.get("team") or {}
    if "id" in team:
        found["team_id"] = str(team["id"])
    if "name" in team:
        found["team_name"] = str(team["name"])
    if "people" in document:
        found["people"] = tuple(_person(entry) for entry in document["people"])
    if "channels" in document:
        found["channels"] = tuple(_channel(entry) for entry in document["channels"])
    if "groups" in document:
        found["groups"] = tuple(
            GroupSpec(str(g["id"]), str(g["handle"]), str(g.get("name") or g["handle"]), tuple(g.get("users") or ()))
            for g in document["groups"]
        )
    return found


def _person(entry: dict[str, Any]) -> Person:
    name = str(entry["name"])
    return Person(
        id=str(entry.get("id") or f"U0{name.upper()}"),
        name=name,
        real_name=str(entry.get("real_name") or name),
        email=str(entry.get("email") or ""),
        tz=str(entry.get("tz") or "Etc/UTC"),
        guest=bool(entry.get("guest")),
        deleted=bool(entry.get("deleted")),
    )


def _channel(entry: Any) -> ChannelSpec:
    return ChannelSpec(entry) if isinstance(entry, str) else ChannelSpec(**entry)
