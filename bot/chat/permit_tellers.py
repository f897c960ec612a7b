"""How a lock and a freeze stand in chat, and who is told that a lock is gone."""

from __future__ import annotations

from collections.abc import Callable

from bot.chat.assembly import Speaking
from bot.chat.live import Teller, Telling
from bot.chat.port import Priority
from bot.chat.queue import Post
from bot.chat.tellers import thread_lines
from bot.views.permits import freeze_title, lock_title, render_free, render_freeze, render_lock
from engine.catalog import Catalog
from engine.errors import NotFound
from engine.permits.freezes import FreezeState
from engine.permits.journal import FREEZE, LOCK, PermitJournal
from engine.permits.locks import LockState
from engine.security.identity import Directory


def lock_teller(
    journal: PermitJournal,
    catalog: Callable[[], Catalog],
    speaking: Speaking,
    directory: Callable[[], Directory],
    *,
    fallback: str,
) -> Teller:
    """Locks, in the service's channel; whoever waits for one hears of its end in a direct message."""

    async def tell(stream: str) -> Telling:
        lock = await journal.lock_at(stream)
        if lock is None:
            raise NotFound(f"There is no {stream}.")
        if lock.ended:
            await _tell_waiters(stream, lock, speaking, directory())
        heading = lock_title(lock) if lock.ended else ""
        return Telling(
            channel=f"#{_channel(lock.service, catalog(), fallback)}",
            message=render_lock(lock, mention=speaking.mention),
            lines=thread_lines([step.text for step in lock.history], directory(), ended=heading),
            state=lock.ended or "held",
            version=lock.stream_version,
            ended=lock.ended is not None,
        )

    return Teller(LOCK, f"{LOCK}/", tell)


async def _tell_waiters(stream: str, lock: LockState, speaking: Speaking, directory: Directory) -> None:
    for number, waiter in enumerate(lock.waiters, 1):
        person, key = directory.by_id(waiter), f"{stream}:free:{waiter}"
        if person is not None and person.slack and await speaking.ledger.find(key) is None:
            speaking.outbox.send(f"@{person.slack[0][1]}", Post(key, render_free(lock, number), Priority.DECISION))


def freeze_teller(
    journal: PermitJournal,
    catalog: Callable[[], Catalog],
    speaking: Speaking,
    directory: Callable[[], Directory],
    *,
    fallback: str,
) -> Teller:
    """Freezes that were made by a command: of a service in its channel, of an environment in that of all."""

    async def tell(stream: str) -> Telling:
        freeze = await journal.freeze_at(stream)
        if freeze is None:
            raise NotFound(f"There is no {stream}.")
        return _told(freeze, f"#{_channel(freeze.service, catalog(), fallback)}", speaking, directory())

    return Teller(FREEZE, f"{FREEZE}/", tell)


def _told(freeze: FreezeState, channel: str, speaking: Speaking, directory: Directory) -> Telling:
    heading = freeze_title(freeze) if freeze.ended else ""
    return Telling(
        channel=channel,
        message=render_freeze(freeze, mention=speaking.mention),
        lines=thread_lines([step.text for step in freeze.history], directory, ended=heading),
        state=freeze.ended or "holds",
        version=freeze.stream_version,
        ended=freeze.ended is not None,
    )


def _channel(service: str, catalog: Catalog, fallback: str) -> str:
    try:
        return catalog.service(service).channel
    except NotFound:
        return fallback
