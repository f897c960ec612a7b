"""Records on SQL."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from storage import tables
from storage.codec import JSON, Written, encode, text_of
from storage.sql.backend import Backend

RECORDS: Final = tables.records.c
DELETE: Final = sa.delete(tables.records).where(
    RECORDS.collection == sa.bindparam("of"), RECORDS.key == sa.bindparam("gone")
)

# One statement for any number of rows: a parameter set for each would cost several times what the database does.
WRITE_MANY: Final = sa.text("""
INSERT INTO records (collection, key, value, at, revision)
SELECT :of, key, value, :at, :revision FROM json_each_text(CAST(:rows AS json))
ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value, at = excluded.at, revision = excluded.revision
""").bindparams(sa.bindparam("at", type_=tables.Moment()))

REVISION: Final = sa.select(tables.collections.c.revision).where(tables.collections.c.collection == sa.bindparam("of"))


def count_write() -> sa.Executable:
    """Give a collection its next revision; whoever writes it next waits until this transaction has ended."""
    insert = postgresql.insert(tables.collections).values(revision=1)
    counted = insert.on_conflict_do_update(
        index_elements=["collection"], set_={"revision": tables.collections.c.revision + 1}
    )
    returned: sa.Executable = counted.returning(tables.collections.c.revision)
    return returned


COUNT: Final = count_write()


class SqlRecords:
    """Records over a backend, written as PostgreSQL does; SQLite has a way of its own."""

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
        self, collection: str, values: Mapping[str, JSON | Written], *, at: datetime, delete: Collection[str] = ()
    ) -> None:
        await self._write(collection, delete, at, {key: text_of(value) for key, value in values.items()})

    async def delete(self, collection: str, key: str) -> None:
        await self._write(collection, [key])

    async def _write(
        self, of: str, gone: Collection[str], at: datetime | None = None, rows: Mapping[str, str] | None = None
    ) -> None:
        async with self._backend.writing() as connection:
            # Counting first also lets no two writers of the same keys in another order wait for one another for ever.
            revision = await connection.scalar(COUNT, {"collection": of})
            if gone:
                await connection.execute(DELETE, [{"of": of, "gone": key} for key in gone])
            if rows:
                given = {"of": of, "at": at, "revision": revision, "rows": encode(dict(rows))}
                await connection.execute(WRITE_MANY, given)

    async def changes(self, collection: str, *, after: int) -> tuple[int, dict[str, JSON]]:
        changed = sa.select(RECORDS.key, RECORDS.value).where(
            RECORDS.collection == collection, RECORDS.revision > after
        )
        async with self._backend.reading() as connection:
            # The number is read before the values, so that a write in between is seen again rather than missed.
            revision = await connection.scalar(REVISION, {"of": collection})
            if revision is None or revision <= after:
                return after if revision is None else int(revision), {}
            return int(revision), {
                row.key: row.value for row in await connection.execute(changed.order_by(RECORDS.key))
            }

    async def all(self, collection: str) -> dict[str, JSON]:
        statement = sa.select(RECORDS.key, RECORDS.value).where(RECORDS.collection == collection).order_by(RECORDS.key)
        async with self._backend.reading() as connection:
            return {row.key: row.value for row in await connection.execute(statement)}
