"""Tells the channel of a service what people do with it, and that it failed: one message each, rewritten to its end.

Follows the log; how far it got is kept, and what was posted the ledger knows, so that no restart tells anything twice
or leaves it out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from bot.chat.ledger import Ledger
from bot.chat.outbox import Outbox
from bot.chat.port import ChatRefused, Priority
from bot.chat.queue import Post, Update
from bot.views.blocks import Mention
from bot.views.lifecycle import render_deed
from engine.catalog import Catalog
from engine.components.deeds import Deed, deeds
from engine.components.journal import PREFIX
from engine.components.lifecycle import TROUBLED, Moved, Routed, Seen
from engine.errors import NotFound
from storage.errors import StorageError
from storage.events import Event, EventLog
from storage.records import Records

T = TypeVar("T")

log = logging.getLogger(__name__)

COLLECTION: Final = "chat-lifecycle"
POSITION: Final = "position"
KEPT_EVERY: Final = 1000  # events of others that are passed over before it is noted how far it got
PAUSE: Final = timedelta(seconds=1)
WORTH_A_LOOK: Final = frozenset({*Moved, *Routed, TROUBLED, Seen.APPEARED})


class LifecycleNotices:
    """`fallback` (without #) hears of services that the settings name no more. One replica follows."""

    def __init__(
        self,
        events: EventLog,
        records: Records,
        outbox: Outbox,
        ledger: Ledger,
        mention: Mention,
        catalog: Callable[[], Catalog],
        *,
        fallback: str,
        now: Callable[[], datetime],
    ) -> None:
        self._events = events
        self._records = records
        self._outbox = outbox
        self._ledger = ledger
        self._mention = mention
        self._catalog = catalog
        self._fallback = fallback
        self._now = now
        self._histories: dict[str, tuple[int, list[Event]]] = {}

    async def follow(self) -> None:
        """Tell what happens, from where it was left, until cancelled."""
        told = start = await self._surely(self._start)
        await self._surely(partial(self._keep, start))
        async for event in self._events.follow(after=start):
            worth = event.stream.startswith(PREFIX) and event.type in WORTH_A_LOOK
            if worth:
                await self._surely(partial(self._tell, event))
            if worth or event.position - told >= KEPT_EVERY:
                told = event.position
                await self._surely(partial(self._keep, told))

    async def _surely(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it, however long storage is away."""
        while True:
            try:
                return await work()
            except StorageError as error:
                log.warning("the messages of components wait: %s", error)
                await asyncio.sleep(PAUSE.total_seconds())

    async def _start(self) -> int:
        kept = await self._records.get(COLLECTION, POSITION)
        return await self._events.last_position() if kept is None else int(kept["position"])

    async def _keep(self, position: int) -> None:
        await self._records.put(COLLECTION, POSITION, {"position": position}, at=self._now())

    async def _tell(self, event: Event) -> None:
        history = await self._history(event.stream)
        service, environment = str(history[0].data["service"]), str(history[0].data["environment"])
        for deed in deeds(one for one in history if one.version <= event.version):
            if event.version == deed.version or event.at == deed.ended_at or (deed.trouble and not deed.ending):
                await self._show(event.stream, service, environment, deed)

    async def _history(self, stream: str) -> list[Event]:
        """What of a component's life is worth a look; the first of it names the service and the environment."""
        read, known = self._histories.get(stream, (0, []))
        fresh = await self._events.read(stream, after=read)
        known = [*known, *(one for one in fresh if one.type in WORTH_A_LOOK)]
        self._histories[stream] = (fresh[-1].version if fresh else read, known)
        return known

    async def _show(self, stream: str, service: str, environment: str, deed: Deed) -> None:
        message = render_deed(service, environment, deed, mention=self._mention)
        key = f"{stream}:deed:{deed.version}"
        known = await self._ledger.find(key) is not None
        item = Update(key, message, Priority.DECISION) if known else Post(key, message, Priority.DECISION)
        try:
            await self._outbox.deliver(f"#{self._channel(service)}", item)
        except ChatRefused as refused:
            log.warning("chat does not take the message %s: %s", key, refused)

    def _channel(self, service: str) -> str:
        try:
            return self._catalog().service(service).channel
        except NotFound:
            return self._fallback
