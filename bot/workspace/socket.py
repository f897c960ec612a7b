"""Socket Mode: the app holds web sockets open, the workspace sends envelopes and waits for their acks.

Source: Slack's "Using Socket Mode". A payload goes to one of the connections; an ack may come over any of them.
"""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import WSMessage, WSMsgType, web

from bot.workspace.deliver import Answer, Parcel
from bot.workspace.faults import Faults
from bot.workspace.model import Json

log = logging.getLogger(__name__)

CONNECTIONS: Final = 10
TICKET_LIFE: Final = 30.0
LONGEST: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """One web socket of the app, with the transport under it for cutting it off."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None


class SocketMode:
    """The open connections of the app, and the envelopes that wait for their acks.

    `changed` is called with the new number of connections. `timeout` is in seconds.
    """

    def __init__(self, app_id: str, timeout: float, faults: Faults, changed: Callable[[int], None]) -> None:
        self._app_id = app_id
        self._timeout = timeout
        self._faults = faults
        self._changed = changed
        self._tickets: dict[str, float] = {}
        self._connections: list[Connection] = []
        self._retiring: list[Connection] = []
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._present = asyncio.Event()

    @property
    def connected(self) -> bool:
        return bool(self._connections or self._retiring)

    def ticket(self) -> str:
        """A word that opens one connection, once, within 30 seconds."""
        now = time.monotonic()
        self._tickets = {word: end for word, end in self._tickets.items() if end > now}
        word = secrets.token_hex(16)
        self._tickets[word] = now + TICKET_LIFE
        return word

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its ticket to its end."""
        end = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        if end < time.monotonic():
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=403)
        socket = web.WebSocketResponse(heartbeat=30, max_msg_size=LONGEST)
        await socket.prepare(request)
        if len(self._connections) >= CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        await self._serve(Connection(socket, request.transport))
        return socket

    async def reachable(self) -> None:
        await self._present.wait()

    async def carry(self, parcel: Parcel) -> Answer:
        """Send one envelope over one connection and wait for its ack."""
        if not self.connected:
            return Answer("dispatch_failed", unreachable=True)
        envelope = _envelope(parcel)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope["envelope_id"]] = future
        start = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                await self._send(envelope)
                body = await future
            return Answer(body=body, ms=_ms(start))
        except TimeoutError:
            return Answer("operation_timeout", ms=_ms(start))
        except (ConnectionError, RuntimeError):
            # aiohttp raises RuntimeError when the socket began to close between our look and the send.
            return Answer("dispatch_failed", ms=_ms(start), unreachable=not self.connected)
        finally:
            del self._waiting[envelope["envelope_id"]]

    async def refresh(self) -> int:
        """Ask every connection to be replaced, as Slack does every few hours. Returns how many were asked.

        The old ones go on being used until the app has opened new ones, and are the app's to close.
        """
        asked, self._connections = self._connections, []
        self._retiring += asked
        notice = {"type": "disconnect", "reason": "refresh_requested", "debug_info": _host()}
        for connection in asked:
            await connection.socket.send_json(notice)
        return len(asked)

    def drop(self) -> int:
        """Cut every connection without a word. Returns how many were cut."""
        cut = [*self._connections, *self._retiring]
        for connection in cut:
            if connection.transport is not None:
                connection.transport.abort()
        return len(cut)

    async def close(self) -> None:
        for connection in [*self._connections, *self._retiring]:
            await connection.socket.close()

    async def _serve(self, connection: Connection) -> None:
        self._connections.append(connection)
        try:
            await connection.socket.send_json(self._hello())
            self._present.set()
            self._changed(len(self._connections) + len(self._retiring))
            async for message in connection.socket:
                self._heard(message)
        finally:
            (self._connections if connection in self._connections else self._retiring).remove(connection)
            self._changed(len(self._connections) + len(self._retiring))
            if not self.connected:
                self._present.clear()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "debug_info": {**_host(), "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._app_id},
        }

    async def _send(self, envelope: Json) -> None:
        # The connection that waited longest gets the payload and goes to the end of the row.
        row = self._connections or self._retiring
        connection = row.pop(0)
        row.append(connection)
        for _ in range(2 if self._faults.each_envelope_twice else 1):
            await connection.socket.send_json(envelope)

    def _heard(self, message: WSMessage) -> None:
        if message.type != WSMsgType.TEXT:
            return
        try:
            answer = json.loads(message.data)
        except ValueError:
            log.warning("The app sent something that is not JSON: %.200r", message.data)
            return
        future = self._waiting.get(str(answer.get("envelope_id"))) if isinstance(answer, dict) else None
        if future is not None and not future.done():
            payload = answer.get("payload")
            future.set_result(payload if isinstance(payload, dict) else {"text": payload} if payload else {})


def _envelope(parcel: Parcel) -> Json:
    envelope: Json = {
        "envelope_id": secrets.token_hex(16),
        "payload": parcel.payload,
        "type": parcel.kind,
        "accepts_response_payload": parcel.kind != "events_api",
    }
    if parcel.kind == "events_api":
        envelope |= {"retry_attempt": parcel.attempt, "retry_reason": parcel.reason}
    return envelope


def _host() -> Json:
    return {"host": "workspace"}


def _ms(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
