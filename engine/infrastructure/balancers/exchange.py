"""One request and its answer: chooses an instance, sends, tries again where that is safe, and counts the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.infrastructure.balancers.heads import Framing, RequestHead
from engine.infrastructure.balancers.standing import Finding
from engine.infrastructure.balancers.wishes import Wish

if TYPE_CHECKING:
    from engine.infrastructure.balancers.backend import Backend
    from engine.infrastructure.balancers.client import Client
    from engine.infrastructure.balancers.entrance import Entrance
    from engine.infrastructure.balancers.upstream import Upstream

_CALLER_LEFT = 499  # as nginx counts a caller that did not wait for the answer


class Exchange:
    """Lives from a request's head until its answer is written or given up. Ends exactly once.

    It passes over instances that cannot be reached, each at most once, and is sent a second time at most: only when the
    connection closed without an answer, and only what may be done twice and has no body under way.
    """

    __slots__ = (
        "_avoid",
        "_backend",
        "_body_sent",
        "_entrance",
        "_keep_alive",
        "_over",
        "_pending",
        "_resent",
        "_since",
        "_status",
        "_wish",
        "client",
        "head",
        "received",
        "upstream",
    )

    def __init__(self, client: Client, entrance: Entrance, head: RequestHead, wish: Wish, *, since: float) -> None:
        self.client = client
        self.head = head
        self.received = False
        self.upstream: Upstream | None = None
        self._entrance = entrance
        self._wish = wish
        self._since = since
        self._backend: Backend | None = None
        self._pending: list[bytes] = []
        self._avoid: set[Backend] = set()
        self._body_sent = False
        self._resent = False
        self._over = False
        self._status = 0
        self._keep_alive = False

    @property
    def answering(self) -> bool:
        """Whether a final head was passed on."""
        return bool(self._status)

    # the request's side

    def start(self) -> None:
        """Send the request to whoever's turn it is."""
        backend = self._entrance.choose(self._wish, (), self._since)
        if backend is None:
            self._fail(503, *self._entrance.nobody())
        else:
            self._send_to(backend, fresh=not self._repeatable())

    def feed(self, data: bytes) -> None:
        """A piece of the body arrived; `flush` sends it."""
        self._pending.append(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked() else data)

    def finish(self) -> None:
        """The body is complete."""
        self.received = True
        if self._chunked():
            self._pending.append(b"0\r\n\r\n")

    def flush(self) -> None:
        """Send what arrived, if there is anybody to send it to yet."""
        if self._pending and self.upstream is not None:
            self.upstream.transport.write(b"".join(self._pending))
            self._pending.clear()
            self._body_sent = True

    def waits(self) -> bool:
        """Whether body lies here because nobody takes it yet."""
        return bool(self._pending) and self.upstream is None

    def abandon(self) -> None:
        """The caller left, or broke the protocol in its body."""
        if not self._over:
            self._status = self._status or _CALLER_LEFT
            self._drop_upstream()
            self._close()

    # the answer's side

    def carried_by(self, upstream: Upstream) -> None:
        """A connection is there: send."""
        if self._over:
            upstream.rest()
            return
        self.upstream = upstream
        upstream.carry(self)
        self._body_sent = bool(self._pending)
        upstream.transport.write(b"".join((self.head.forwarded, *self._pending)))
        self._pending.clear()
        self.client.sent()

    def unreachable(self, backend: Backend, reason: str) -> None:
        """No connection came about, so nothing was sent and another instance may be asked, whatever the method."""
        if self._over:
            return
        self._avoid.add(backend)
        self._leave_backend()
        other = self._entrance.choose(self._wish, self._avoid, self._since)
        if other is None:
            self._fail(502, "unreachable", f"No instance could be reached: {reason}.")
        else:
            self._entrance.count_retry("unreachable")
            self._send_to(other, fresh=True)

    def upstream_lost(self, *, stale: bool) -> None:
        """The connection ended before the answer did; `stale` is one that had only been kept too long."""
        if self._over:
            return
        self.upstream = None
        if not stale:
            self._blame()
        if self._status:
            self._lose()
        elif self._repeatable() and not self._resent:
            self._again()
        else:
            self._fail(502, "closed", "The instance closed the connection without an answer.")

    def bad_response(self, reason: str) -> None:
        """What the instance said cannot be passed on."""
        self.upstream = None
        self._blame()
        if self._status:
            self._lose()
        else:
            self._fail(502, "bad-response", reason)

    def answer(self, status: int, *, keep_alive: bool) -> None:
        """The final head is about to be passed on."""
        self._status = status
        self._keep_alive = keep_alive

    def pass_on(self, data: bytes) -> None:
        """A piece of the answer, framed for the caller."""
        self.client.pass_on(data)

    def complete(self) -> None:
        """The answer is whole."""
        self.upstream = None
        if self._backend is not None:
            self._backend.answered()
        self._close()
        self.client.answered(keep_alive=self._keep_alive and self.received)

    def switched(self, rest: bytes) -> None:
        """The instance speaks another protocol now; both sides become a tunnel."""
        upstream = self.upstream
        if upstream is None:
            return
        self._status = 101
        self.client.tunnel_to(upstream.transport)
        if rest:
            self.client.transport.write(rest)

    def expire(self) -> None:
        """The instance took too long."""
        if self.client.leaving:  # it closed its side and did not wait: nobody misses the answer
            self.abandon()
            self.client.abort()
            return
        started = bool(self._status)
        self._drop_upstream()
        self._blame()
        if started:
            self._lose()
        else:
            self._fail(504, "timeout", "The instance did not answer in time.")

    def _send_to(self, backend: Backend, *, fresh: bool) -> None:
        self._backend = backend
        backend.active += 1
        upstream = backend.take(fresh=fresh)
        if upstream is not None:
            self.carried_by(upstream)
        else:
            backend.connect(self)

    def _again(self) -> None:
        self._resent = True
        if self._backend is not None:
            self._avoid.add(self._backend)
        self._leave_backend()
        choose, wish = self._entrance.choose, self._wish
        backend = choose(wish, self._avoid, self._since) or choose(wish, (), self._since)
        if backend is None:
            self._fail(502, "closed", "The instance closed the connection without an answer, and no other is healthy.")
        else:
            self._entrance.count_retry("closed")
            self._send_to(backend, fresh=True)

    def _blame(self) -> None:
        if self._backend is not None:
            self._backend.find(Finding.FAILED)

    def _lose(self) -> None:
        """The answer has begun and will not be whole."""
        self._entrance.lose()
        self._close()
        self.client.abort()

    def _repeatable(self) -> bool:
        return self.head.idempotent and not self._body_sent

    def _chunked(self) -> bool:
        return self.head.framing is Framing.CHUNKED

    def _fail(self, status: int, mark: str, text: str) -> None:
        self._status = status
        self._entrance.lose()
        self._close()
        self.client.refuse(status, text, mark, keep_alive=self.head.keep_alive and self.received)

    def _drop_upstream(self) -> None:
        upstream, self.upstream = self.upstream, None
        if upstream is None:
            return
        upstream.exchange = None
        if upstream.tunnel is not None:
            upstream.transport.close()  # the caller's last words still go through
        else:
            upstream.transport.abort()

    def _close(self) -> None:
        self._over = True
        version = self._backend.version if self._backend is not None else ""
        self._entrance.count(version, self._status, self._since)
        self._leave_backend()

    def _leave_backend(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.leave()
