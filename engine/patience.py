"""A time limit for what others answer, in which our own absence hardly counts.

A limit by the clock alone takes our own lateness for the other's: while this process is busy, answers lie unread and
the limit passes. Here time is counted in ticks of our own loop. A pause of any length is one tick, and between the
first tick and the last one the loop has looked for answers that often.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

TICKS: Final = 10


@asynccontextmanager
async def patience(limit: timedelta) -> AsyncIterator[None]:
    """End the block with TimeoutError after `limit`, and not before the loop went round TICKS times."""
    async with asyncio.timeout(None) as scope:
        ticks = _Ticks(scope, limit.total_seconds() / TICKS)
        try:
            yield
        finally:
            ticks.cancel()


class _Ticks:
    """Ends `scope` after TICKS ticks, of so many seconds each at least."""

    def __init__(self, scope: asyncio.Timeout, seconds: float) -> None:
        self._scope = scope
        self._seconds = seconds
        self._left = TICKS
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        self._left -= 1
        if self._left:
            self._next = self._loop.call_later(self._seconds, self._tick)
        else:
            self._scope.reschedule(self._loop.time())

    def cancel(self) -> None:
        """The block has ended."""
        self._next.cancel()
