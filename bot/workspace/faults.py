"""Faults on order, for tests: what a real Slack does on a bad day, and a log of every call to the Web API."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from bot.workspace.model import Json

Trouble = Literal["ratelimited", "error", "hang", "drop", "drop_after"]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of the Web API: when it came and was answered (seconds since 1970), and how.

    `error` is Slack's code, "" when all was well; `status` the HTTP status, 0 when the connection was dropped.
    """

    method: str
    arguments: Json
    came: float
    answered: float
    status: int
    error: str


@dataclass(slots=True)
class Planned:
    """`times` more calls of `method` (or "*") meet this trouble."""

    method: str
    trouble: Trouble
    times: int
    retry_after: int = 1
    channel: str = ""


@dataclass(slots=True)
class Faults:
    """Orders for the next calls, switches for deliveries, and the log of calls (the newest 20,000).

    `each_envelope_twice` delivers every payload two times, as Slack does when an ack was lost on the way.
    """

    calls: deque[ApiCall] = field(default_factory=lambda: deque(maxlen=20_000))
    each_envelope_twice: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _planned: list[Planned] = field(default_factory=list)

    def answer(self, method: str, trouble: Trouble, *, times: int = 1, retry_after: int = 1, channel: str = "") -> None:
        """Order trouble for the next `times` calls of a method ("*" for any), in one channel only if named.

        ratelimited: 429 with Retry-After of `retry_after` seconds. error: HTTP 500. hang: no answer until
        `released` is set (the workspace sets it when it stops). drop: the connection closes before anything is
        done. drop_after: the call is done, and the connection closes before the answer.
        """
        self._planned.append(Planned(method, trouble, times, retry_after, channel))

    def clear(self) -> None:
        """Forget all orders that have not been met."""
        self._planned.clear()
        self.each_envelope_twice = False

    def meet(self, method: str, channel: str) -> Planned | None:
        """The trouble ordered for this call, counted down."""
        for planned in self._planned:
            if planned.method in ("*", method) and planned.channel in ("", channel):
                planned.times -= 1
                if planned.times <= 0:
                    self._planned.remove(planned)
                return planned
        return None

    def of(self, method: str) -> list[ApiCall]:
        """All logged calls of one method, oldest first."""
        return [call for call in self.calls if call.method == method]
