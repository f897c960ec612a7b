"""Bring a database to this version's schema, once, however many processes start together."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

import storage.migrations
from storage.errors import NewerSchema
from storage.migrations import HEAD, REVISIONS, VERSION_TABLE

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


async def migrate(reading: Connect, locked: Connect) -> None:
    """Upgrade when the stored revision is not the newest; raises NewerSchema when it is unknown here.

    `locked` opens a transaction that no other migrating process can hold at the same time.
    """
    async with reading() as connection:
        if await _up_to_date(connection):
            return
    async with locked() as connection:
        if not await _up_to_date(connection):
            await connection.run_sync(_upgrade)


async def _up_to_date(connection: AsyncConnection) -> bool:
    stored = await connection.run_sync(stored_revision)
    if stored is not None and stored not in REVISIONS:
        raise NewerSchema(stored, HEAD)
    return stored == HEAD


def stored_revision(connection: sa.Connection) -> str | None:
    """Return the revision the database is at, None for a database without our tables."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    table = sa.table(VERSION_TABLE, sa.column("version_num", sa.Text))
    return connection.scalar(sa.select(table.c.version_num))


def _upgrade(connection: sa.Connection) -> None:
    # Loading Alembic takes as long as the rest of a start, and most starts need none.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(storage.migrations.__file__).parent))
    command.upgrade(config, "head")
