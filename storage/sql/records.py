"""Records on SQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from storage import tables
from storage.codec import JSON
from storage.sql.backend import Backend, upsert

RECORDS: Final = tables.records.c
DELETE: Final = sa.delete(tables.records).where(
    RECORDS.collection == sa.bindparam("of"), RECORDS.key == sa.bindparam("gone")
)


class SqlRecords:
    """Records over a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def get(self, collection: str, key: str) -> JSON | None:
        statement = sa.select(RECORDS.value).where(RECORDS.collection == collection, RECORDS.key == key)
        async with self._backend.reading() as connection:
            value: JSON | None = await connection.scalar(statement)
            return value

    async def put(self, collection: str, key: str, value: JSON, *, at: datetime) -> None:
        await self.put_many(collection, {key: value}, at=at)

    async def put_many(
        self, collection: str, values: Mapping[str, JSON], *, at: datetime, delete: Collection[str] = ()
    ) -> None:
        rows = [{"collection": collection, "key": key, "value": value, "at": at} for key, value in values.items()]
        await self._write(collection, delete, rows)

    async def delete(self, collection: str, key: str) -> None:
        await self._write(collection, [key], [])

    async def _write(self, collection: str, gone: Collection[str], rows: Sequence[Mapping[str, object]]) -> None:
        async with self._backend.writing() as connection:
            # Two writers of the same keys in another order would wait for one another for ever.
            await self._backend.serialise(connection, f"records {collection}")
            if gone:
                await connection.execute(DELETE, [{"of": collection, "gone": key} for key in gone])
            if rows:
                await connection.execute(upsert(self._backend.kind, tables.records), rows)

    async def all(self, collection: str) -> dict[str, JSON]:
        statement = sa.select(RECORDS.key, RECORDS.value).where(RECORDS.collection == collection).order_by(RECORDS.key)
        async with self._backend.reading() as connection:
            return {row.key: row.value for row in await connection.execute(statement)}
