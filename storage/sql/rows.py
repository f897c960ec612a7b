"""Records on SQLite, read and written in one visit each."""

import sqlite3
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from storage.codec import JSON, decode, encode_time
from storage.sql.backend import Backend
from storage.sql.records import SqlRecords
from storage.sql.visits import Visits

_COUNT: Final = """
INSERT INTO collections (collection, revision) VALUES (?, 1)
ON CONFLICT (collection) DO UPDATE SET revision = revision + 1 RETURNING revision
"""
_DELETE: Final = "DELETE FROM records WHERE collection = ? AND key = ?"
_WRITE: Final = """
INSERT INTO records (collection, key, value, at, revision) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value, at = excluded.at, revision = excluded.revision
"""
_GET: Final = "SELECT value FROM records WHERE collection = ? AND key = ?"


class SqliteRecords(SqlRecords):
    """Records that are listed as everywhere."""

    def __init__(self, backend: Backend, visits: Visits) -> None:
        super().__init__(backend)
        self._visits = visits

    async def get(self, collection: str, key: str) -> JSON | None:
        row = await self._visits.read(lambda connection: connection.execute(_GET, (collection, key)).fetchone())
        return None if row is None else decode(row[0])

    async def _write(
        self, of: str, gone: Collection[str], at: datetime | None = None, rows: Mapping[str, str] | None = None
    ) -> None:
        await self._visits.write(partial(_write, of, gone, rows or {}, encode_time(at) if at else ""))


def _write(of: str, gone: Collection[str], rows: Mapping[str, str], at: str, connection: sqlite3.Connection) -> None:
    given: list[tuple[Any, ...]] = [(of, key, text, at) for key, text in rows.items()]
    ((revision,),) = connection.execute(_COUNT, (of,)).fetchall()
    connection.executemany(_DELETE, [(of, key) for key in gone])
    connection.executemany(_WRITE, [(*row, revision) for row in given])
