"""The promise that somebody comes back: to this deployment, to this escalation, after any crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

Turn = Callable[[str], Awaitable[timedelta | None]]
"""Load, observe, decide, act, record for one subject. Answers how long to wait, None when the subject has ended."""

MayAct = Callable[[], Awaitable[None]]
"""Asked before every effect. Raises LeaseLost when this process was away so long that another may have taken over."""


async def alone() -> None:
    """The answer where no other process can take over."""


class Durable(Protocol):
    """Runs one loop for each subject until its turn answers None."""

    async def start(self, subject: str) -> None:
        """Begin the subject's loop; one that runs already is left alone."""
        ...

    async def wake(self, subject: str) -> None:
        """Take the next turn now instead of at the end of the wait."""
        ...
