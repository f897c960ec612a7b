"""Live notices for the pages: one stream per page, with a bounded backlog to resume from.

Ids look like ``<start of this hub>-<number>``. A page that comes back with an id that is no longer (or was
never) in the backlog must load everything again; it is told so by a `reset`.
"""

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from bot.workspace.notices import Notice

BACKLOG: Final = 5_000
QUEUE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Numbered:
    """A notice with the id under which a page can resume after it."""

    id: str
    notice: Notice


RESET: Final = Notice(frozenset(), "reset", {})
END: Final = Notice(frozenset(), "end", {})


@dataclass(slots=True, eq=False)
class Subscription:
    """A page's queue. `behind` is set when the page reads too slowly and must start again."""

    user: str
    queue: asyncio.Queue[Numbered] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    behind: bool = False


class Hub:
    """Hands every notice to the pages of those who may see it."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(4)
        self._count = 0
        self._backlog: deque[Numbered] = deque(maxlen=BACKLOG)
        self._subscriptions: set[Subscription] = set()

    @property
    def last_id(self) -> str:
        """The id of the newest notice. A page that has just loaded everything follows from here."""
        return f"{self._start}-{self._count}"

    def publish(self, notice: Notice) -> None:
        """Number a notice, keep it for those who come back, and queue it for the pages that it reaches."""
        self._count += 1
        numbered = Numbered(self.last_id, notice)
        self._backlog.append(numbered)
        for subscription in self._subscriptions:
            if notice.reaches(subscription.user):
                _offer(subscription, numbered)

    def subscribe(self, user: str, since: str = "") -> Subscription:
        """A stream for one user from now on, preceded by what came after the id `since`, or by a reset."""
        subscription = Subscription(user)
        for numbered in self._missed(since):
            if numbered.notice is RESET or numbered.notice.reaches(user):
                _offer(subscription, numbered)
        self._subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        """End every stream."""
        for subscription in self._subscriptions:
            _offer(subscription, Numbered(self.last_id, END))

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a page that has gone. Twice does no harm."""
        self._subscriptions.discard(subscription)

    def _missed(self, since: str) -> list[Numbered]:
        if not since or since == self.last_id:
            return []
        start, _, number = since.partition("-")
        missing = self._count - int(number) if start == self._start and number.isdigit() else -1
        if not 0 <= missing <= len(self._backlog):
            return [Numbered(self.last_id, RESET)]
        return list(self._backlog)[len(self._backlog) - missing :]


def _offer(subscription: Subscription, numbered: Numbered) -> None:
    try:
        subscription.queue.put_nowait(numbered)
    except asyncio.QueueFull:
        subscription.behind = True
