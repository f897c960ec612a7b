"""Sends what is to be said: a queue and a worker for each channel, so that one slow channel never delays another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from bot.chat.budget import Budget
from bot.chat.ledger import Ledger
from bot.chat.port import ChatAway, ChatBusy, ChatFailure, ChatRefused, MessageRef, Platform
from bot.chat.queue import UPDATES, ChannelQueue, Item, Post, Update, name_of
from storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(seconds=30)


Waiting = list[asyncio.Future[MessageRef]]


@dataclass(frozen=True, slots=True)
class Closed:
    """A channel that takes nothing since `since`; `reason` is the platform's error code."""

    channel: str
    since: datetime
    reason: str


@dataclass(slots=True)
class _Lane:
    """One channel: its queue, its worker, and who waits for which post."""

    queue: ChannelQueue
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    waiting: dict[tuple[str, str], Waiting] = field(default_factory=dict)
    failures: int = 0
    closed: Closed | None = None


class Outbox:
    """Queues posts and updates by channel name; `deliver` also waits until the post stands."""

    def __init__(self, platform: Platform, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._platform = platform
        self._ledger = ledger
        self._now = now
        self._lanes: dict[str, _Lane] = {}
        self._updates = Budget(*UPDATES)
        self._idle = asyncio.Condition()
        self.sent = 0
        self.refused = 0

    def send(self, channel: str, item: Item) -> None:
        """Queue an item for a channel (`#name`, or `@user` for a direct message)."""
        lane = self._lane(channel)
        lane.queue.add(item)
        lane.changed.set()

    async def deliver(self, channel: str, item: Item) -> MessageRef:
        """Queue an item and wait until it, or a newer state of it, stands in the channel.

        Raises ChatRefused when it never will.
        """
        lane = self._lane(channel)
        future: asyncio.Future[MessageRef] = asyncio.get_running_loop().create_future()
        lane.waiting.setdefault(name_of(item), []).append(future)
        self.send(channel, item)
        return await future

    async def settle(self) -> None:
        """Wait until nothing is queued or under way."""
        async with self._idle:
            await self._idle.wait_for(
                lambda: (
                    not any(lane.queue.waiting or lane.queue.under_way or lane.waiting for lane in self._lanes.values())
                )
            )

    async def close(self) -> None:
        """Stop all workers. What was not sent is rendered anew from state at the next start."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def closed(self) -> list[Closed]:
        """The channels that refused what was sent last."""
        return [lane.closed for lane in self._lanes.values() if lane.closed is not None]

    def backlog(self) -> int:
        """How many items wait."""
        return sum(len(lane.queue.waiting) for lane in self._lanes.values())

    def _lane(self, channel: str) -> _Lane:
        lane = self._lanes.setdefault(channel, _Lane(ChannelQueue(updates=self._updates)))
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._work(channel, lane), name=f"outbox {channel}")
        return lane

    async def _work(self, channel: str, lane: _Lane) -> None:
        while True:
            item = lane.queue.take(self._now())
            if item is None:
                await self._rest(lane)
                continue
            await self._attempt(channel, lane, item)

    async def _rest(self, lane: _Lane) -> None:
        async with self._idle:
            self._idle.notify_all()
        lane.changed.clear()
        pause = lane.queue.wait(self._now())
        try:
            async with asyncio.timeout(pause.total_seconds() if pause is not None else None):
                await lane.changed.wait()
        except TimeoutError:
            return

    async def _attempt(self, channel: str, lane: _Lane, item: Item) -> None:
        # Whoever asks from now on waits for a newer state than this one.
        waiting = lane.waiting.pop(name_of(item), [])
        try:
            ref = await self._send(channel, item)
        except ChatBusy as busy:
            self._later(lane, item, waiting, busy.retry_after)
        except (ChatAway, StorageUnavailable) as away:
            lane.failures += 1
            log.warning("chat is away, %s waits: %s", item.key, away)
            self._later(lane, item, waiting, min(FIRST_PAUSE * 2 ** min(lane.failures, 6), LONGEST_PAUSE))
        except ChatRefused as refused:
            if refused.closed and lane.closed is None:
                lane.closed = Closed(channel, self._now(), refused.reason)
            self._give_up(lane, item, waiting, refused)
        except Exception as error:
            log.exception("%s could not be sent", item.key)
            self._give_up(lane, item, waiting, ChatRefused(f"it could not be sent ({type(error).__name__})"))
        else:
            self._went(lane, item, waiting, ref)

    def _later(self, lane: _Lane, item: Item, waiting: Waiting, pause: timedelta) -> None:
        lane.queue.hold(self._now() + pause)
        lane.queue.back()
        if waiting:
            lane.waiting[name_of(item)] = [*waiting, *lane.waiting.get(name_of(item), [])]

    def _went(self, lane: _Lane, item: Item, waiting: Waiting, ref: MessageRef) -> None:
        lane.failures, lane.closed = 0, None
        self.sent += 1
        lane.queue.went(item, self._now())
        for future in waiting:
            if not future.done():
                future.set_result(ref)

    def _give_up(self, lane: _Lane, item: Item, waiting: Waiting, refused: ChatFailure) -> None:
        self.refused += 1
        log.error("chat refused %s: %s", item.key, refused.reason)
        lane.queue.went(item, self._now())
        for future in waiting:
            if not future.done():
                future.set_exception(refused)

    async def _send(self, channel: str, item: Item) -> MessageRef:
        return await (self._update(item) if isinstance(item, Update) else self._post(channel, item))

    async def _update(self, item: Update) -> MessageRef:
        ref = await self._ledger.find(item.key)
        if ref is None:
            raise ChatRefused(f"There is no message {item.key} to rewrite.")
        await self._platform.update(ref, item.message)
        return ref

    async def _post(self, channel: str, item: Post) -> MessageRef:
        known = await self._ledger.find(item.key)
        if known is not None:
            return known
        target = await self._target(channel)
        thread = await self._thread(item)
        earlier = await self._ledger.begin(item.key, target, thread)
        if earlier is not None:
            return await self._take_up(item, *earlier)
        payload = {"key": item.key, **dict(item.payload)}
        ref = await self._platform.post(
            target, item.message, metadata=payload, thread=thread, broadcast=item.broadcast and bool(thread)
        )
        await self._ledger.done(item.key, ref, payload)
        return ref

    async def _take_up(self, item: Post, ref: MessageRef, payload: Mapping[str, Any]) -> MessageRef:
        """An earlier attempt did arrive, perhaps with an older state. Lines of a thread are facts and stay."""
        if not item.thread_key:
            await self._platform.update(ref, item.message)
        await self._ledger.done(item.key, ref, payload)
        return ref

    async def _thread(self, item: Post) -> str:
        if not item.thread_key:
            return ""
        parent = await self._ledger.find(item.thread_key)
        if parent is None:
            raise ChatRefused(f"There is no message {item.thread_key} to answer.")
        return parent.ts

    async def _target(self, channel: str) -> str:
        if channel.startswith("@"):
            return await self._platform.direct(channel[1:])
        return await self._platform.channel(channel.removeprefix("#"))
