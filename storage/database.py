"""Opening the database that DATABASE_URL names.

Beside `open_database` there are only values and ports here; the drivers are loaded when one is opened.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

from storage.claims import Claims
from storage.errors import StorageUnavailable
from storage.events import EventLog
from storage.leases import Leases
from storage.records import Records

Kind: TypeAlias = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many connections are kept and lent.

    `acquire_timeout` is how long a caller waits for a free one before StorageUnavailable; what lies idle for
    `idle_timeout` beyond `min_connections` is closed. SQLite keeps its few readers: an open file costs nothing.
    """

    min_connections: int = 1
    max_connections: int = 10
    acquire_timeout: timedelta = timedelta(seconds=5)
    idle_timeout: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if not 0 <= self.min_connections <= self.max_connections or self.max_connections < 1:
            raise ValueError(
                f"a pool of {self.min_connections} to {self.max_connections} connections is impossible: "
                "0 <= min <= max and max >= 1"
            )


class Database(Protocol):
    """An open database. `url` is as it was given and may hold a password: do not show it."""

    @property
    def kind(self) -> Kind: ...

    @property
    def url(self) -> str: ...

    @property
    def log(self) -> EventLog: ...

    @property
    def records(self) -> Records: ...

    @property
    def claims(self) -> Claims: ...

    @property
    def leases(self) -> Leases: ...

    async def ping(self) -> None:
        """Ask the database for a sign of life; raises StorageUnavailable."""
        ...

    async def close(self) -> None:
        """End the followers and close every connection."""
        ...


async def open_database(url: str, *, pool: PoolSettings = PoolSettings()) -> Database:
    """Connect and bring the schema up to date.

    `url` is `sqlite:///relative`, `sqlite:////absolute` or `postgresql://user:password@host:port/name`.
    Raises StorageUnavailable when it cannot be reached or is of another kind, NewerSchema when a newer version
    wrote it.
    """
    scheme = urlsplit(url).scheme
    match scheme:
        case "sqlite":
            from storage.sql.sqlite import open_sqlite  # noqa: PLC0415

            return await open_sqlite(url, pool)
        case "postgresql" | "postgres":
            from storage.sql.postgresql import open_postgresql  # noqa: PLC0415

            return await open_postgresql(url, pool)
        case _:
            raise StorageUnavailable(
                f"DATABASE_URL starts with {scheme!r}", "Use sqlite:///path or postgresql://user@host/name"
            )
