"""What deploys by itself, in the words of the rooms that do it; their secrets come from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from bot.settings.cron import Cron, parse_cron
from bot.settings.model import File
from bot.settings.problems import SettingsProblem, SettingsWrong
from bot.settings.read import Settings, read_variables
from bot.settings.trigger_parts import ResultsPart, TriggerPart

API: Final[Mapping[str, str]] = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}
SHORTEST_SECRET: Final = 16  # characters; a shorter one could be found by trying


@dataclass(frozen=True, slots=True)
class ResultsTo:
    """Where results are written: the API's address without a slash at its end, and what the status is called there.

    `shown` is where what was deployed can be seen, if that is set.
    """

    url: str
    token: str = field(repr=False)
    context: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A webhook that deploys `service` to `environment`. `version` is a template, `branch` a pattern of a shell."""

    name: str
    kind: Literal["github", "gitlab", "generic"]
    secret: str = field(repr=False)
    service: str
    environment: str
    version: str = "{sha}"
    repository: str = ""
    event: Literal["workflow_run", "deployment"] = "workflow_run"
    workflow: str = ""
    branch: str = ""
    results: ResultsTo | None = None


@dataclass(frozen=True, slots=True)
class DeploySchedule:
    """A deployment by the clock. A slot that is later than `grace` is not made up for."""

    name: str
    cron: Cron
    service: str
    environment: str
    version: str
    grace: timedelta


def load_triggers(settings: Settings) -> tuple[Trigger, ...]:
    """The triggers with their secrets. Raises SettingsWrong, naming each variable that is missing or too short."""
    parts = settings.file.triggers
    variables = read_variables(_names(settings.file))
    problems = [
        SettingsProblem(str(settings.path), 0, f"triggers.{name}.{key}", told)
        for name, part in parts.items()
        for key, variable in _variables(part).items()
        if (told := _fault(variable, variables[variable], secret=key == "secret_env"))
    ]
    if problems:
        raise SettingsWrong(problems)
    return tuple(_trigger(name, part, variables) for name, part in parts.items())


def to_schedules(file: File) -> tuple[DeploySchedule, ...]:
    """What the clock deploys."""
    return tuple(
        DeploySchedule(
            name, parse_cron(part.cron, part.timezone), part.service, part.environment, part.version, part.grace
        )
        for name, part in file.deploy_schedules.items()
    )


def _names(file: File) -> list[str]:
    return [variable for part in file.triggers.values() for variable in _variables(part).values()]


def _variables(part: TriggerPart) -> dict[str, str]:
    token = {"results.token_env": part.results.token_env} if part.results else {}
    return {"secret_env": part.secret_env} | token


def _fault(variable: str, value: str, *, secret: bool) -> str:
    if not value:
        return f"the environment has no {variable}; set it to the {'secret' if secret else 'token'}"
    if secret and len(value) < SHORTEST_SECRET:
        return f"the secret in {variable} is shorter than {SHORTEST_SECRET} characters; make one of random characters"
    return ""


def _trigger(name: str, part: TriggerPart, variables: Mapping[str, str]) -> Trigger:
    return Trigger(
        name=name,
        kind=part.kind,
        secret=variables[part.secret_env],
        service=part.service,
        environment=part.environment,
        version=part.version,
        repository=part.repository,
        event=part.event,
        workflow=part.workflow,
        branch=part.branch,
        results=_results(part, part.results, variables) if part.results else None,
    )


def _results(part: TriggerPart, results: ResultsPart, variables: Mapping[str, str]) -> ResultsTo:
    url = (results.url or API[part.kind]).rstrip("/")
    context = results.context.replace("{service}", part.service).replace("{environment}", part.environment)
    return ResultsTo(url, variables[results.token_env], context, results.environment_url)
