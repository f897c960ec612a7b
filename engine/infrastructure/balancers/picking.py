"""Which instance of a version answers: a class for each kind of `balancing`. No I/O; time is an argument in seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, Protocol, TypeVar

from engine.targets import Balancing

WARM_UP: Final = 30.0
"""Seconds until an instance that became ready has its whole share under `weighted`."""
_LEAST: Final = 0.1


class Candidate(Protocol):
    """An instance as a choice sees it. `active` are requests it answers now, `since` is when it became ready."""

    @property
    def name(self) -> bytes: ...
    @property
    def active(self) -> int: ...
    @property
    def since(self) -> float: ...


_Of = TypeVar("_Of", bound=Candidate)


class Picker(Protocol):
    """Holds whose turn it is between the requests to one version."""

    def pick(self, group: Sequence[_Of], caller: bytes, now: float) -> _Of:
        """One of a group that is not empty."""
        ...


class RoundRobin:
    """One after the other."""

    def __init__(self) -> None:
        self._next = 0

    def pick(self, group: Sequence[_Of], caller: bytes, now: float) -> _Of:  # noqa: ARG002 - see Picker
        """Whose turn it is."""
        position = self._next % len(group)
        self._next = position + 1
        return group[position]


class Weighted:
    """By turns in proportion to each one's weight, which grows from a tenth to all over the warm-up.

    An instance that just started has cold caches: it gets less than those that run. Smooth weighted round robin as in
    `balancing.turns`, taken turn by turn because the weights change.
    """

    def __init__(self) -> None:
        self._credit: dict[bytes, float] = {}

    def pick(self, group: Sequence[_Of], caller: bytes, now: float) -> _Of:  # noqa: ARG002 - see Picker
        """Who has earned the most by now."""
        weights = {one.name: min(1.0, max(_LEAST, (now - one.since) / WARM_UP)) for one in group}
        credit = {name: self._credit.get(name, 0.0) + weight for name, weight in weights.items()}
        richest = max(group, key=lambda one: credit[one.name])
        credit[richest.name] -= sum(weights.values())
        self._credit = credit
        return richest


class LeastConnections:
    """Who answers the fewest requests now; of several such the next in turn, so that a calm time spreads too."""

    def __init__(self) -> None:
        self._next = 0

    def pick(self, group: Sequence[_Of], caller: bytes, now: float) -> _Of:  # noqa: ARG002 - see Picker
        """Who is the least busy."""
        self._next = (self._next + 1) % len(group)
        return min((*group[self._next :], *group[: self._next]), key=lambda one: one.active)


class IpHash:
    """The same caller to the same instance while that one is ready.

    Rendezvous hashing (Thaler and Ravishankar, 1996): when an instance goes only its own callers move, and when one
    comes it takes from each its part. The hash is the same in every process and release.
    """

    def pick(self, group: Sequence[_Of], caller: bytes, now: float) -> _Of:  # noqa: ARG002 - see Picker
        """Who has the highest draw for this caller."""
        return max(group, key=lambda one: blake2b(one.name + b"\0" + caller, digest_size=8).digest())


PICKERS: Final[Mapping[Balancing, Callable[[], Picker]]] = {
    "round-robin": RoundRobin,
    "weighted": Weighted,
    "least-connections": LeastConnections,
    "ip-hash": IpHash,
}
