"""How long the proxy is patient and how much it holds, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """All times in seconds.

    `head`: from the first byte of a request to the end of its head. `idle`: a kept connection between requests.
    `body`: between two pieces of a request's body. `response`: until an instance begins to answer, and between
    two pieces of its answer. `connect`: to reach an instance. `linger`: for a caller to read our last word.
    `fresh`: how long a pooled connection may have idled to carry a request that cannot be sent again.
    """

    head: float = 10.0
    idle: float = 75.0
    body: float = 30.0
    response: float = 60.0
    connect: float = 2.0
    linger: float = 2.0
    fresh: float = 1.0
    pooled_idle: float = 30.0
    pooled: int = 64
    sweep: float = 0.5
