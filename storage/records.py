"""Records: named values in named collections, for state that has no history worth keeping."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from storage.codec import JSON, Written


class Records(Protocol):
    """Every method may raise StorageUnavailable; writing raises ValueError when a value is no JSON."""

    async def get(self, collection: str, key: str) -> JSON | None:
        """Return the value, None when there is none."""
        ...

    async def put(self, collection: str, key: str, value: JSON, *, at: datetime) -> None:
        """Write the value, replacing the one before."""
        ...

    async def put_many(
        self, collection: str, values: Mapping[str, JSON | Written], *, at: datetime, delete: Collection[str] = ()
    ) -> None:
        """Delete the keys of `delete`, then write `values`, all in one transaction.

        Whoever writes many may write their text as well, with `written`, which costs less than a dictionary of each.
        """
        ...

    async def delete(self, collection: str, key: str) -> None:
        """Remove the value if it is there."""
        ...

    async def changes(self, collection: str, *, after: int) -> tuple[int, dict[str, JSON]]:
        """Return the collection's revision, and every value that a write with a revision above `after` left there.

        Each write of a collection has the next revision, from 1; a deletion has one too but shows no value.
        """
        ...

    async def all(self, collection: str) -> dict[str, JSON]:
        """Return every value of the collection by key, in key order."""
        ...
