"""The section of pilothouse.yaml that says what must hold while a version replaces another."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bot.settings.durations import Duration, Number, PositiveDuration
from bot.settings.parts import Address, Line, Part, Title
from bot.settings.trigger_parts import Variable


class GatePart(Part):
    """A condition each step must meet; which fields belong to which kind is checked apart.

    No firing rule, a query below or above a number, healthy instances, people's approval, a comparison with the version
    that is stable now, or a check of the team's own.
    """

    name: Title
    kind: Literal["rule", "query", "health", "approval", "comparison", "hook"]
    when: Literal["always", "before", "after"] = "always"
    query: str = ""
    below: Number | None = None
    above: Number | None = None
    unit: Literal["", "ratio", "seconds"] = ""
    rule: Line = ""
    samples: str = ""
    at_least: int = Field(default=0, ge=0, le=1_000_000_000)
    errors: str = ""
    requests: str = ""
    latency: str = ""
    minimum: int = Field(default=100, ge=1, le=10_000_000)
    alpha: Number = Field(default=0.05, ge=0.0001, le=0.5)
    margin: Number = Field(default=0.005, ge=0, le=1)
    ceiling: Number = Field(default=0.2, ge=0.001, le=1)
    latency_ratio: Number = Field(default=1.5, ge=1, le=100)
    latency_ceiling: PositiveDuration | None = None
    url: Address = ""
    secret_env: Variable = ""
    timeout: Duration = Field(default="5s", validate_default=True)
