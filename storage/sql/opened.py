"""An open SQL database."""

from dataclasses import dataclass

import sqlalchemy as sa

from storage.claims import Claims
from storage.database import Kind
from storage.events import EventLog
from storage.leases import Leases
from storage.records import Records
from storage.sql.backend import Backend
from storage.sql.claims import SqlClaims
from storage.sql.leases import SqlLeases
from storage.sql.log import SqlLog
from storage.sql.records import SqlRecords


@dataclass(frozen=True, slots=True)
class SqlDatabase:
    """A Database over a backend."""

    backend: Backend
    log: EventLog
    records: Records
    claims: Claims
    leases: Leases

    @property
    def kind(self) -> Kind:
        return self.backend.kind

    @property
    def url(self) -> str:
        return self.backend.url

    async def ping(self) -> None:
        async with self.backend.reading() as connection:
            await connection.execute(sa.select(1))

    async def close(self) -> None:
        await self.backend.close()


def sql_database(backend: Backend, log: EventLog | None = None, records: Records | None = None) -> SqlDatabase:
    """Put the parts together over one backend; `log` and `records` when it has its own ways with them."""
    log, records = log or SqlLog(backend), records or SqlRecords(backend)
    return SqlDatabase(backend, log, records, SqlClaims(backend), SqlLeases(backend))
