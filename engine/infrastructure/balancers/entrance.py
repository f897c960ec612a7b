"""Where a request came in decides who may answer it and where it is counted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Protocol

from engine.infrastructure.balancers.limits import Limits
from engine.infrastructure.balancers.wishes import Reader, Wish

if TYPE_CHECKING:
    from engine.infrastructure.balancers.backend import Backend
    from engine.infrastructure.balancers.client import Client


class Entrance(Protocol):
    """What a caller's connection and its requests know of the placement behind them. Times in seconds."""

    @property
    def limits(self) -> Limits: ...
    @property
    def time(self) -> Callable[[], float]: ...
    @property
    def clients(self) -> set[Client]: ...
    @property
    def read_wish(self) -> Reader | None: ...

    def choose(self, wish: Wish, avoid: Collection[Backend], now: float) -> Backend | None:
        """Who answers a request that came at `now`; nobody of those to avoid; None when nobody else is ready."""
        ...

    def nobody(self) -> tuple[str, str]:
        """Why nobody can answer: a mark for programs and a sentence."""
        ...

    def count(self, version: str, status: int, since: float) -> None:
        """A request is over."""
        ...

    def lose(self) -> None:
        """A request got no whole answer from an instance."""
        ...

    def count_retry(self, reason: str) -> None:
        """A request is sent again, or to another instance."""
        ...
