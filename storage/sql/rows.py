"""Writes records to SQLite, in a thread and over a connection of its own: a whole transaction in one visit.

Through the pool every statement is several visits to the driver's thread, and records are written too often for that.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from storage.codec import encode_time
from storage.sql.backend import Backend
from storage.sql.records import SqlRecords

_COUNT: Final = """
INSERT INTO collections (collection, revision) VALUES (?, 1)
ON CONFLICT (collection) DO UPDATE SET revision = revision + 1 RETURNING revision
"""
_DELETE: Final = "DELETE FROM records WHERE collection = ? AND key = ?"
_WRITE: Final = """
INSERT INTO records (collection, key, value, at, revision) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value, at = excluded.at, revision = excluded.revision
"""

WriteRows = Callable[[str, Collection[str], Mapping[str, str], str], Awaitable[None]]


class RowWriter:
    """`connect` opens a connection that begins no transaction by itself; it is called in the thread."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")

    async def write(self, of: str, gone: Collection[str], rows: Mapping[str, str], at: str) -> None:
        """Delete and write, both or neither. Raises sqlite3.Error."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, of, gone, rows, at)

    async def close(self) -> None:
        """End the thread, after what it was given to do; again does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _write(self, of: str, gone: Collection[str], rows: Mapping[str, str], at: str) -> None:
        if self._connection is None:
            self._connection = self._connect()
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            ((revision,),) = connection.execute(_COUNT, (of,)).fetchall()
            connection.executemany(_DELETE, [(of, key) for key in gone])
            connection.executemany(_WRITE, [(of, key, text, at, revision) for key, text in rows.items()])

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class SqliteRecords(SqlRecords):
    """Records that are read as everywhere, and written by `write`, which takes what RowWriter.write takes."""

    def __init__(self, backend: Backend, write: WriteRows) -> None:
        super().__init__(backend)
        self._write_rows = write

    async def _write(
        self, of: str, gone: Collection[str], at: datetime | None = None, rows: Mapping[str, str] | None = None
    ) -> None:
        await self._write_rows(of, gone, rows or {}, encode_time(at) if at else "")
