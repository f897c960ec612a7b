"""A second port that shows the version in flight while it has no share of the traffic."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from engine.infrastructure.balancers.client import Client
from engine.infrastructure.balancers.door import Door
from engine.infrastructure.balancers.flight import in_flight, previewed
from engine.infrastructure.balancers.limits import Limits
from engine.infrastructure.balancers.wishes import Reader, Wish

if TYPE_CHECKING:
    from engine.infrastructure.balancers.backend import Backend
    from engine.infrastructure.balancers.site import Site


class Preview:
    """An entrance whose requests are counted apart: they are no traffic, and their failures lose no caller."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._door = Door(lambda: Client(self))
        self.limits: Limits = site.limits
        self.time: Callable[[], float] = site.time
        self.clients: set[Client] = set()

    @property
    def read_wish(self) -> Reader | None:
        """As at the other port; a pin asks for what is shown here anyway."""
        return self._site.read_wish

    async def show_at(self, port: int) -> None:
        """Listen on this port, or for 0 nowhere. Raises OSError when it is taken."""
        if port:
            await self._door.open(port)
        else:
            self.close()

    def close(self) -> None:
        """Take no new connection and no further request on those there are."""
        self._door.close()
        for client in tuple(self.clients):
            client.leave()

    def choose(self, wish: Wish, avoid: Collection[Backend], now: float) -> Backend | None:
        """See Entrance."""
        version = previewed(self._site.route)
        return self._site.one_of(version, wish, avoid, now) if version is not None else None

    def nobody(self) -> tuple[str, str]:
        """See Entrance."""
        site, version = self._site, in_flight(self._site.route)
        if version is None:
            return "no-preview", f"No version of {site.title} waits for its share of the traffic."
        if previewed(site.route) is None:
            return "no-preview", f"{version} has its share of {site.title} already, on port {site.route.port}."
        return "no-instance", f"No instance of {version} is healthy, which waits for its share of {site.title}."

    def count(self, version: str, status: int, since: float) -> None:  # noqa: ARG002 - see Entrance
        """See Entrance."""
        self._site.meters.previews[version, status] += 1

    def lose(self) -> None:
        """See Entrance."""

    def count_retry(self, reason: str) -> None:
        """See Entrance."""
