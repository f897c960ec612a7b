"""Reads pilothouse.yaml and the environment by pydantic-settings. Secrets stand in the environment only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field as Setting
from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.settings.checks import find_faults, unknown
from bot.settings.files import missing_files
from bot.settings.messages import message_of
from bot.settings.model import File
from bot.settings.parts import ADDRESS, LEVEL, Host
from bot.settings.positions import Field, line_of, read_positions
from bot.settings.problems import SettingsProblem, SettingsWrong

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


class Environment(BaseSettings):
    """The variables we read. Secrets live here and never in the file."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True)

    # None of the first four, which hold secrets, is part of the repr: that is what ends up in logs.
    slack_bot_token: str = Setting(default="", repr=False)
    slack_app_token: str = Setting(default="", repr=False)
    slack_signing_secret: str = Setting(default="", repr=False)
    database_url: str = Setting(default="", repr=False)
    slack_api_url: str = Setting(default="https://slack.com/api/", pattern=ADDRESS)
    prometheus_url: str = Setting(default="", pattern=ADDRESS)
    pilothouse_host: Host | None = None
    pilothouse_port: int | None = Setting(default=None, ge=0, le=65535)
    pilothouse_data: str = ""
    pilothouse_log: str = Setting(default="info", pattern=LEVEL)


class Terminal(BaseSettings):
    """The variables that commands read which talk to a running server."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True)

    pilothouse_url: str = Setting(default="http://127.0.0.1:8080", pattern=ADDRESS)
    pilothouse_token: str = Setting(default="", repr=False)


class _Mapping(PydanticBaseSettingsSource):
    """The file's mapping as a source of settings."""

    def __init__(self, settings: type[BaseSettings], values: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self._values)


class _FileSettings(File, BaseSettings):  # type: ignore[misc]  # both configure pydantic, File wins
    """pilothouse.yaml alone: no variable of the environment may slip into a field of the file."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (_Mapping(settings_cls, init_settings()),)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is set. Relative paths of the file start from `base`, its folder.

    `absent` are the fields that name files which are not there, with what is to be said of each.
    """

    file: File
    environment: Environment
    path: Path
    base: Path
    absent: tuple[tuple[Field, SettingsProblem], ...] = ()

    @property
    def data(self) -> Path:
        """The folder for everything we write."""
        return self.resolve(self.environment.pilothouse_data or self.file.data)

    @property
    def database_url(self) -> str:
        """DATABASE_URL, or a SQLite file in the data folder."""
        return self.environment.database_url or f"sqlite:///{self.data / 'pilothouse.sqlite'}"

    @property
    def prometheus_url(self) -> str:
        """Where metrics are asked, without a slash at its end."""
        return (self.environment.prometheus_url or self.file.prometheus).rstrip("/")

    @property
    def board_url(self) -> str:
        """The address people reach the board at."""
        return (self.file.http.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.environment.pilothouse_host or self.file.http.host

    @property
    def port(self) -> int:
        """The port to listen on."""
        port = self.environment.pilothouse_port
        return self.file.http.port if port is None else port

    def resolve(self, path: str | Path) -> Path:
        """`path` as it is meant in the file."""
        return (self.base / Path(path).expanduser()).resolve()


def load_settings(path: Path, *, whole: bool = True) -> Settings:
    """Settings from the file at `path` and the environment. Raises SettingsWrong with every problem found.

    A `whole` one has all files that single services cannot do without.
    """
    values, lines = read_positions(path)
    if not values:
        told = "is empty; say at least who may use Pilothouse (people), and what it shall do (services or rules)"
        raise SettingsWrong([SettingsProblem(str(path), 0, "", told)])
    file = _validated(path, values, lines)
    base = path.resolve().parent
    absent = [(field, problem_at(path, lines, field, message)) for field, message in missing_files(file, base)]
    problems = [problem_at(path, lines, field, message) for field, message in find_faults(file)]
    problems += [problem for _, problem in absent] if whole else []
    if problems:
        raise SettingsWrong(problems)
    return Settings(file, _environment(), path, base, tuple(absent))


def _validated(path: Path, values: dict[str, Any], lines: dict[Field, int]) -> File:
    # Only our own names reach the class of pydantic-settings, which takes orders by others (_cli_parse_args).
    strangers = [name for name in values if name not in File.model_fields]
    problems = [problem_at(path, lines, (str(name),), _stranger(str(name), ())) for name in strangers]
    try:
        file = _FileSettings(**{name: value for name, value in values.items() if name in File.model_fields})
    except ValidationError as error:
        problems += [_fault(path, lines, dict(one)) for one in error.errors()]
    if problems:
        raise SettingsWrong(sorted(problems, key=lambda one: one.line))
    return file


def _fault(path: Path, lines: dict[Field, int], error: dict[str, Any]) -> SettingsProblem:
    field: Field = tuple(part for part in error["loc"] if part != "[key]")
    message = _stranger(str(field[-1]), field[:-1]) if error["type"] == "extra_forbidden" else message_of(error)
    return problem_at(path, lines, field, message)


def _stranger(name: str, around: Field) -> str:
    if name.lower() in Environment.model_fields:
        return f"is set in the environment as {name.upper()}, not in the file; remove it here"
    known = _fields_at(around)
    return unknown("setting", name, known) if known else "there is no such setting; remove it"


def _fields_at(field: Field) -> list[str]:
    """The names that may stand inside `field`; empty where any name may."""
    schema: dict[str, Any] = File.model_json_schema()
    node = schema
    for part in field:
        node = _enter(schema, node, part)
    return list(_follow(schema, node).get("properties", ()))


def _enter(schema: dict[str, Any], node: dict[str, Any], part: str | int) -> dict[str, Any]:
    node = _follow(schema, node)
    if isinstance(part, int):
        inside: Any = node.get("items", {})
    else:
        inside = node.get("properties", {}).get(part)
        if inside is None:
            inside = node.get("additionalProperties") or next(iter(node.get("patternProperties", {}).values()), {})
    return inside if isinstance(inside, dict) else {}


def _follow(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return node


def problem_at(path: Path, lines: dict[Field, int], field: Field, message: str) -> SettingsProblem:
    """The problem at `field` of the file at `path`."""
    return SettingsProblem(str(path), line_of(field, lines), ".".join(map(str, field)), message)


def load_terminal() -> Terminal:
    """What the environment says to commands that talk to a running server. Raises SettingsWrong."""
    return _from_environment(Terminal)


class _Variables(BaseSettings):
    """Variables that the file names."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def read_variables(names: Iterable[str]) -> dict[str, str]:
    """What the environment says of each variable that the file names; nothing where it has none."""
    fields: dict[str, Any] = dict.fromkeys(names, (str, ""))
    return dict(create_model("Named", __base__=_Variables, **fields)())


def _environment() -> Environment:
    return _from_environment(Environment)


def _from_environment(kind: type[SettingsT]) -> SettingsT:
    try:
        return kind()
    except ValidationError as error:
        raise SettingsWrong(
            [
                SettingsProblem("environment", 0, str(one["loc"][0]).upper(), message_of(dict(one), secret=True))
                for one in error.errors()
            ]
        ) from None
