"""What the engine needs to ask a check of the team's own. The adapter is engine/infrastructure/hooks.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class HookStatus(StrEnum):
    """What a check says of itself."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IN_PROGRESS = "in-progress"


@dataclass(frozen=True, slots=True)
class HookCall:
    """One asking. `key` is the same whenever the same thing is asked; `secret` names the variable to sign with, or
    is empty; `at` is when it is asked, for the signature.
    """

    url: str
    facts: Mapping[str, str | int | None]
    key: str
    secret: str
    timeout: timedelta
    at: datetime


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What the check said, and how long it wants to be left alone."""

    status: HookStatus
    message: str = ""
    retry_after: timedelta | None = None


class HookCalls(Protocol):
    """Asks checks over the network."""

    async def call(self, call: HookCall) -> HookAnswer:
        """Ask once.

        Raises TemporaryFailure when there was no answer or the check is in trouble, with its `retry_after` if it names
        one; PermanentFailure when the check refuses the question, answers something else than it should, or the
        signing secret is missing.
        """
        ...
