"""PostgreSQL through psycopg 3: its own pool underneath, SQLAlchemy on top, one connection more for LISTEN.

psycopg's pool is used because it knows all four settings of ours, closing the idle included.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.database import Kind, PoolSettings
from storage.errors import StorageUnavailable
from storage.follow import Bell
from storage.sql.faults import POOL_REMEDY, closed, translated
from storage.sql.migrate import migrate
from storage.sql.opened import SqlDatabase, sql_database

POLL: Final = timedelta(seconds=1)
CHANNEL: Final = "storage_events"
RECONNECT: Final = timedelta(seconds=2)
GIVE_UP: Final = timedelta(seconds=5)
CONNECT_WITHIN: Final = 5  # seconds
IDLE_TRANSACTION: Final = timedelta(seconds=10)  # ours last milliseconds

SERIALISE: Final = sa.text("SELECT pg_advisory_xact_lock(hashtext('storage'), hashtext(:name))")
ANNOUNCE: Final = sa.text(f"SELECT pg_notify('{CHANNEL}', '')")
NOW: Final = sa.text("SELECT clock_timestamp()")

# https://www.postgresql.org/docs/current/errcodes-appendix.html
REMEDIES: Final = {
    "40001": "Do it again",
    "40P01": "Do it again",
    "25P03": "Do it again; this process stood still in the middle of a transaction",
    "57014": "Do it again; if it stays so, raise the server's statement_timeout",
    "42501": "Grant this user the right to create and write tables in its schema",
    "25006": "Point DATABASE_URL at the primary; this server only reads",
    "53100": "Free some space on the server's disk",
    "53200": "Give the server more memory",
    "53300": "Raise the server's max_connections, or lower the pool's",
}
# A refused connection has no code, only words.
REFUSALS: Final = {
    "password authentication failed": "Correct the user and password in DATABASE_URL",
    "no password supplied": "Add the password to DATABASE_URL",
    "pg_hba.conf": "Let this user in by pg_hba.conf, or name another user in DATABASE_URL",
    "does not exist": "Create what is missing (createuser, createdb), or name another in DATABASE_URL",
    "too many clients": "Raise the server's max_connections, or lower the pool's",
    "not permit": "Let this user in, or wait until the database takes connections again",
}
UNREACHABLE: Final = "Check that the server runs and that DATABASE_URL names its host and port"

log = logging.getLogger(__name__)


class LentConnection(psycopg.AsyncConnection[Any]):
    """A connection that is lent to SQLAlchemy again and again."""

    def add_notice_handler(self, callback: Callable[[psycopg.errors.Diagnostic], None]) -> None:
        """Ignore it: SQLAlchemy adds one each time, and they would pile up while the connection lives."""


Pool: TypeAlias = AsyncConnectionPool[LentConnection]


async def open_postgresql(url: str, pool: PoolSettings) -> SqlDatabase:
    """Connect to the server of `postgresql://…`."""
    await _probe(url)
    connections = _pool(url, pool)
    await connections.open()
    engine = create_async_engine(
        "postgresql+psycopg://",
        async_creator=connections.getconn,
        poolclass=sa.NullPool,
        isolation_level="READ COMMITTED",  # an appender must see what was committed while it waited its turn
        use_native_hstore=False,
    )
    backend = PostgresBackend(url, connections, engine)
    try:
        await migrate(backend.reading, backend.migrating)
    except BaseException:
        await backend.close()
        raise
    return sql_database(backend)


@dataclass(slots=True)
class PostgresBackend:
    """The Backend of one server."""

    url: str
    pool: Pool
    engine: AsyncEngine
    kind: Kind = "postgresql"
    poll: timedelta = POLL
    bell: Bell = field(default_factory=Bell)
    listening: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with self._faults():
            async with self.engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        with self._faults():
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for migrations; whoever comes meanwhile waits until it has ended. Raises as `writing` does."""
        async with self.writing() as connection:
            # Loading what migrates takes a while on a slow machine, and nobody else may go on meanwhile anyway.
            await connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            await self.serialise(connection, "migrations")
            yield connection

    def _faults(self) -> AbstractContextManager[None]:
        if self.bell.closed:
            raise closed()
        return translated(lambda cause: explain(cause, self.url))

    async def serialise(self, connection: AsyncConnection, name: str) -> None:
        await connection.execute(SERIALISE, {"name": name})

    async def announce(self, connection: AsyncConnection) -> None:
        await connection.execute(ANNOUNCE)

    async def now(self, connection: AsyncConnection) -> datetime:
        moment: datetime = await connection.scalar(NOW)
        return moment.astimezone(UTC)

    def listen(self) -> None:
        if self.listening is None:
            self.listening = asyncio.create_task(_listen(self.url, self.bell), name="listen for events")

    async def close(self) -> None:
        self.bell.close()
        if self.listening is not None:
            self.listening.cancel()
            await asyncio.wait([self.listening])
        await self.engine.dispose()
        await self.pool.close()


def explain(cause: BaseException, url: str) -> Exception | None:
    """Say what a psycopg error means for the one who runs this, None when it is a bug of ours."""
    match cause:
        case PoolClosed():
            return closed()
        case PoolTimeout():
            return StorageUnavailable(f"{_place(url)}: no connection became free in time", POOL_REMEDY)
        case psycopg.DataError():
            return ValueError(f"cannot be stored: {cause}")
        case psycopg.Error(sqlstate=str(code)) if code in REMEDIES:
            return StorageUnavailable(f"{_place(url)}: {_line(cause)}", REMEDIES[code])
        case psycopg.OperationalError():
            said = _line(cause)
            known = (remedy for words, remedy in REFUSALS.items() if words in said)
            return StorageUnavailable(f"{_place(url)}: {said}", next(known, UNREACHABLE))
        case _:
            return None


def _line(cause: BaseException) -> str:
    return " ".join(str(cause).split())


def _place(url: str) -> str:
    parts = conninfo_to_dict(url)
    return f"PostgreSQL database {parts.get('dbname', '')} at {parts.get('host', 'localhost')}"


async def _probe(url: str) -> None:
    """Connect once outside the pool, which would only say that it got no connection in time."""
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_WITHIN)
    except psycopg.Error as error:
        raise explain(error, url) or error from error
    await connection.close()


def _pool(url: str, settings: PoolSettings) -> Pool:
    return AsyncConnectionPool(
        url,
        connection_class=LentConnection,
        kwargs={"connect_timeout": CONNECT_WITHIN},
        min_size=settings.min_connections,
        max_size=settings.max_connections,
        timeout=settings.acquire_timeout.total_seconds(),
        max_idle=settings.idle_timeout.total_seconds(),
        # Its attempts grow apart while they fail; begun anew at the next need, they find the server sooner.
        reconnect_timeout=GIVE_UP.total_seconds(),
        configure=_let_go,
        check=AsyncConnectionPool.check_connection,
        close_returns=True,
        open=False,
    )


async def _let_go(connection: psycopg.AsyncConnection[Any]) -> None:
    """Let the server end a transaction in which nothing happens.

    A process that was stopped in the middle of one would hold up every other process until it goes on.
    """
    await connection.execute(
        f"SET idle_in_transaction_session_timeout = {IDLE_TRANSACTION // timedelta(milliseconds=1)}"
    )
    await connection.commit()


async def _connect(url: str) -> psycopg.AsyncConnection[Any]:
    """Connect, and hang up properly when cancelled meanwhile.

    A half-made connection would hold up the server, which waits a minute for it before it drops a database.
    """
    opening = asyncio.ensure_future(
        psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_WITHIN)
    )
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait([opening])
        if opening.exception() is None:
            await opening.result().close()
        raise


async def _listen(url: str, bell: Bell) -> None:
    """Ring for what other processes append. While it cannot connect, followers' polls stand in."""
    while True:
        try:
            async with await _connect(url) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                bell.ring()
                async for _ in connection.notifies():
                    bell.ring()
        except psycopg.OperationalError as error:
            log.warning("Not listening for events, polling: %s", _line(error))
        await asyncio.sleep(RECONNECT.total_seconds())
