"""One request and its answer: chooses an instance, sends, tries again where that is safe, and counts the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.infrastructure.balancers.heads import Framing, RequestHead

if TYPE_CHECKING:
    from engine.infrastructure.balancers.backend import Backend
    from engine.infrastructure.balancers.client import Client
    from engine.infrastructure.balancers.site import Site
    from engine.infrastructure.balancers.upstream import Upstream

_CALLER_LEFT = 499  # as nginx counts a caller that did not wait for the answer


class Exchange:
    """Lives from a request's head until its answer is written or given up. Ends exactly once."""

    __slots__ = (
        "_avoid",
        "_backend",
        "_body_sent",
        "_keep_alive",
        "_over",
        "_pending",
        "_resent",
        "_since",
        "_site",
        "_status",
        "client",
        "head",
        "received",
        "upstream",
    )

    def __init__(self, client: Client, site: Site, head: RequestHead, *, since: float) -> None:
        self.client = client
        self.head = head
        self.received = False
        self.upstream: Upstream | None = None
        self._site = site
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
        self._choose(fresh=not self._repeatable())

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
        if self._site.has_other(self._avoid):
            self._choose(fresh=True)
        else:
            self._fail(502, "unreachable", f"No instance could be reached: {reason}.")

    def upstream_lost(self) -> None:
        """The connection ended before the answer did."""
        if self._over:
            return
        self.upstream = None
        if self._status:
            self._site.lose()
            self._close()
            self.client.abort()
        elif self._repeatable() and not self._resent:
            self._again()
        else:
            self._fail(502, "closed", "The instance closed the connection without an answer.")

    def bad_response(self, reason: str) -> None:
        """What the instance said cannot be passed on."""
        self.upstream = None
        if self._status:
            self._site.lose()
            self._close()
            self.client.abort()
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
        if started:
            self._site.lose()
            self._close()
            self.client.abort()
        else:
            self._fail(504, "timeout", "The instance did not answer in time.")

    def _choose(self, *, fresh: bool) -> None:
        backend = self._site.choose(self._avoid)
        if backend is None:
            self._fail(503, "no-instance", f"No instance of {self._site.title} is healthy.")
            return
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
        self._choose(fresh=True)

    def _repeatable(self) -> bool:
        return self.head.idempotent and not self._body_sent

    def _chunked(self) -> bool:
        return self.head.framing is Framing.CHUNKED

    def _fail(self, status: int, mark: str, text: str) -> None:
        self._status = status
        self._site.lose()
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
        self._site.count(version, self._status, self._since)
        self._leave_backend()

    def _leave_backend(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.leave()
