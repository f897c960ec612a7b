"""The sections of pilothouse.yaml that say what deploys by itself: webhooks of CI systems, and the clock."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from bot.settings.durations import Duration
from bot.settings.parts import ONE_LINE, Address, Line, Part

VARIABLE: Final = r"^[A-Z][A-Z0-9_]{0,99}$"

Variable = Annotated[str, Field(pattern=VARIABLE)]
Word = Annotated[str, Field(min_length=1, max_length=200), ONE_LINE]


class ResultsPart(Part):
    """Where the CI system hears how it went. `url` is its API's address; `token_env` names a variable.

    `environment_url` is where GitHub leads those who want to see what was deployed.
    """

    token_env: Variable
    url: Address = ""
    context: Word = "pilothouse/{environment}"
    environment_url: Address = ""


class TriggerPart(Part):
    """A webhook that deploys one service to one environment. `secret_env` names a variable of the environment."""

    kind: Literal["github", "gitlab", "generic"]
    secret_env: Variable
    service: str
    environment: str
    version: Word = "{sha}"
    repository: Line = ""
    event: Literal["workflow_run", "deployment"] = "workflow_run"
    workflow: Line = ""
    branch: Line = ""
    results: ResultsPart | None = None


class DeploySchedulePart(Part):
    """A deployment by the clock; `cron` has five fields, `version` may be `latest`."""

    cron: Word
    timezone: str = "UTC"
    service: str
    environment: str
    version: Word = "latest"
    grace: Duration = Field(default="5m", validate_default=True)
