"""SQLite: one writing connection behind a lock, a few reading ones, write-ahead log.

Every write begins with BEGIN IMMEDIATE, so it waits for another process at its start, never in the middle.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.codec import decode_time
from storage.database import Kind, PoolSettings
from storage.errors import StorageUnavailable
from storage.follow import Bell
from storage.sql.faults import closed, translated
from storage.sql.migrate import migrate
from storage.sql.opened import SqlDatabase, sql_database
from storage.sql.rows import SqliteRecords
from storage.sql.sqlite_log import SqliteLog
from storage.sql.visits import Visitor

T = TypeVar("T")

BUSY: Final = timedelta(seconds=10)
MOST_READERS: Final = 4
POLL: Final = timedelta(seconds=2)
WRITER: Final = ("synchronous=NORMAL", "foreign_keys=ON")
READER: Final = ("query_only=ON",)
CONNECT: Final[dict[str, Any]] = {"timeout": BUSY.total_seconds()}

REMEDIES: Final = {
    sqlite3.SQLITE_FULL: "Free some space on its disk",
    sqlite3.SQLITE_IOERR: "Check that its disk has space left and is sound",
    sqlite3.SQLITE_READONLY: "Give this user the right to write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "Check that the path names a file this user may read and write",
    sqlite3.SQLITE_PERM: "Give this user the right to write the file and its folder",
    sqlite3.SQLITE_BUSY: "Find the other process that keeps it locked",
    sqlite3.SQLITE_NOTADB: "Name another file, or restore a backup",
    sqlite3.SQLITE_CORRUPT: "Restore a backup",
}


async def open_sqlite(url: str, pool: PoolSettings) -> SqlDatabase:
    """Open the file of `sqlite:///path`, making it and its folder when missing."""
    path = _path(url)
    await asyncio.to_thread(_prepare, path)
    reads, writes = (Visitor(partial(_connect, path, pragmas), "visits") for pragmas in (READER, WRITER))
    backend = SqliteBackend(url, path, pool, _writer(path), _readers(path, pool), reads, writes)
    try:
        await migrate(backend.reading, backend.writing)
    except BaseException:
        await backend.close()
        raise
    return sql_database(backend, SqliteLog(backend, backend), SqliteRecords(backend, backend))


@dataclass(slots=True)
class SqliteBackend:
    """The Backend of one file."""

    url: str
    path: Path
    pool: PoolSettings
    writer: AsyncEngine
    readers: AsyncEngine
    reads: Visitor
    writes: Visitor
    kind: Kind = "sqlite"
    poll: timedelta = POLL
    bell: Bell = field(default_factory=Bell)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    lent: int = 0
    all_back: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        if self.bell.closed:
            raise closed()
        self.lent += 1
        try:
            with self._faults():
                async with self.readers.connect() as connection:
                    yield connection
        finally:
            self.lent -= 1
            if not self.lent:
                self.all_back.set()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        async with self._alone():
            if self.bell.closed:
                raise closed()
            with self._faults():
                async with self.writer.begin() as connection:
                    yield connection

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """See Visits."""
        if self.bell.closed:
            raise closed()
        with self._visit_faults():
            return await self.reads.visit(work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """See Visits."""
        async with self._alone():
            if self.bell.closed:
                raise closed()
            with self._visit_faults():
                return await self.writes.visit(partial(_whole, work))

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        longest = self.pool.acquire_timeout.total_seconds()
        try:
            async with asyncio.timeout(longest):
                await self.lock.acquire()
        except TimeoutError as error:
            raise StorageUnavailable(
                f"Other writes to {self.path} took more than {longest:g} s", "Check the disk it is on"
            ) from error
        try:
            yield
        finally:
            self.lock.release()

    def _faults(self) -> AbstractContextManager[None]:
        return translated(lambda cause: explain(cause, self.path))

    @contextmanager
    def _visit_faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.path) or error from error

    async def serialise(self, connection: AsyncConnection, name: str) -> None:
        """Nothing to do: there is one writer."""

    async def announce(self, connection: AsyncConnection) -> None:
        """Nothing to do: other processes poll."""

    def listen(self) -> None:
        """Nothing to do: other processes poll."""

    async def now(self, connection: AsyncConnection) -> datetime:
        return decode_time(await connection.scalar(sa.text("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")))

    async def close(self) -> None:
        self.bell.close()
        async with self.lock:
            # What is lent is beyond the pool's reach, and its thread would keep the process alive.
            self.all_back.clear()
            if self.lent:
                await self.all_back.wait()
            await self.readers.dispose()
            await self.writer.dispose()
            await self.reads.close()
            await self.writes.close()


def explain(cause: BaseException, path: Path) -> StorageUnavailable | None:
    """Say what an SQLite error means for the one who runs this, None when it is a bug of ours.

    Codes: https://www.sqlite.org/rescode.html (the lowest byte is the primary one).
    """
    if not isinstance(cause, sqlite3.Error):
        return None
    remedy = REMEDIES.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    return None if remedy is None else StorageUnavailable(f"{path}: {cause}", remedy)


def _path(url: str) -> Path:
    database = sa.make_url(url).database
    if not database or database.startswith((":", "file:")):
        raise StorageUnavailable(f"{url} names no file", "Use sqlite:///relative/path or sqlite:////absolute/path")
    return Path(database)


def _prepare(path: Path) -> None:
    """Make the file and turn on its write-ahead log, which stays on."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=BUSY.total_seconds())) as connection:
            mode = _switch_to_wal(connection, deadline=time.monotonic() + BUSY.total_seconds())
    except OSError as error:
        raise StorageUnavailable(f"{path}: {error.strerror}", REMEDIES[sqlite3.SQLITE_CANTOPEN]) from error
    except sqlite3.Error as error:
        raise explain(error, path) or error from error
    if mode != "wal":
        raise StorageUnavailable(f"{path} has no write-ahead log", "Put it on a local disk, not a network share")


def _switch_to_wal(connection: sqlite3.Connection, *, deadline: float) -> str:
    """Return the journal mode. The switch does not wait for a busy file by itself, so it is tried again."""
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _writer(path: Path) -> AsyncEngine:
    engine = create_async_engine(_address(path), connect_args=CONNECT, pool_size=1, max_overflow=0)
    sa.event.listen(engine.sync_engine, "connect", _set_up_writer)
    sa.event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _whole(work: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
    """Do all of it or nothing."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        return work(connection)


def _connect(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite3.connect(path, isolation_level=None, **CONNECT)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _readers(path: Path, pool: PoolSettings) -> AsyncEngine:
    engine = create_async_engine(
        _address(path),
        connect_args=CONNECT,
        isolation_level="AUTOCOMMIT",
        pool_size=min(pool.max_connections, MOST_READERS),
        max_overflow=0,
        pool_timeout=pool.acquire_timeout.total_seconds(),
    )
    sa.event.listen(engine.sync_engine, "connect", _set_up_reader)
    return engine


def _address(path: Path) -> sa.URL:
    return sa.URL.create("sqlite+aiosqlite", database=str(path))


def _set_up_writer(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    connection.isolation_level = None  # sqlite3 begins nothing by itself; `_begin` does
    for pragma in WRITER:
        connection.cursor().execute(f"PRAGMA {pragma}")


def _set_up_reader(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    for pragma in READER:
        connection.cursor().execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
