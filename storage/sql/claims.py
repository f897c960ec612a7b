"""Claims on SQL: the row's insertion is the claim, so the database picks the one winner."""

from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from storage import tables
from storage.sql.backend import Backend, upsert

CLAIMS: Final = tables.claims.c
SWEEP_EVERY: Final = timedelta(minutes=1)


class SqlClaims:
    """Claims over a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._swept = datetime.min.replace(tzinfo=UTC)

    async def claim(self, key: str, *, now: datetime, ttl: timedelta) -> bool:
        statement = upsert(self._backend.kind, tables.claims, unless=CLAIMS.expires_at > now)
        row = {"key": key, "expires_at": now + ttl}
        async with self._backend.writing() as connection:
            taken = await connection.scalar(statement.returning(CLAIMS.key), row)
        if now - self._swept >= SWEEP_EVERY:
            self._swept = now
            await self._sweep(now)
        return taken is not None

    async def _sweep(self, now: datetime) -> None:
        async with self._backend.writing() as connection:
            await connection.execute(sa.delete(tables.claims).where(CLAIMS.key.in_(_expired(now))))

    async def release(self, key: str) -> None:
        async with self._backend.writing() as connection:
            await connection.execute(sa.delete(tables.claims).where(CLAIMS.key == key))


def _expired(now: datetime) -> sa.Select[tuple[str]]:
    """Choose the expired; what another process is claiming or sweeping right now is left to it."""
    return sa.select(CLAIMS.key).where(CLAIMS.expires_at <= now).with_for_update(skip_locked=True)
