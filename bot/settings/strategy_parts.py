"""The sections of pilothouse.yaml that say how a version replaces another."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticKnownError

from bot.settings.durations import Duration, PositiveDuration
from bot.settings.gate_parts import GatePart
from bot.settings.parts import Part
from engine.deployments.strategies import STRATEGIES

# A token names a header (RFC 9110, 5.6.2) and a cookie (RFC 6265, 4.1.1); the value is one that a cookie may have.
TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
OCTETS: Final = re.compile(r"[!#-+\--:<-\[\]-~]{1,200}")


def _kind(kind: str) -> str:
    if kind not in STRATEGIES:
        *others, last = map(repr, STRATEGIES)
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(others)} or {last}"})
    return kind


def _token(name: str) -> str:
    if not TOKEN.fullmatch(name):
        raise ValueError("has to be the name of a header or a cookie, such as x-canary")
    return name


def _octets(value: str) -> str:
    if not OCTETS.fullmatch(value):
        raise ValueError("has to be up to 200 plain characters without spaces, quotes, commas and semicolons")
    return value


class StepPart(Part):
    """A canary step: `weight` percent to the new version for `dwell`; `approval` waits for a person first."""

    weight: int = Field(ge=1, le=100)
    dwell: Duration
    approval: bool = False


class PinPart(Part):
    """Requests with this header or cookie go to the new version, where the router can do that."""

    kind: Literal["header", "cookie"]
    name: Annotated[str, AfterValidator(_token)]
    value: Annotated[str, AfterValidator(_octets)]


class StrategyPart(Part):
    """How a version replaces another."""

    kind: Annotated[str, AfterValidator(_kind)]
    steps: list[StepPart] = Field(default_factory=list)
    gates: list[GatePart] = Field(default_factory=list)
    max_surge: int = Field(default=1, ge=0, le=100)
    max_unavailable: int = Field(default=0, ge=0, le=100)
    warm_up: Duration = Field(default="0s", validate_default=True)
    progress_deadline: PositiveDuration = Field(default="10m", validate_default=True)
    approval: bool = False
    dwell: Duration = Field(default="0s", validate_default=True)
    keep_old: Duration = Field(default="0s", validate_default=True)
    pin: PinPart | None = None
