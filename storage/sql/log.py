"""The event log on SQL."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import tables
from storage.errors import Conflict, KeyTaken
from storage.events import Card, CardChange, Event, NewEvent, Snapshot
from storage.follow import follow
from storage.sql.backend import Backend, upsert

EVENTS: Final = tables.events.c
CARDS: Final = tables.cards.c
SNAPSHOTS: Final = tables.snapshots.c
CARD: Final = [column for column in CARDS if column.name != "position"]


class SqlLog:
    """An EventLog over a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected: int,
        at: datetime,
        card: CardChange | None = None,
    ) -> list[Event]:
        async with self._backend.writing() as connection:
            # One appender at a time, so positions are given and committed in the same order.
            await self._backend.serialise(connection, "events")
            last = await _last_position(connection, stream, expected)
            if card is not None:
                await self._put_card(connection, stream, card, last + 1, at)
            added = [event_of(stream, event, last + nth, expected + nth, at) for nth, event in enumerate(events, 1)]
            if added:
                await connection.execute(sa.insert(tables.events), [_row(event) for event in added])
                await self._backend.announce(connection)
        self._backend.bell.ring()
        return added

    async def _put_card(
        self, connection: AsyncConnection, stream: str, card: CardChange, position: int, at: datetime
    ) -> None:
        if card.open:
            holder = await connection.scalar(
                sa.select(CARDS.stream).where(
                    CARDS.kind == card.kind, CARDS.key == card.key, CARDS.open, CARDS.stream != stream
                )
            )
            if holder is not None:
                raise KeyTaken(card.kind, card.key, holder)
        row = {"kind": card.kind, "key": card.key, "state": card.state, "open": card.open, "data": card.data}
        statement = upsert(self._backend.kind, tables.cards, keep=("position", "opened_at"))
        await connection.execute(
            statement, {"stream": stream, "position": position, "opened_at": at, "updated_at": at, **row}
        )

    async def read(self, stream: str, *, after: int = 0) -> list[Event]:
        return await self._events(
            sa.select(tables.events).where(EVENTS.stream == stream, EVENTS.version > after).order_by(EVENTS.version)
        )

    async def read_all(
        self, *, after: int = 0, limit: int = 500, newest_first: bool = False, stream_prefix: str = ""
    ) -> list[Event]:
        order = EVENTS.position.desc() if newest_first else EVENTS.position
        statement = sa.select(tables.events).where(EVENTS.position > after).order_by(order).limit(limit)
        if stream_prefix:
            # LIKE ignores case on SQLite.
            begins = sa.func.substr(EVENTS.stream, 1, len(stream_prefix)) == stream_prefix
            statement = statement.where(begins)
        return await self._events(statement)

    async def _events(self, statement: sa.Select[Any]) -> list[Event]:
        async with self._backend.reading() as connection:
            return [Event(**row) for row in (await connection.execute(statement)).mappings()]

    async def last_position(self) -> int:
        async with self._backend.reading() as connection:
            return await connection.scalar(sa.select(sa.func.max(EVENTS.position))) or 0

    async def cards(
        self,
        kind: str,
        *,
        key: str | None = None,
        open: bool | None = None,  # noqa: A002
        limit: int = 100,
    ) -> list[Card]:
        statement = sa.select(*CARD).where(CARDS.kind == kind)
        if key is not None:
            statement = statement.where(CARDS.key == key)
        if open is not None:
            statement = statement.where(CARDS.open if open else sa.not_(CARDS.open))
        newest_first = statement.order_by(CARDS.position.desc(), CARDS.stream).limit(limit)
        async with self._backend.reading() as connection:
            return [Card(**row) for row in (await connection.execute(newest_first)).mappings()]

    async def card(self, stream: str) -> Card | None:
        async with self._backend.reading() as connection:
            found = await connection.execute(sa.select(*CARD).where(CARDS.stream == stream))
            row = found.mappings().one_or_none()
        return None if row is None else Card(**row)

    async def snapshot(self, stream: str) -> Snapshot | None:
        async with self._backend.reading() as connection:
            found = await connection.execute(sa.select(tables.snapshots).where(SNAPSHOTS.stream == stream))
            row = found.mappings().one_or_none()
        return None if row is None else Snapshot(**row)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        newer_kept = SNAPSHOTS.version > snapshot.version
        statement = upsert(self._backend.kind, tables.snapshots, unless=newer_kept)
        row = {
            "stream": snapshot.stream,
            "version": snapshot.version,
            "data": snapshot.data,
            "at": snapshot.at,
        }
        async with self._backend.writing() as connection:
            await connection.execute(statement, row)

    def follow(self, *, after: int) -> AsyncIterator[Event]:
        self._backend.listen()
        return follow(self.read_all, self._backend.bell, after=after, poll=self._backend.poll)


async def _last_position(connection: AsyncConnection, stream: str, expected: int) -> int:
    """Return the log's last position; raises Conflict when the stream is not at version `expected`."""
    version = sa.select(sa.func.max(EVENTS.version)).where(EVENTS.stream == stream).scalar_subquery()
    position = sa.select(sa.func.max(EVENTS.position)).scalar_subquery()
    actual, last = (await connection.execute(sa.select(version, position))).one()
    if (actual or 0) != expected:
        raise Conflict(stream, expected, actual or 0)
    return last or 0


def event_of(stream: str, new: NewEvent, position: int, version: int, at: datetime) -> Event:
    """The event as it stands in the log at that place."""
    return Event(
        position=position,
        id=uuid4().hex,
        stream=stream,
        version=version,
        type=new.type,
        data=new.data,
        at=at.astimezone(UTC),
        actor=new.actor,
        correlation=new.correlation,
        priority=new.priority,
    )


def _row(event: Event) -> dict[str, Any]:
    return {column.name: getattr(event, column.name) for column in tables.events.c}
