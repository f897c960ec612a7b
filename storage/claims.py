"""Claims: of many who want to do a thing once, exactly one may.

For what arrives more than once (deliveries, clicks) and for what several replicas would do (timer slots).
"""

from datetime import datetime, timedelta
from typing import Protocol


class Claims(Protocol):
    """Every method may raise StorageUnavailable."""

    async def claim(self, key: str, *, now: datetime, ttl: timedelta) -> bool:
        """Return True for exactly one caller until `now + ttl`; expired claims are swept in passing."""
        ...

    async def release(self, key: str) -> None:
        """Give the claim up, so that the next caller gets it."""
        ...
