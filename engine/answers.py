"""One answer for each request: what was meant once is done once, however often it is delivered or clicked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from engine.commands import Response
from engine.errors import NotNow
from storage.claims import Claims
from storage.codec import JSON, decode_time, encode_time
from storage.records import Records

COLLECTION: Final = "answers"
REMEMBERED: Final = timedelta(minutes=15)


class Answers:
    """Lets the first delivery through and gives its answer to the others, over all replicas.

    `key` is the request's id together with who asks, so that two people who press one button mean two things.
    """

    def __init__(self, claims: Claims, records: Records, *, now: Callable[[], datetime]) -> None:
        self._claims = claims
        self._records = records
        self._now = now
        self._swept: datetime | None = None

    async def take(self, key: str) -> Response | None:
        """None for the first; the first one's answer for the others. Raises NotNow while that is being worked on."""
        if await self._claims.claim(f"request:{key}", now=self._now(), ttl=REMEMBERED):
            return None
        kept = await self._records.get(COLLECTION, key)
        if kept is None:
            raise NotNow("This was taken already and is being worked on.", "Nothing is done twice; look in a moment.")
        return _response(kept)

    async def remember(self, key: str, response: Response) -> None:
        """Keep the answer for those who ask again. Raises ValueError when its data is no JSON."""
        value: JSON = {
            "request_id": response.request_id,
            "at": encode_time(response.at),
            "ok": response.ok,
            "data": dict(response.data),
            "error": response.error,
            "remedy": response.remedy,
            "kind": response.kind,
            "field": response.field,
        }
        await self._records.put_many(COLLECTION, {key: value}, at=self._now(), delete=await self._old())

    async def forget(self, key: str) -> None:
        """Let the request be tried again: nothing came of it, and something may later."""
        await self._claims.release(f"request:{key}")

    async def _old(self) -> list[str]:
        now = self._now()
        if self._swept is not None and now - self._swept < REMEMBERED:
            return []
        self._swept = now
        kept = await self._records.all(COLLECTION)
        return [key for key, value in kept.items() if now - decode_time(value["at"]) >= REMEMBERED]


def _response(value: JSON) -> Response:
    return Response(**{**value, "at": decode_time(value["at"])})
