"""What the statements need of a database, and the one clause the two databases spell differently."""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Kind
from storage.follow import Bell


class Backend(Protocol):
    """Connections to one database. Their faults come out as StorageUnavailable."""

    kind: Kind
    url: str
    bell: Bell
    poll: timedelta

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection on which each statement stands alone."""
        ...

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection in a transaction, committed at the end unless something is raised."""
        ...

    async def serialise(self, connection: AsyncConnection, name: str) -> None:
        """Let no other transaction pass the same name until this one has ended."""
        ...

    async def announce(self, connection: AsyncConnection) -> None:
        """Tell other processes, when this transaction commits, that the log has grown."""
        ...

    def listen(self) -> None:
        """Begin to ring the bell for what other processes announce, where the database can tell."""
        ...

    async def now(self, connection: AsyncConnection) -> datetime:
        """Return the database's own time, aware UTC."""
        ...

    async def close(self) -> None:
        """Close the bell and every connection."""
        ...


def upsert(
    kind: Kind,
    table: sa.Table,
    *,
    keep: Collection[str] = (),
    unless: sa.ColumnElement[bool] | None = None,
) -> sqlite.Insert | postgresql.Insert:
    """Insert a row, or overwrite the one with its primary key unless that one is so; `keep` columns stay."""
    insert = sqlite.insert(table) if kind == "sqlite" else postgresql.insert(table)
    changed = [column.name for column in table.c if not column.primary_key and column.name not in keep]
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: insert.excluded[name] for name in changed},
        where=None if unless is None else sa.not_(unless),
    )
