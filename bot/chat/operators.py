"""Tells the operators in chat what the house could not do: once for each kind of failure in a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from bot.chat.outbox import Outbox
from bot.chat.port import Priority
from bot.chat.queue import Post
from bot.views.answers import render_refusal
from engine.commands import Request
from engine.failures import Failure

QUIET: Final = timedelta(minutes=10)


class Operators:
    """Implements the orchestrator's notify."""

    def __init__(self, outbox: Outbox, channel: str, *, now: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._channel = channel
        self._now = now
        self._told: dict[tuple[str, str], datetime] = {}

    async def tell(self, what: str, remedy: str) -> None:
        """Say something that is no answer to anybody."""
        key = f"notice:{self._now().isoformat()}:{what}"
        self._outbox.send(f"#{self._channel}", Post(key, render_refusal(what, remedy), Priority.NOTICE))

    async def notify(self, request: Request, failure: Failure) -> None:
        """Say it in the operators' channel, unless the same was said a moment ago."""
        deed, now = type(request.command).__name__, self._now()
        last = self._told.get((deed, failure.kind))
        if last is not None and now - last < QUIET:
            return
        self._told[deed, failure.kind] = now
        key = f"failure:{deed}:{failure.kind}:{now.isoformat()}"
        message = render_refusal(f"{deed} failed: {failure.reason}", failure.remedy)
        self._outbox.send(f"#{self._channel}", Post(key, message, Priority.NOTICE))
