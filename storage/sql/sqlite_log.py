"""The event log on SQLite: what is asked many times a second is one visit each, the rest is as everywhere."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from storage.codec import decode, decode_time, encode, encode_time
from storage.errors import Conflict, KeyTaken
from storage.events import Card, CardChange, Event, NewEvent, Snapshot
from storage.sql.backend import Backend
from storage.sql.log import SqlLog, event_of
from storage.sql.visits import Visits

_COLUMNS: Final = "position, id, stream, version, type, data, at, actor, correlation, priority"
_STREAM: Final = f"SELECT {_COLUMNS} FROM events WHERE stream = ? AND version > ? ORDER BY version"  # noqa: S608
_SINCE: Final = f"""
SELECT {_COLUMNS} FROM events WHERE position > ? AND substr(stream, 1, ?) = ? ORDER BY position LIMIT ?
"""  # noqa: S608
_LAST: Final = "SELECT max(position) FROM events"
_ENDS: Final = "SELECT (SELECT max(version) FROM events WHERE stream = ?), (SELECT max(position) FROM events)"
_ADD: Final = f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_HOLDER: Final = "SELECT stream FROM cards WHERE kind = ? AND key = ? AND open AND stream != ?"
_CARD: Final = """
INSERT INTO cards (stream, kind, key, state, open, data, position, opened_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET kind = excluded.kind, key = excluded.key, state = excluded.state,
  open = excluded.open, data = excluded.data, updated_at = excluded.updated_at
"""
_CARD_COLUMNS: Final = "stream, kind, key, state, open, data, opened_at, updated_at"
_CARDS: Final = f"""
SELECT {_CARD_COLUMNS} FROM cards WHERE kind = ? AND {{which}} ORDER BY position DESC, stream LIMIT ?
"""  # noqa: S608
_CARD_OF: Final = f"SELECT {_CARD_COLUMNS} FROM cards WHERE stream = ?"  # noqa: S608
_IS_OPEN: Final = {None: "true", True: "open", False: "NOT open"}
_SNAPSHOT: Final = "SELECT version, data, at FROM snapshots WHERE stream = ?"


class SqliteLog(SqlLog):
    """An EventLog over the backend of a file."""

    def __init__(self, backend: Backend, visits: Visits) -> None:
        super().__init__(backend)
        self._visits = visits

    async def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected: int,
        at: datetime,
        card: CardChange | None = None,
    ) -> list[Event]:
        texts = [encode(event.data) for event in events]
        row = None if card is None else _card_row(stream, card, at)
        added = await self._visits.write(partial(_append, stream, events, texts, expected, at, row))
        self._backend.bell.ring()
        return added

    async def read(self, stream: str, *, after: int = 0) -> list[Event]:
        return await self._visits.read(partial(_found, _STREAM, (stream, after)))

    async def read_all(
        self, *, after: int = 0, limit: int = 500, newest_first: bool = False, stream_prefix: str = ""
    ) -> list[Event]:
        if newest_first or (stream_prefix and not after):  # may go through the whole log, and others wait for visits
            return await super().read_all(
                after=after, limit=limit, newest_first=newest_first, stream_prefix=stream_prefix
            )
        which = (after, len(stream_prefix), stream_prefix, limit)
        return await self._visits.read(partial(_found, _SINCE, which))

    async def last_position(self) -> int:
        ((last,),) = await self._visits.read(lambda connection: connection.execute(_LAST).fetchall())
        return last or 0

    async def cards(
        self,
        kind: str,
        *,
        key: str | None = None,
        open: bool | None = None,  # noqa: A002
        limit: int = 100,
    ) -> list[Card]:
        keyed, keys = ("", ()) if key is None else (" AND key = ?", (key,))
        statement = _CARDS.format(which=_IS_OPEN[open] + keyed)
        return await self._visits.read(partial(_cards, statement, (kind, *keys, limit)))

    async def card(self, stream: str) -> Card | None:
        return next(iter(await self._visits.read(partial(_cards, _CARD_OF, (stream,)))), None)

    async def snapshot(self, stream: str) -> Snapshot | None:
        row = await self._visits.read(lambda connection: connection.execute(_SNAPSHOT, (stream,)).fetchone())
        return None if row is None else Snapshot(stream, row[0], decode(row[1]), decode_time(row[2]))


def _found(statement: str, which: tuple[Any, ...], connection: sqlite3.Connection) -> list[Event]:
    return [_event(row) for row in connection.execute(statement, which).fetchall()]


def _event(row: tuple[Any, ...]) -> Event:
    position, id_, stream, version, kind, data, at, *rest = row
    return Event(position, id_, stream, version, kind, decode(data), decode_time(at), *rest)


def _cards(statement: str, which: tuple[Any, ...], connection: sqlite3.Connection) -> list[Card]:
    return [_card(row) for row in connection.execute(statement, which).fetchall()]


def _card(row: tuple[Any, ...]) -> Card:
    stream, kind, key, state, is_open, data, opened_at, updated_at = row
    times = decode_time(opened_at), decode_time(updated_at)
    return Card(stream, kind, key, state, bool(is_open), decode(data), *times)


def _card_row(stream: str, card: CardChange, at: datetime) -> tuple[Any, ...]:
    """The row without its position."""
    when = encode_time(at)
    return stream, card.kind, card.key, card.state, card.open, encode(card.data), when, when


def _append(
    stream: str,
    events: Sequence[NewEvent],
    texts: Sequence[str],
    expected: int,
    at: datetime,
    card: tuple[Any, ...] | None,
    connection: sqlite3.Connection,
) -> list[Event]:
    version, last = connection.execute(_ENDS, (stream,)).fetchone()
    if (version or 0) != expected:
        raise Conflict(stream, expected, version or 0)
    if card is not None:
        _put_card(connection, card, (last or 0) + 1)
    added = [event_of(stream, one, (last or 0) + nth, expected + nth, at) for nth, one in enumerate(events, 1)]
    connection.executemany(_ADD, [_row(event, text) for event, text in zip(added, texts, strict=True)])
    return added


def _put_card(connection: sqlite3.Connection, card: tuple[Any, ...], position: int) -> None:
    stream, kind, key, _, is_open, *_ = card
    holder = connection.execute(_HOLDER, (kind, key, stream)).fetchone() if is_open else None
    if holder is not None:
        raise KeyTaken(kind, key, holder[0])
    connection.execute(_CARD, (*card[:6], position, *card[6:]))


def _row(event: Event, text: str) -> tuple[Any, ...]:
    return (
        *(event.position, event.id, event.stream, event.version, event.type, text),
        *(encode_time(event.at), event.actor, event.correlation, event.priority),
    )
