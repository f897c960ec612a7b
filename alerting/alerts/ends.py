"""When alerts end, soonest first. An end that moved later is found out only when the old one passes."""

import heapq
from collections.abc import Callable
from datetime import datetime

from alerting.alerts.held import Held


class Ends:
    """A queue of ends; adding an alert again is allowed and cheap."""

    def __init__(self) -> None:
        self._queue: list[tuple[datetime, str]] = []

    def add(self, fingerprint: str, ends_at: datetime) -> None:
        """The alert ends then, as far as is known."""
        heapq.heappush(self._queue, (ends_at, fingerprint))

    def next(self) -> datetime | None:
        """No alert ends before this; None when none does."""
        return self._queue[0][0] if self._queue else None

    def passed(self, now: datetime, held: Callable[[str], Held | None]) -> list[Held]:
        """Take out those whose end has really passed."""
        ended: dict[str, Held] = {}
        while self._queue and self._queue[0][0] <= now:
            _, fingerprint = heapq.heappop(self._queue)
            one = held(fingerprint)
            if one is None or one.ends_at is None:
                continue
            if one.ends_at <= now:
                ended[fingerprint] = one
            else:
                self.add(fingerprint, one.ends_at)
        return list(ended.values())
