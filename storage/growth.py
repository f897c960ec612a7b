"""Which streams have grown: one look at the log for all streams of a kind, instead of a read of each.

Whoever keeps streams in memory asks before using what it read: at most once in LOOK the log is asked, and usually for
its last position only.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from storage.events import Event, EventLog

LOOK: Final = timedelta(seconds=1)
_PAGE: Final = 500


class Growth:
    """The newest versions of the streams that begin with `prefix`, as far as they grew since `begin`.

    Every method may raise StorageUnavailable.
    """

    def __init__(self, log: EventLog, prefix: str) -> None:
        self._log = log
        self._prefix = prefix
        self._versions: dict[str, int] = {}
        self._position: int | None = None
        self._looked: datetime | None = None
        self._turn = asyncio.Lock()

    async def begin(self) -> None:
        """Call it before the first read of a stream that is kept: what is appended from now on is seen."""
        if self._position is None:
            async with self._turn:
                if self._position is None:
                    self._position = await self._log.last_position()

    async def beyond(self, stream: str, version: int, *, now: datetime) -> bool:
        """Whether the stream, read after `begin` up to `version`, has grown since. Others' appends show within LOOK."""
        await self._look(now)
        return self._versions.get(stream, 0) > version

    async def _look(self, now: datetime) -> None:
        async with self._turn:
            if self._looked is not None and timedelta(0) <= now - self._looked < LOOK:
                return
            await self._take_in()
            self._looked = now

    async def _take_in(self) -> None:
        last = await self._log.last_position()
        if self._position is None:
            self._position = last
        while self._position < last:
            events = await self._log.read_all(after=self._position, limit=_PAGE, stream_prefix=self._prefix)
            self._versions.update((event.stream, event.version) for event in events)
            self._position = max(last, _end(events)) if len(events) < _PAGE else _end(events)


def _end(events: list[Event]) -> int:
    return events[-1].position if events else 0
