"""The log as server-sent events, resumed from the last position seen. Source: the HTML standard, EventSource."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from aiohttp import web

from bot.inputs.api.endpoint import Api, let_in
from bot.inputs.api.errors import ApiError
from bot.inputs.api.schemas import Happening
from bot.inputs.api.summaries import hidden
from storage.events import Event

PATH: Final = "/events"
HEARTBEAT: Final = timedelta(seconds=10)
RETRY: Final = timedelta(seconds=1)
MOST_READERS: Final = 200


class EventStream:
    """Answers `/events`. `close` ends every answer, since they would hold up the end of the process."""

    def __init__(self, api: Api, *, heartbeat: timedelta = HEARTBEAT) -> None:
        self._api = api
        self._heartbeat = heartbeat.total_seconds()
        self._readers: set[asyncio.Task[None]] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Everything after `Last-Event-ID` (or `after`), then what happens, with a heartbeat in quiet times."""
        await let_in(self._api.access, request, changes=False)
        after = await self._after(request)
        if len(self._readers) >= MOST_READERS:
            raise ApiError(503, "TemporaryFailure", f"{MOST_READERS} readers follow already.", "Try again later.")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        reading = asyncio.create_task(self._pump(response, after), name="event stream")
        self._readers.add(reading)
        try:
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):  # the reader left, or the house closes
                await reading
        finally:
            reading.cancel()
            self._readers.discard(reading)
        return response

    async def close(self, _: web.Application) -> None:
        """End every answer."""
        for reading in self._readers:
            reading.cancel()

    async def _after(self, request: web.Request) -> int:
        text = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        if not text:
            return await self._api.log.last_position()
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            reason = f"{text[:20]!r} is no position of the log."
            raise ApiError(422, "Invalid", reason, "Send the id of an event seen before.", field="Last-Event-ID")
        return int(text)

    async def _pump(self, response: web.StreamResponse, after: int) -> None:
        await response.write(f"retry: {RETRY.total_seconds() * 1000:.0f}\n\n".encode())
        async for event in _with_pauses(self._api.log.follow(after=after), self._heartbeat):
            if event is None:
                at = json.dumps({"at": self._api.now().isoformat()})
                await response.write(f"event: heartbeat\ndata: {at}\n\n".encode())
            elif not hidden(event):
                await response.write(frame(await self._api.summaries.tell(event)))


def frame(happening: Happening) -> bytes:
    """One event as it goes over the wire; JSON has no line break that could end it early."""
    return f"id: {happening.position}\nevent: log\ndata: {happening.model_dump_json()}\n\n".encode()


async def _with_pauses(events: AsyncIterator[Event], longest: float) -> AsyncIterator[Event | None]:
    """The events, with None whenever none came for `longest` seconds."""
    upcoming = asyncio.ensure_future(_next(events))
    try:
        while True:
            done, _ = await asyncio.wait({upcoming}, timeout=longest)
            if not done:
                yield None
                continue
            event = upcoming.result()
            if event is None:
                return
            yield event
            upcoming = asyncio.ensure_future(_next(events))
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)
