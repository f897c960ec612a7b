"""What a silence's channel has to be told: that it began, that it ends soon, that it has ended; each once. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerting.silences.silence import Silence, State
from storage.codec import encode_time

AHEAD: Final = timedelta(minutes=15)
"""How long before its end a silence says so; a short one does when a quarter of it is left."""


class Kind(StrEnum):
    """What is told."""

    STARTED = "started"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell; `key` tells it from the others of the same silence, and stays over restarts."""

    kind: Kind
    key: str


def due_notices(silence: Silence, told: Collection[str], now: datetime) -> list[Notice]:
    """What is due now and not among the keys `told`, in the order it happened.

    An end that moves is announced anew. One that was taken back before it began never muted, so nothing is told of it.
    """
    return [notice for notice in _due(silence, now) if notice.key not in told]


def _due(silence: Silence, now: datetime) -> list[Notice]:
    match silence.state(now):
        case State.PENDING:
            return []
        case State.ACTIVE:
            started = Notice(Kind.STARTED, "started")
            ending = Notice(Kind.ENDING, f"ending {encode_time(silence.ends_at)}")
            return [started, ending] if now >= warns_at(silence) else [started]
        case State.EXPIRED:
            return [Notice(Kind.ENDED, "ended")] if silence.ends_at > silence.starts_at else []


def warns_at(silence: Silence) -> datetime:
    """When it says that it ends soon."""
    return silence.ends_at - min(AHEAD, (silence.ends_at - silence.starts_at) / 4)
