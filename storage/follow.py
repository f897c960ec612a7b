"""Following the log: read, hand out, wait for the bell, read again.

The bell wakes for what this process appended, a poll finds what others did. Because positions commit in order
and leave no gap, reading on from the last position misses nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final, Protocol

from storage.errors import StorageUnavailable
from storage.events import Event

BATCH: Final = 500
FIRST_PAUSE: Final = timedelta(milliseconds=100)
LONGEST_PAUSE: Final = timedelta(seconds=5)

log = logging.getLogger(__name__)


class Bell:
    """Wakes everybody who took `next()` before it rang."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def next(self) -> asyncio.Event:
        """Return what the next ring will set. Take it before reading, or a ring in between is missed."""
        return self._next

    def ring(self) -> None:
        """Wake the waiting."""
        rung, self._next = self._next, asyncio.Event()
        rung.set()

    def close(self) -> None:
        """Wake the waiting for the last time."""
        self._closed = True
        self.ring()


class Reader(Protocol):
    """What a follower needs of a log."""

    async def __call__(self, *, after: int, limit: int) -> list[Event]: ...


async def follow(read: Reader, bell: Bell, *, after: int, poll: timedelta) -> AsyncIterator[Event]:
    """Yield every event above `after` in order, exactly once, until the bell is closed."""
    pause = FIRST_PAUSE
    while not bell.closed:
        rung = bell.next()
        try:
            batch = await read(after=after, limit=BATCH)
        except StorageUnavailable as error:
            log.warning("Following waits %.1f s: %s", pause.total_seconds(), error)
            await _wait(rung, pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            continue
        pause = FIRST_PAUSE
        for event in batch:
            yield event
            after = event.position
        if len(batch) < BATCH:
            await _wait(rung, poll)


async def _wait(rung: asyncio.Event, longest: timedelta) -> None:
    try:
        async with asyncio.timeout(longest.total_seconds()):
            await rung.wait()
    except TimeoutError:
        return
