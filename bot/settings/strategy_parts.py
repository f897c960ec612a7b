"""The sections of pilothouse.yaml that say how a version replaces another."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bot.settings.durations import Duration, PositiveDuration
from bot.settings.gate_parts import GatePart
from bot.settings.parts import Part


class StepPart(Part):
    """A canary step: `weight` percent to the new version for `dwell`; `approval` waits for a person first."""

    weight: int = Field(ge=1, le=100)
    dwell: Duration
    approval: bool = False


class StrategyPart(Part):
    """How a version replaces another."""

    kind: Literal["canary", "rolling"]
    steps: list[StepPart] = Field(default_factory=list)
    gates: list[GatePart] = Field(default_factory=list)
    max_surge: int = Field(default=1, ge=0, le=100)
    max_unavailable: int = Field(default=0, ge=0, le=100)
    warm_up: Duration = Field(default="0s", validate_default=True)
    progress_deadline: PositiveDuration = Field(default="10m", validate_default=True)
