"""One caller's connection: reads requests, keeps their order, writes answers, and is patient only so long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from engine.infrastructure.balancers.exchange import Exchange
from engine.infrastructure.balancers.heads import (
    HEAD_LIMIT,
    BadMessage,
    Framing,
    Header,
    forward_request,
    refusal,
)
from engine.infrastructure.balancers.limits import Awaits, Hold
from engine.infrastructure.balancers.wishes import NO_WISH

if TYPE_CHECKING:
    from engine.infrastructure.balancers.entrance import Entrance


class Client(asyncio.Protocol):
    """Answers requests one after the other; pipelined ones wait in `_queue` and nothing more is read meanwhile."""

    __slots__ = (
        "_awaits",
        "_current",
        "_entrance",
        "_fault",
        "_head_bytes",
        "_headers",
        "_held",
        "_holds",
        "_in_head",
        "_parser",
        "_parsing",
        "_peer",
        "_queue",
        "_switching",
        "_target",
        "_tunnel",
        "choked",
        "deadline",
        "leaving",
        "transport",
    )

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._parser = HttpRequestParser(self)
        self._peer = b""
        self._queue: list[Exchange] = []
        self._current: Exchange | None = None
        self._parsing: Exchange | None = None
        self._switching: Exchange | None = None
        self._tunnel: asyncio.Transport | None = None
        self._held = b""
        self._holds: set[Hold] = set()
        self._fault: BadMessage | None = None
        self._headers: list[Header] = []
        self._target = b""
        self._in_head = False
        self._head_bytes = 0
        self._awaits = Awaits.NEXT_REQUEST
        self.choked = False
        self.leaving = False
        self.deadline = float("inf")
        self.transport: asyncio.Transport

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0].encode() if peer else b"unknown"
        self._entrance.clients.add(self)
        self._expect(Awaits.NEXT_REQUEST, self._entrance.limits.head)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self.tunnel_moves()
            self._tunnel.write(data)
        elif self._switching is not None:
            self._held += data
        elif self._awaits is not Awaits.GOODBYE and self._fault is None:
            self._read(data)

    def eof_received(self) -> bool:
        """A caller may stop sending and still wait for its answer."""
        self.leaving = True
        waits = self._current is not None and self._current.received and self._tunnel is None
        return waits and self._awaits is not Awaits.GOODBYE

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        self._entrance.clients.discard(self)
        self._queue.clear()
        self._awaits = Awaits.GOODBYE
        if self._tunnel is not None:
            self._tunnel.close()
        if self._current is not None:
            self._current.abandon()
            self._current = None

    def pause_writing(self) -> None:
        self.choked = True
        if self._tunnel is not None:
            self._tunnel.pause_reading()
        elif self._current is not None and self._current.upstream is not None:
            self._current.upstream.transport.pause_reading()
            self._expect(Awaits.READER, self._entrance.limits.response)

    def resume_writing(self) -> None:
        self.choked = False
        if self._tunnel is not None:
            self._tunnel.resume_reading()
        elif self._current is not None and self._current.upstream is not None:
            self._current.upstream.transport.resume_reading()
            self._expect(Awaits.INSTANCE, self._entrance.limits.response)

    # httptools

    def on_message_begin(self) -> None:
        self._headers = []
        self._target = b""
        self._in_head = True
        self._head_bytes = 0
        self._parsing = None

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # fields after the body (trailers) are dropped
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._fault is not None:  # what stands behind a broken request is not looked at
            return
        parser = self._parser
        try:
            head = forward_request(
                parser.get_method(),
                self._target,
                parser.get_http_version(),
                self._headers,
                peer=self._peer,
                keep_alive=parser.should_keep_alive(),
            )
        except BadMessage as bad:
            self._fault = bad
            return
        if parser.should_upgrade() and head.framing is not Framing.NONE:
            # The parser takes such a body for the new protocol, or for the next request.
            self._fault = BadMessage(400, "A request to switch protocols must not have a body.")
            return
        read = self._entrance.read_wish
        wish = NO_WISH if read is None else read(self._headers, self._peer)
        self._parsing = Exchange(self, self._entrance, head, wish, since=self._entrance.time())
        self._queue.append(self._parsing)

    def on_body(self, data: bytes) -> None:
        if self._parsing is not None and self._fault is None:
            self._parsing.feed(data)

    def on_message_complete(self) -> None:
        if self._parsing is not None and self._fault is None:
            self._parsing.finish()

    # the exchange's side

    def sent(self) -> None:
        """The current request went to an instance."""
        self.release(Hold.NO_INSTANCE_YET)
        current = self._current
        if current is not None and current.upstream is not None and self.choked:
            current.upstream.transport.pause_reading()
        self._expect_progress()

    def pass_on(self, data: bytes) -> None:
        """Write a piece of the answer."""
        self.deadline = self._entrance.time() + self._entrance.limits.response
        self.transport.write(data)

    def answered(self, *, keep_alive: bool) -> None:
        """The current answer is written whole."""
        current, self._current = self._current, None
        self.release(Hold.INSTANCE_FULL, Hold.NO_INSTANCE_YET)
        if keep_alive and not self.leaving:
            self._expect(Awaits.NEXT_REQUEST, self._entrance.limits.idle)
            self._after(current)
        elif current is not None and current.received:
            self._awaits = Awaits.GOODBYE
            self.transport.close()
        else:
            self._say_goodbye()

    def refuse(self, status: int, text: str, mark: str, *, keep_alive: bool) -> None:
        """Answer the current request ourselves."""
        keep_alive = keep_alive and not self.leaving
        is_head = self._current is not None and self._current.head.is_head
        self.transport.write(refusal(status, text, mark, keep_alive=keep_alive, is_head=is_head))
        self.answered(keep_alive=keep_alive)

    def tunnel_to(self, other: asyncio.Transport) -> None:
        """From now on bytes go through as they are."""
        self._tunnel = other
        self.tunnel_moves()
        if self._held:
            other.write(self._held)
        self.release(Hold.SWITCHING)

    def tunnel_moves(self) -> None:
        """Bytes went through, one way or the other: the ends are alive."""
        self.deadline = self._entrance.time() + self._entrance.limits.tunnel

    def abort(self) -> None:
        """Cut the connection: the only way to say that a begun answer is not whole."""
        self._awaits = Awaits.GOODBYE
        self.transport.abort()

    def hold(self, reason: Hold) -> None:
        """Read nothing until `reason` is gone."""
        if not self._holds and not self.transport.is_closing():
            self.transport.pause_reading()
        self._holds.add(reason)

    def release(self, *reasons: Hold) -> None:
        """These reasons are gone."""
        if self._holds:
            self._holds.difference_update(reasons)
            if not self._holds and not self.transport.is_closing():
                self.transport.resume_reading()
                self._expect_progress()  # from now on it is the caller who is waited for

    def leave(self) -> None:
        """The proxy stops: go at once when idle, else after the current answer."""
        self.leaving = True
        if self._current is None:
            self.transport.close()

    def expire(self) -> None:
        """Patience is at its end."""
        self.deadline = float("inf")
        if self._awaits is Awaits.HEAD:
            self._turn_away(BadMessage(408, "The request's head did not arrive in time."))
        elif self._awaits is Awaits.BODY:
            self._turn_away(BadMessage(408, "The request's body did not arrive in time."))
        elif self._awaits is Awaits.INSTANCE and self._current is not None and self._tunnel is None:
            self._current.expire()
        else:
            self.transport.abort() if self._awaits is Awaits.READER else self.transport.close()

    # ours

    def _read(self, data: bytes) -> None:
        was_in_head = self._in_head
        rest = b""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as switch:
            rest = data[switch.args[0] :]
            self._pause_parsing()
        except HttpParserCallbackError:
            raise
        except HttpParserError as error:
            self._fault = self._fault or BadMessage(400, f"This is not HTTP/1.1: {error}.")
        if self._in_head:
            self._measure_head(len(data), first=not was_in_head)
        self._proceed(len(data))
        if rest:
            self.data_received(rest)

    def _measure_head(self, size: int, *, first: bool) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_LIMIT:
            self._fault = self._fault or BadMessage(431, f"The head is larger than {HEAD_LIMIT} bytes.")
        if first and self._current is None:
            self._expect(Awaits.HEAD, self._entrance.limits.head)

    def _pause_parsing(self) -> None:
        """A request to switch protocols is whole. Only WebSocket is passed on; others are answered as usual."""
        self._parser = HttpRequestParser(self)
        if self._parsing is not None and self._parsing.head.upgrade and self._fault is None:
            self._switching = self._parsing
            self.hold(Hold.SWITCHING)

    def _proceed(self, arrived: int = 0) -> None:
        if self._fault is not None:
            self._turn_away(self._fault)
        self._advance()
        current = self._current
        if current is None:
            return
        current.flush()
        self._expect_progress(arrived)
        if current.waits():
            self.hold(Hold.NO_INSTANCE_YET)
        if self._queue:
            self.hold(Hold.PIPELINED)

    def _advance(self) -> None:
        while self._current is None and self._queue and self._awaits is not Awaits.GOODBYE:
            self._current = self._queue.pop(0)
            self._current.start()

    def _after(self, current: Exchange | None) -> None:
        """Go on with what arrived behind the request just answered."""
        if self._switching is not None and current is self._switching:
            held, self._held, self._switching = self._held, b"", None
            self.release(Hold.SWITCHING)
            if held:
                self.data_received(held)
        if self._queue:
            # Not from here: a long pipeline of refusals would nest as deep as it is long.
            asyncio.get_running_loop().call_soon(self._go_on)
        elif self._fault is not None:
            self._turn_away(self._fault)
        else:
            self.release(Hold.PIPELINED)

    def _go_on(self) -> None:
        if self._current is None:
            self._proceed()

    def _turn_away(self, bad: BadMessage) -> None:
        """Answer a broken request once those before it are answered, then go."""
        self._fault = bad
        broken = self._parsing if self._parsing is not None and not self._parsing.received else None
        if broken is not None and broken in self._queue:
            self._queue.remove(broken)
        if broken is not None and broken is self._current:
            self._cut_short(broken)
        if self._current is None and not self._queue and self._awaits is not Awaits.GOODBYE:
            self._entrance.count("", bad.status, self._entrance.time())
            self.transport.write(refusal(bad.status, bad.text, "refused", keep_alive=False, is_head=False))
            self._say_goodbye()

    def _cut_short(self, broken: Exchange) -> None:
        begun = broken.answering
        broken.abandon()
        self._current = None
        if begun:
            self.abort()

    def _say_goodbye(self) -> None:
        """Close so that the caller can read our last word: data it still sends must not reset the connection."""
        self._awaits = Awaits.GOODBYE
        self._queue.clear()
        self._holds.clear()
        if self.transport.is_closing():
            return
        self.transport.resume_reading()
        self.transport.write_eof()
        self.deadline = self._entrance.time() + self._entrance.limits.linger

    def _expect(self, awaits: Awaits, seconds: float) -> None:
        if self._awaits is not Awaits.GOODBYE:
            self._awaits = awaits
            self.deadline = self._entrance.time() + seconds

    def _expect_progress(self, arrived: int = 0) -> None:
        if self._current is None or self._tunnel is not None:
            return
        if self._current.received or self._holds:
            self._expect(Awaits.INSTANCE, self._entrance.limits.response)
        elif self._awaits is Awaits.BODY:  # a trickle must not hold the connection for ever
            limits = self._entrance.limits
            longest = self._entrance.time() + limits.body
            self.deadline = min(longest, self.deadline + arrived / limits.body_rate)
        else:
            self._expect(Awaits.BODY, self._entrance.limits.body)
