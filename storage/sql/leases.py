"""Leases on SQL, told the time by the database."""

from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from storage import tables
from storage.leases import Lease
from storage.sql.backend import Backend, upsert

LEASES: Final = tables.leases.c


class SqlLeases:
    """Leases over a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def acquire(self, name: str, holder: str, ttl: timedelta) -> Lease | None:
        async with self._backend.writing() as connection:
            now = await self._backend.now(connection)
            lease = Lease(name, holder, now + ttl)
            anothers = sa.and_(LEASES.expires_at > now, LEASES.holder != holder)
            statement = upsert(self._backend.kind, tables.leases, unless=anothers)
            row = {"name": name, "holder": holder, "expires_at": lease.expires_at}
            taken = await connection.scalar(statement.returning(LEASES.name), row)
        return None if taken is None else lease

    async def renew(self, lease: Lease, ttl: timedelta) -> Lease | None:
        async with self._backend.writing() as connection:
            now = await self._backend.now(connection)
            renewed = Lease(lease.name, lease.holder, now + ttl)
            kept = await connection.execute(
                sa.update(tables.leases)
                .where(LEASES.name == lease.name, LEASES.holder == lease.holder, LEASES.expires_at > now)
                .values(expires_at=renewed.expires_at)
            )
        return renewed if kept.rowcount == 1 else None

    async def release(self, lease: Lease) -> None:
        held = sa.and_(LEASES.name == lease.name, LEASES.holder == lease.holder)
        async with self._backend.writing() as connection:
            await connection.execute(sa.delete(tables.leases).where(held))

    async def live(self) -> list[Lease]:
        async with self._backend.reading() as connection:
            now = await self._backend.now(connection)
            found = await connection.execute(
                sa.select(tables.leases).where(LEASES.expires_at > now).order_by(LEASES.name)
            )
            return [Lease(**row) for row in found.mappings()]

    async def drop(self, holder: str) -> None:
        async with self._backend.writing() as connection:
            await connection.execute(sa.delete(tables.leases).where(LEASES.holder == holder))
