"""The event log: streams of facts, each with an index card, in one order over all streams.

A stream is one subject. Its events are versioned 1, 2, 3 …; over the whole log each event has a position, also
1, 2, 3 … without gaps. A card is what lists need to know of a stream without reading it, written in the same
transaction as the events.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from storage.codec import JSON

Priority: TypeAlias = Literal["low", "medium", "high", "critical"]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact about to be appended. `actor` is who caused it, `correlation` the request it belongs to."""

    type: str
    data: JSON
    actor: str = "system"
    correlation: str = ""
    priority: Priority = "medium"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact as it stands in the log; `at` is aware UTC."""

    position: int
    id: str
    stream: str
    version: int
    type: str
    data: JSON
    at: datetime
    actor: str
    correlation: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class CardChange:
    """What the stream's card shall say; at most one open card may exist for a (kind, key)."""

    kind: str
    key: str
    state: str
    open: bool
    data: JSON


@dataclass(frozen=True, slots=True)
class Card:
    """The index card of a stream; `opened_at` is when it was first written."""

    stream: str
    kind: str
    key: str
    state: str
    open: bool
    data: JSON
    opened_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The folded state of a stream after its event `version`."""

    stream: str
    version: int
    data: JSON
    at: datetime


class EventLog(Protocol):
    """An append-only log. Every method may raise StorageUnavailable."""

    async def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected: int,
        at: datetime,
        card: CardChange | None = None,
    ) -> list[Event]:
        """Add events and card in one transaction; `expected` is the stream's version so far (0: new).

        Raises Conflict when the stream is at another version, KeyTaken when another stream holds the open card
        of that kind and key, ValueError when the data is no JSON; in each case nothing is written.
        """
        ...

    async def read(self, stream: str, *, after: int = 0) -> list[Event]:
        """Return the stream's events with a version above `after`, oldest first."""
        ...

    async def read_all(
        self, *, after: int = 0, limit: int = 500, newest_first: bool = False, stream_prefix: str = ""
    ) -> list[Event]:
        """Return events of all streams with a position above `after`, in position order or its reverse."""
        ...

    async def last_position(self) -> int:
        """Return the position of the newest event, 0 when there is none."""
        ...

    async def cards(
        self,
        kind: str,
        *,
        key: str | None = None,
        open: bool | None = None,  # noqa: A002 - the card's own field
        limit: int = 100,
    ) -> list[Card]:
        """Return the cards of a kind, the stream begun last first."""
        ...

    async def card(self, stream: str) -> Card | None:
        """Return the stream's card."""
        ...

    async def snapshot(self, stream: str) -> Snapshot | None:
        """Return the newest snapshot of the stream."""
        ...

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep the snapshot unless a newer one is there."""
        ...

    def follow(self, *, after: int) -> AsyncIterator[Event]:
        """Yield every event with a position above `after`, in order and exactly once, then wait for more.

        Outlives an outage of the database by asking again; ends when the database is closed.
        """
        ...
