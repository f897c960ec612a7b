"""The live stream of the page: server-sent events with resume. Source: the HTML standard's EventSource."""

import asyncio
import json
from typing import Final

from aiohttp import web

from bot.workspace.desk import Desk
from bot.workspace.hub import END, Numbered, Subscription

HEARTBEAT: Final = 15.0


class Stream:
    """Answers ``/client/events``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, request: web.Request) -> web.StreamResponse:
        user = request.query.get("user", "")
        if user not in self._desk.state.users:
            return web.json_response({"ok": False, "error": "user_not_found"}, status=404)
        since = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        subscription = self._desk.hub.subscribe(user, since)
        try:
            await response.prepare(request)
            await _pump(response, subscription)
        except ConnectionError:
            pass  # The page has gone; it comes back with the last id that it saw.
        finally:
            self._desk.hub.unsubscribe(subscription)
        return response


async def _pump(response: web.StreamResponse, subscription: Subscription) -> None:
    """Write until the page goes away, falls behind, or the hub closes."""
    await response.write(b"retry: 1000\n\n")
    while not subscription.behind:
        try:
            async with asyncio.timeout(HEARTBEAT):
                numbered = await subscription.queue.get()
        except TimeoutError:
            await response.write(b": still here\n\n")
            continue
        if numbered.notice is END:
            return
        await response.write(_event(numbered))


def _event(numbered: Numbered) -> bytes:
    data = json.dumps(numbered.notice.data, separators=(",", ":"))
    return f"id: {numbered.id}\nevent: {numbered.notice.name}\ndata: {data}\n\n".encode()
