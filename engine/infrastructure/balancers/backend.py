"""One instance as the proxy sees it: its connections, how many requests it answers now, and its standing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.infrastructure.balancers.orders import Member
from engine.infrastructure.balancers.standing import Finding, Standing
from engine.infrastructure.balancers.upstream import Upstream

if TYPE_CHECKING:
    from engine.infrastructure.balancers.exchange import Exchange
    from engine.infrastructure.balancers.site import Site


class Backend:
    """`active` counts requests sent here and not answered; while leaving, connections are not kept.

    `since` is when it became ready, by the site's clock; of one trusted from the start, long ago.
    """

    def __init__(self, site: Site, member: Member, *, ready: bool) -> None:
        self.member = member
        self.version = member.version
        self.name = member.id.encode()
        self.active = 0
        self.leaving = False
        self.since = float("-inf")
        self.standing = Standing(ready=ready, eager=not ready)
        self.look_again = asyncio.Event()
        self.watcher: asyncio.Task[None] | None = None
        self._site = site
        self._idle: list[Upstream] = []
        host, _, port = member.address.rpartition(":")
        self.host = host
        self.port = int(port)

    def take(self, *, fresh: bool) -> Upstream | None:
        """A pooled connection, the one used last; with `fresh`, only one that idled so briefly that it is whole."""
        limits = self._site.limits
        oldest = self._site.time() - (limits.fresh if fresh else limits.pooled_idle)
        while self._idle:
            upstream = self._idle.pop()
            if upstream.idle_since >= oldest and not upstream.transport.is_closing():
                return upstream
            upstream.transport.close()
        return None

    def release(self, upstream: Upstream) -> None:
        """Keep a connection whose answer is complete."""
        if self.leaving or len(self._idle) >= self._site.limits.pooled:
            upstream.transport.close()
            return
        upstream.idle_since = self._site.time()
        self._idle.append(upstream)

    def forget(self, upstream: Upstream) -> None:
        """An idle connection ended."""
        if upstream in self._idle:
            self._idle.remove(upstream)

    def sweep(self, oldest: float) -> None:
        """Close connections that idle since before `oldest`."""
        for upstream in [one for one in self._idle if one.idle_since < oldest]:
            self._idle.remove(upstream)
            upstream.transport.close()

    def connect(self, exchange: Exchange) -> None:
        """Open a connection and give it to the exchange, or tell it that there is none."""
        self._site.tasks.create_task(self._connect(exchange), name=f"connect {self.member.id}")

    def answered(self) -> None:
        """A request got its whole answer."""
        if self.standing.failed:
            self.find(Finding.ANSWERED)

    def leave(self) -> None:
        """A request sent here is over."""
        self.active -= 1
        if not self.active and self.leaving:
            self._site.drained_one(self)

    def retire(self) -> None:
        """Take no new request; what runs may finish."""
        self.leaving = True
        self.sweep(float("inf"))

    def rejoin(self) -> None:
        """Take requests again after all, with the standing it had."""
        self.leaving = False

    def find(self, finding: Finding) -> None:
        """Judge by one more finding, from a check or from a request."""
        before = self.standing
        after = before.after(finding, self._site.health)
        if finding is Finding.FAILED and before.ready and not after.ready and self._site.has_only(self):
            return  # an answer now and then is better than none
        self.standing = after
        if self.standing.ready != before.ready:
            self.since = self._site.time()
            self._site.standing_changed()
        if self.standing.eager and not before.eager:
            self.look_again.set()

    async def _connect(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._site.limits.connect):
                _, upstream = await loop.create_connection(lambda: Upstream(self), self.host, self.port)
        except (ConnectionError, TimeoutError) as error:
            # Nobody listens at a closed port; one that is only busy may take the next connection.
            self.find(Finding.REFUSED if isinstance(error, ConnectionRefusedError) else Finding.FAILED)
            exchange.unreachable(self, str(error) or "it did not accept the connection in time")
        except OSError as error:  # ours: no descriptors or ports left; the instance is not to blame
            exchange.unreachable(self, str(error))
        else:
            exchange.carried_by(upstream)
