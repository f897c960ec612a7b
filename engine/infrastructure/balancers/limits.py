"""How long the proxy is patient, for what, and how much it holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Limits:
    """All times in seconds.

    `head`: from the first byte of a request to the end of its head. `idle`: a kept connection between requests.
    `body`: between two pieces of a request's body; pieces that bring less than `body_rate` bytes a second use it up.
    `response`: until an instance begins to answer, and between two pieces of its answer. `tunnel`: without a byte
    either way after a switch of protocols. `connect`: to reach an instance. `linger`: for a caller to read our last
    word. `fresh`: how long a pooled connection may have idled to carry a request that cannot be sent again.
    """

    head: float = 10.0
    idle: float = 75.0
    body: float = 30.0
    body_rate: float = 500.0
    response: float = 60.0
    tunnel: float = 3600.0
    connect: float = 2.0
    linger: float = 2.0
    fresh: float = 1.0
    pooled_idle: float = 30.0
    pooled: int = 64
    sweep: float = 0.5


class Hold(Enum):
    """Why nothing more is read from the caller at the moment."""

    INSTANCE_FULL = 1
    PIPELINED = 2
    NO_INSTANCE_YET = 3
    SWITCHING = 4


class Awaits(Enum):
    """Whose turn it is, which decides what the end of patience means."""

    NEXT_REQUEST = 1
    HEAD = 2
    BODY = 3
    INSTANCE = 4
    READER = 5
    GOODBYE = 6
