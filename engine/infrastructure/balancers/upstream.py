"""One connection to an instance: reads its responses and hands them to the exchange that asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from engine.infrastructure.balancers.heads import (
    HEAD_LIMIT,
    BadMessage,
    Framing,
    Header,
    ResponseHead,
    forward_interim,
    forward_response,
)
from engine.infrastructure.balancers.limits import Hold

if TYPE_CHECKING:
    from engine.infrastructure.balancers.backend import Backend
    from engine.infrastructure.balancers.exchange import Exchange


class Upstream(asyncio.Protocol):
    """Idle in its backend's pool, or answering `exchange`, or a tunnel after a switch of protocols."""

    __slots__ = (
        "_answered",
        "_backend",
        "_clean",
        "_fault",
        "_head",
        "_head_bytes",
        "_headers",
        "_interim",
        "_keep",
        "_out",
        "_parser",
        "exchange",
        "idle_since",
        "transport",
        "tunnel",
    )

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._parser = HttpResponseParser(self)
        self.exchange: Exchange | None = None
        self.tunnel: asyncio.Transport | None = None
        self.idle_since = 0.0
        self.transport: asyncio.Transport
        self._out: list[bytes] = []
        self._fault: BadMessage | None = None
        self._clean = True
        self._keep = False
        self._reset()

    def carry(self, exchange: Exchange) -> None:
        """Answer this exchange from now on."""
        self.exchange = exchange
        self._reset()

    def rest(self) -> None:
        """Nobody needs this connection now; keep it for the next request."""
        self._backend.release(self)

    def _reset(self) -> None:
        self._headers: list[Header] = []
        self._head: ResponseHead | None = None
        self._head_bytes = 0
        self._interim = False
        self._answered = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            if self.exchange is not None:
                self.exchange.client.tunnel_moves()
            self.tunnel.write(data)
            return
        if self.exchange is None:  # an instance that speaks unasked says that it is leaving
            self.transport.abort()
            return
        self._read(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.tunnel is not None:
            self.tunnel.close()
            return
        exchange = self.exchange
        if exchange is None:
            self._backend.forget(self)
            return
        self.exchange = None
        if exc is None and self._head is not None and self._head.framing is Framing.CLOSE:
            exchange.pass_on(b"0\r\n\r\n" if self._head.chunk else b"")
            exchange.complete()
        else:
            # An instance may close a connection it kept just as it is used again, and be well.
            exchange.upstream_lost(stale=exc is None and self.idle_since > 0 and not self._head_bytes)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.hold(Hold.INSTANCE_FULL)

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.release(Hold.INSTANCE_FULL)

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        exchange = self.exchange
        if exchange is None or self._answered:
            self._clean = False
            return
        status = self._parser.get_status_code()
        try:
            if status < 200:
                self._pass_interim(exchange, status)
            else:
                self._pass_head(exchange, status)
        except BadMessage as bad:
            self._fault = bad

    def on_body(self, data: bytes) -> None:
        if self._head is None or self._answered:  # a body where none may be
            self._clean = False
        elif self._head.chunk:
            self._out.append(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            self._out.append(data)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif self._head is not None and not self._answered:
            if self._head.chunk:
                self._out.append(b"0\r\n\r\n")
            self._answered = True

    # ours

    def _read(self, data: bytes) -> None:
        if self._head is None:
            self._head_bytes += len(data)
        rest = b""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as switch:
            rest = data[switch.args[0] :]
        except HttpParserCallbackError:
            raise
        except HttpParserError as error:
            self._fault = self._fault or BadMessage(502, f"The instance does not speak HTTP: {error}.")
        if self._head is None and self._head_bytes > HEAD_LIMIT:
            self._fault = BadMessage(502, "The instance's head is too large.")
        self._flush(rest)

    def _flush(self, rest: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        if self._out:
            exchange.pass_on(b"".join(self._out))
            self._out.clear()
        if self._fault is not None and not self._answered:
            self.exchange = None
            self.transport.abort()
            exchange.bad_response(self._fault.text)
        elif self.tunnel is not None:
            exchange.switched(rest)
        elif self._answered:
            self._finish(exchange)

    def _finish(self, exchange: Exchange) -> None:
        self.exchange = None
        if exchange.client.choked:  # it was told to pause, perhaps by this last piece
            self.transport.resume_reading()
        if self._keep and self._clean and self._fault is None and exchange.received:
            self._backend.release(self)
        else:
            self.transport.close()
        exchange.complete()

    def _pass_interim(self, exchange: Exchange, status: int) -> None:
        headers, self._headers = self._headers, []
        if status != 101:
            self._interim = True
            self._head_bytes = 0
            if exchange.head.modern:
                self._out.append(forward_interim(status, headers))
        elif not exchange.head.upgrade:
            raise BadMessage(502, "The instance switched protocols unasked.")
        else:
            self._out.append(forward_interim(status, headers))
            self.tunnel = exchange.client.transport

    def _pass_head(self, exchange: Exchange, status: int) -> None:
        keep_alive = exchange.head.keep_alive and exchange.received and not exchange.client.leaving
        head = forward_response(status, self._headers, exchange.head, keep_alive=keep_alive)
        self._head = head
        # Asked now: the parser forgets it with the end of the message.
        self._keep = self._parser.should_keep_alive()
        exchange.answer(status, keep_alive=head.keep_alive)
        self._out.append(head.forwarded)
        if exchange.head.is_head:
            # The parser waits for a body a HEAD's answer does not have.
            self._answered = True
            self._parser = HttpResponseParser(self)
