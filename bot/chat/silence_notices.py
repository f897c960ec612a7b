"""Tells the channel of a silence that it began, ends soon and has ended, and the incident that it is silenced.

What was told is known by the ledger of messages, so that no restart tells anything twice or leaves it out. Many of one
kind at once, as when another installation's silences are taken over, are told in one message.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from alerting.incidents.errors import UnknownIncident
from alerting.incidents.incident import Incident, IncidentId
from alerting.incidents.journal import IncidentJournal
from alerting.incidents.silenced import silence_news
from alerting.silences.notices import Kind, Notice, due_notices
from alerting.silences.silence import Silence, SilenceId, State
from bot.chat.ledger import Ledger
from bot.chat.outbox import Outbox
from bot.chat.port import Priority
from bot.chat.queue import Post, Update
from bot.views.blocks import Mention, Message
from bot.views.silences import render_ending, render_over, render_started, render_together

STARTED: Final = "started"
TOGETHER: Final = "together"
MOST_APART: Final = 5  # notices of one kind in one channel at one moment; more of them are one message

Due = tuple[Silence, Notice]


class Silences(Protocol):
    """The silences' desk, for reading."""

    def all(self) -> Sequence[Silence]: ...


class SilenceNotices:
    """`channel` (without #) hears of silences that have no channel of their own. One replica ticks."""

    def __init__(
        self,
        silences: Silences,
        incidents: IncidentJournal,
        outbox: Outbox,
        ledger: Ledger,
        mention: Mention,
        *,
        channel: str,
        wake: Callable[[Incident], Awaitable[None]],
    ) -> None:
        self._silences = silences
        self._incidents = incidents
        self._outbox = outbox
        self._ledger = ledger
        self._mention = mention
        self._channel = channel
        self._wake = wake
        self._told: dict[SilenceId, set[str]] = {}
        self._seen: dict[SilenceId, tuple[datetime, State]] = {}
        self._together: dict[str, list[str]] = {}

    async def tick(self, now: datetime) -> None:
        """Tell what is due, and keep true what was told. Raises StorageUnavailable; the next tick goes on then."""
        known = self._silences.all()
        for (place, kind), due in (await self._untold(known, now)).items():
            if len(due) > MOST_APART:
                self._tell_together(place, kind, due)
            else:
                self._tell_apart(place, due, now)
        await self._note_what_was_told_together()
        for silence in known:
            await self._follow(silence, now)
        self._forget({silence.id for silence in known})

    async def _untold(self, known: Sequence[Silence], now: datetime) -> Mapping[tuple[str, Kind], list[Due]]:
        """What is due and not told, by where and of which kind. Whoever is given it tells it."""
        untold: defaultdict[tuple[str, Kind], list[Due]] = defaultdict(list)
        for silence in known:
            for notice in due_notices(silence, self._told.get(silence.id, ()), now):
                if await self._ledger.find(_key(silence, notice.key)) is None:
                    untold[self._place(silence), notice.kind].append((silence, notice))
                self._told.setdefault(silence.id, set()).add(notice.key)
        return untold

    def _tell_apart(self, place: str, due: Sequence[Due], now: datetime) -> None:
        for silence, notice in due:
            post = Post(_key(silence, notice.key), self._message(silence, notice, now), Priority.NOTICE)
            self._outbox.send(place, post)

    def _tell_together(self, place: str, kind: Kind, due: Sequence[Due]) -> None:
        keys = sorted(_key(silence, notice.key) for silence, notice in due)
        # The same ones have the same key after a crash, so that they are not posted again.
        key = f"silences:{kind}:{hashlib.sha256(' '.join(keys).encode()).hexdigest()[:20]}"
        self._together[key] = keys
        message = render_together(kind, [silence for silence, _ in due], mention=self._mention)
        self._outbox.send(place, Post(key, message, Priority.NOTICE))

    async def _note_what_was_told_together(self) -> None:
        for key, keys in list(self._together.items()):
            ref = await self._ledger.find(key)
            if ref is not None:
                for one in keys:
                    await self._ledger.done(one, ref, {TOGETHER: key})
                del self._together[key]

    def _message(self, silence: Silence, notice: Notice, now: datetime) -> Message:
        match notice.kind:
            case Kind.STARTED:
                return render_started(silence, mention=self._mention)
            case Kind.ENDING:
                return render_ending(silence, now)
            case Kind.ENDED:
                return render_over(silence, mention=self._mention)

    async def _follow(self, silence: Silence, now: datetime) -> None:
        """Say in the incident, and where its begin was told, what has changed of it since the last tick."""
        state = silence.state(now)
        before, here = self._seen.get(silence.id), (silence.ends_at, state)
        if before == here:
            return
        if silence.incident:
            await self._tell_incident(silence, now)
        if before is not None and before[1] is State.ACTIVE:
            await self._redraw(silence, live=state is State.ACTIVE)
        self._seen[silence.id] = here

    async def _tell_incident(self, silence: Silence, now: datetime) -> None:
        try:
            told = await self._incidents.change(
                IncidentId(silence.incident),
                lambda incident: silence_news(incident, silence, now),
                at=now,
                actor=silence.ended_by or silence.created_by,
            )
        except UnknownIncident:
            return  # a silence outlives the database its incident was in, when it was copied over
        if told.after != told.before:
            await self._wake(told.after)

    async def _redraw(self, silence: Silence, *, live: bool) -> None:
        """Its first message names its end and, while it lasts, offers to end it."""
        key = _key(silence, STARTED)
        apart = TOGETHER not in await self._ledger.payload(key)
        if apart and await self._ledger.find(key) is not None:
            message = render_started(silence, mention=self._mention, live=live)
            self._outbox.send(self._place(silence), Update(key, message, Priority.NOTICE))

    def _place(self, silence: Silence) -> str:
        return f"#{silence.channel or self._channel}"

    def _forget(self, known: set[SilenceId]) -> None:
        self._told = {one: keys for one, keys in self._told.items() if one in known}
        self._seen = {one: state for one, state in self._seen.items() if one in known}


def _key(silence: Silence, notice: str) -> str:
    return f"silence:{silence.id}:{notice}"
