"""Notices that the clock was set, or that the machine slept. Pure.

The time of day and a clock that only ever runs on are compared; where they part, the time of day has jumped.
"""

from datetime import datetime, timedelta
from typing import Final

NONE: Final = timedelta(0)
SMALLEST: Final = timedelta(seconds=5)
"""What is less is a clock being trued up."""


class Jumps:
    """Ask it often."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None

    def since_last(self, now: datetime, running: float) -> timedelta:
        """How far the time of day jumped since the last time, by `running`, the seconds of a clock that runs on."""
        last, self._last = self._last, (now, running)
        if last is None:
            return NONE
        jump = (now - last[0]) - timedelta(seconds=running - last[1])
        return jump if abs(jump) >= SMALLEST else NONE
