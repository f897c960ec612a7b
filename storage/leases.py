"""Leases: who holds a name, for how long, on the database's own clock.

Replicas' clocks differ; only the database's decides. A holder renews at a third of the time to live, and stops
acting when `renew` returns None.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lease:
    """`holder` owns `name` until `expires_at` (aware UTC, the database's clock)."""

    name: str
    holder: str
    expires_at: datetime


class Leases(Protocol):
    """Every method may raise StorageUnavailable."""

    async def acquire(self, name: str, holder: str, ttl: timedelta) -> Lease | None:
        """Take the name if nobody else holds it live; None when somebody does."""
        ...

    async def renew(self, lease: Lease, ttl: timedelta) -> Lease | None:
        """Extend a live lease by `ttl` from now; None when it is lost: expired, dropped or another's."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the name up; nothing happens when it is another's by now."""
        ...

    async def live(self) -> list[Lease]:
        """Return the leases that have not expired, by name."""
        ...

    async def drop(self, holder: str) -> None:
        """Remove every lease of a holder known to be dead."""
        ...
