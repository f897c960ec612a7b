"""Keeps each subject's one message true: follows the log and rewrites the message from state, never from the event.

A subject is a stream (a deployment, an incident). Its message is posted once and rewritten; new lines of its history go
to the thread, several at a time; the end is also shown in the channel. What was told is written down after it stands in
chat, so that a restart tells what is missing and nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import alerting.errors as alerting_errors
from bot.chat.ledger import Ledger
from bot.chat.outbox import Outbox
from bot.chat.port import ChatRefused, Priority
from bot.chat.queue import Item, Post, Update
from bot.views.blocks import Message, cut_markup
from engine.errors import TemporaryFailure
from storage.errors import StorageError
from storage.events import EventLog
from storage.records import Records

log = logging.getLogger(__name__)

TOLD: Final = "chat-told"
RECENT: Final = 100
FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(seconds=30)
CLOSED_PAUSE: Final = timedelta(minutes=1)
LONGEST_CLOSED_PAUSE: Final = timedelta(hours=1)
PASSING: Final = (StorageError, TemporaryFailure, alerting_errors.TemporaryFailure)
LONGEST: Final = 3500  # characters of a message without blocks, below Slack's advice of 4,000


@dataclass(frozen=True, slots=True)
class Copy:
    """Another message about the subject, already posted under `key`, to be rewritten when the state changes."""

    channel: str
    key: str
    message: Message


@dataclass(frozen=True, slots=True)
class Telling:
    """A subject as it should stand in chat. `version` is the stream version it was drawn from.

    The newest line is also shown in the channel when the subject has `ended`, and when `loud` is anew something.
    """

    channel: str
    message: Message
    lines: Sequence[str]
    state: str
    version: int
    ended: bool
    urgent: bool = False
    loud: str = ""
    copies: Sequence[Copy] = field(default_factory=tuple)


Tell = Callable[[str], Awaitable[Telling]]


@dataclass(frozen=True, slots=True)
class Teller:
    """How subjects of one kind are told: `kind` of their cards, `prefix` of their streams."""

    kind: str
    prefix: str
    tell: Tell


class Live:
    """Follows the log for streams with a known prefix."""

    def __init__(
        self,
        events: EventLog,
        records: Records,
        outbox: Outbox,
        ledger: Ledger,
        tellers: Sequence[Teller],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._events = events
        self._records = records
        self._outbox = outbox
        self._ledger = ledger
        self._tellers = tellers
        self._now = now
        self._dirty: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed: dict[str, timedelta] = {}
        self._again: dict[str, asyncio.TimerHandle] = {}

    async def follow(self) -> None:
        """Tell what is missing, then what happens, until cancelled; what is not told then is told the next time."""
        position = await self._events.last_position()
        try:
            for teller in self._tellers:
                for card in await self._events.cards(teller.kind, limit=RECENT):
                    self._touch(card.stream)
            async for event in self._events.follow(after=position):
                self._touch(event.stream)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        self._dirty.clear()
        for later in self._again.values():
            later.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _touch(self, stream: str) -> None:
        """Something changed about this subject."""
        if self._teller(stream) is None:
            return
        self._dirty.add(stream)
        if stream not in self._tasks:
            self._tasks[stream] = asyncio.create_task(self._tell(stream), name=f"live {stream}")

    def _teller(self, stream: str) -> Teller | None:
        return next((teller for teller in self._tellers if stream.startswith(teller.prefix)), None)

    async def _tell(self, stream: str) -> None:
        try:
            while stream in self._dirty:
                self._dirty.discard(stream)
                await self._tell_surely(stream)
        finally:
            self._tasks.pop(stream, None)

    async def _tell_surely(self, stream: str) -> None:
        """Tell it, however long storage or what is told of is away; what is refused is left to the next change."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._tell_once(stream)
            except ChatRefused as refused:
                log.error("chat does not take the message of %s: %s", stream, refused)  # noqa: TRY400  # no trace needed
                self._try_later(stream, refused)
                return None
            except PASSING as error:
                log.warning("the message of %s waits: %s", stream, error)
            except Exception:
                log.exception("the message of %s can't be made", stream)
                return None
            await asyncio.sleep(pause.total_seconds())
            pause = min(pause * 2, LONGEST_PAUSE)

    def _try_later(self, stream: str, refused: ChatRefused) -> None:
        """A channel that people close may be opened again; what stands then is told though nothing changed."""
        if not refused.closed or stream in self._again:
            return  # what changes meanwhile makes nobody wait longer
        pause = self._closed.get(stream, CLOSED_PAUSE)
        self._closed[stream] = min(pause * 2, LONGEST_CLOSED_PAUSE)
        self._again[stream] = asyncio.get_running_loop().call_later(pause.total_seconds(), self._try_now, stream)

    def _try_now(self, stream: str) -> None:
        del self._again[stream]
        self._touch(stream)

    async def _tell_once(self, stream: str) -> None:
        teller = self._teller(stream)
        if teller is None:
            return
        telling = await teller.tell(stream)
        told = await self._records.get(TOLD, stream) or {"version": 0, "lines": 0, "state": ""}
        if told["version"] >= telling.version:
            return
        await self._outbox.deliver(telling.channel, await self._item(stream, telling))
        self._closed.pop(stream, None)
        loud = telling.ended or (telling.loud not in {"", told.get("loud", "")})
        lines = await self._thread(stream, telling, int(told["lines"]), loud=loud)
        if told["state"] != telling.state:
            for copy in telling.copies:
                await self._rewrite(copy)
        fresh = {"version": telling.version, "lines": lines, "state": telling.state, "loud": telling.loud}
        await self._records.put(TOLD, stream, fresh, at=self._now())

    async def _item(self, stream: str, telling: Telling) -> Item:
        priority = Priority.DECISION if telling.urgent or telling.ended else Priority.PROGRESS
        if await self._ledger.find(stream):
            return Update(stream, telling.message, priority)
        return Post(stream, telling.message, Priority.DECISION)

    async def _thread(self, stream: str, telling: Telling, told: int, *, loud: bool) -> int:
        if told >= len(telling.lines):
            return told
        key = f"{stream}:lines:{told}"
        lines = _fitting(telling.lines[told:])
        post = Post(
            key,
            Message("\n".join(lines)),
            Priority.NOTICE,
            thread_key=stream,
            broadcast=loud and told + len(lines) == len(telling.lines),
            payload=(("upto", str(told + len(lines))),),
        )
        await self._outbox.deliver(telling.channel, post)
        # An earlier attempt may have arrived before a crash, with fewer lines: go on after those.
        upto = int((await self._ledger.payload(key)).get("upto", told + len(lines)))
        return await self._thread(stream, telling, upto, loud=loud)

    async def _rewrite(self, copy: Copy) -> None:
        try:
            if await self._ledger.find(copy.key):
                await self._outbox.deliver(copy.channel, Update(copy.key, copy.message, Priority.DECISION))
        except ChatRefused as refused:
            log.warning("chat does not take the copy %s: %s", copy.key, refused)


def _fitting(lines: Sequence[str]) -> list[str]:
    """As many lines as one message holds, one at least."""
    fitting: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if fitting and length > LONGEST:
            break
        fitting.append(cut_markup(line, LONGEST))
    return fitting
