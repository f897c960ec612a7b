"""What goes out next in one channel, and when. Pure: time is an argument.

Pace: one post a second in a channel with short bursts, and one update of a message in three seconds (docs.slack.dev,
rate limits). What is urgent never waits for what is not: notices and progress leave some of the budget to it. A newer
state of a message replaces one still waiting, so nobody reads the past.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bot.chat.budget import Budget
from bot.chat.port import Priority
from bot.views.blocks import Message

POSTS: Final = (1.0, 3.0)  # a second, and at once
POSTS_KEPT: Final = 1
UPDATES: Final = (50 / 60, 30.0)
UPDATES_KEPT: Final = 10
UPDATE_PAUSE: Final = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Post:
    """A new message. `key` names what it is for: a key is posted once, ever. `payload` is kept with it."""

    key: str
    message: Message
    priority: Priority
    thread_key: str = ""
    broadcast: bool = False
    payload: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """The newest state of the message posted under `key`."""

    key: str
    message: Message
    priority: Priority


Item = Post | Update


def name_of(item: Item) -> tuple[str, str]:
    """What a newer state of the same thing replaces."""
    return type(item).__name__, item.key


@dataclass(slots=True)
class ChannelQueue:
    """The waiting items of a channel. `take` gives the next one that may go, `wait` says when to ask again.

    The budget of `updates` is that of all channels together.
    """

    waiting: dict[tuple[str, str], tuple[int, int, Item]] = field(default_factory=dict)
    under_way: tuple[int, int, Item] | None = None
    quiet_until: datetime | None = None
    posts: Budget = field(default_factory=lambda: Budget(*POSTS))
    updates: Budget = field(default_factory=lambda: Budget(*UPDATES))
    updated_at: dict[str, datetime] = field(default_factory=dict)
    added: int = 0

    def add(self, item: Item) -> None:
        """Queue an item; an update of the same message that still waits keeps its place with the newer state."""
        name = name_of(item)
        old = self.waiting.get(name)
        self.added += 1
        order = old[1] if old else self.added
        self.waiting[name] = (min(item.priority, old[0]) if old else item.priority, order, item)

    def take(self, now: datetime) -> Item | None:
        """Remove and return the most urgent item that is due."""
        due = [
            (rank, order, name)
            for name, (rank, order, item) in self.waiting.items()
            if self._due(item, rank, now) <= now
        ]
        if not due:
            return None
        self.under_way = self.waiting.pop(min(due)[2])
        return self.under_way[2]

    def wait(self, now: datetime) -> timedelta | None:
        """How long until something is due; None when nothing waits."""
        if not self.waiting:
            return None
        return max(timedelta(0), min(self._due(item, rank, now) for rank, _, item in self.waiting.values()) - now)

    def went(self, item: Item, now: datetime) -> None:
        """An item was sent, or never will be."""
        self.under_way = None
        (self.posts if isinstance(item, Post) else self.updates).spend(now)
        self.updated_at[item.key] = now
        if len(self.updated_at) > 1000:
            self.updated_at = {key: at for key, at in self.updated_at.items() if now - at < UPDATE_PAUSE}

    def hold(self, until: datetime) -> None:
        """The platform asked this channel to wait."""
        self.quiet_until = max(until, self.quiet_until or until)

    def back(self) -> None:
        """The item under way was not sent after all: it has its place again, or a newer state of it has."""
        if self.under_way is None:
            return
        rank, order, item = self.under_way
        self.under_way = None
        newer = self.waiting.get(name_of(item))
        self.waiting[name_of(item)] = (min(rank, newer[0]), order, newer[2]) if newer else (rank, order, item)

    def _due(self, item: Item, rank: int, now: datetime) -> datetime:
        patient = rank > Priority.DECISION
        if isinstance(item, Post):
            free = self.posts.free_at(now, keep=POSTS_KEPT if patient else 0)
        else:
            last = self.updated_at.get(item.key)
            budget = self.updates.free_at(now, keep=UPDATES_KEPT if patient else 0)
            free = max(budget, last + UPDATE_PAUSE) if last else budget
        return max(free, self.quiet_until) if self.quiet_until else free
