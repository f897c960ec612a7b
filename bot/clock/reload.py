"""Files that may change while we run: rules and routing. A changed file is read anew; a broken one changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from bot.settings.problems import SettingsWrong

log = logging.getLogger(__name__)

T = TypeVar("T")
Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Source(Generic[T]):
    """One kind of files: `read` reads them all (SettingsWrong when they cannot be used), `take` puts them to use."""

    name: str
    paths: Callable[[], Sequence[Path]]
    read: Callable[[], T]
    take: Callable[[T], Awaitable[None]]


@dataclass(slots=True)
class Reading:
    """How the last reading of a kind of files went: since when they are in use, and what was wrong since then."""

    at: datetime
    problem: str = ""


class Reloader:
    """Looks whether files changed. `tell` says in chat what could not be used, once for each fault, and its end."""

    def __init__(
        self,
        sources: Sequence[Source[object]],
        tell: Callable[[str, str], Awaitable[None]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._sources = sources
        self._tell = tell
        self._asked = False
        self._stamps = {source.name: _stamp(source.paths()) for source in sources}
        self.readings = {source.name: Reading(now()) for source in sources}

    def ask(self) -> None:
        """Read everything anew at the next tick, changed or not."""
        self._asked = True

    async def tick(self, now: datetime) -> None:
        """Read what has changed. Raises what `take` raises; it is tried again then."""
        asked, self._asked = self._asked, False
        for source in self._sources:
            stamp = await asyncio.to_thread(_stamp, source.paths())
            if asked or stamp != self._stamps[source.name]:
                await self._reload(source, now)
                self._stamps[source.name] = stamp

    async def _reload(self, source: Source[object], now: datetime) -> None:
        reading = self.readings[source.name]
        try:
            read = await asyncio.to_thread(source.read)
        except SettingsWrong as wrong:
            if str(wrong) != reading.problem:
                log.error("the changed %s cannot be used, what was read before stays: %s", source.name, wrong)  # noqa: TRY400  # no trace needed
                await self._tell(f"The changed {source.name} can't be used; what was read before stays.", str(wrong))
            reading.problem = str(wrong)
            return
        await source.take(read)
        log.info("%s read anew", source.name)
        if reading.problem:
            await self._tell(f"The {source.name} can be used again.", "They are in use now.")
        self.readings[source.name] = Reading(now)


def _stamp(paths: Sequence[Path]) -> Stamp:
    """What changes when a file does: also one that takes another's place, as mounted configuration does."""
    stamps = []
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            continue
        stamps.append((str(path), found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(stamps)
