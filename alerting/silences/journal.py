"""Silences in the event log: each is a stream of its own, and its card holds it as it is now.

Fact and state are one write, so that nothing is muted that the log does not tell, by whom and when.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerting.silences.codec import silence_from_json, silence_to_json
from alerting.silences.silence import Silence, SilenceId
from storage.events import CardChange, Event, EventLog, NewEvent

KIND: Final = "silence"
PREFIX: Final = "silence-"
SET: Final = "SilenceSet"
EXPIRED: Final = "SilenceExpired"

_PAGE: Final = 500
_OPEN_AT_MOST: Final = 100_000
_ENDED_AT_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A silence and how many facts tell of it; `closed` says that the last one told its end."""

    silence: Silence
    version: int
    closed: bool


class SilenceJournal:
    """Reads and writes silences. Every method may raise StorageUnavailable."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def load(self) -> tuple[int, list[Entry]]:
        """The log's position, and every silence as it is at that position or later."""
        position = await self._log.last_position()
        cards = [
            *await self._log.cards(KIND, open=True, limit=_OPEN_AT_MOST),
            *await self._log.cards(KIND, open=False, limit=_ENDED_AT_MOST),
        ]
        return position, [Entry(silence_from_json(card.data), card.data["version"], not card.open) for card in cards]

    async def changes(self, after: int) -> tuple[int, list[Entry]]:
        """The log's position, and the silences that were written since, the last state of each last."""
        position = await self._log.last_position()
        entries: list[Entry] = []
        while position > after:
            events = await self._log.read_all(after=after, limit=_PAGE, stream_prefix=PREFIX)
            entries += map(_entry, events)
            if len(events) < _PAGE:
                break
            after = events[-1].position
        return position, entries

    async def record(self, silence: Silence, *, version: int, closed: bool, actor: str, at: datetime) -> Entry:
        """Write the silence as it is from now on, `version` facts being told of it so far. Raises Conflict."""
        data = silence_to_json(silence)
        fact = NewEvent(EXPIRED if closed else SET, data, actor=actor)
        # The card says which fact it was drawn from, so that an older one read later does not replace it.
        held = {**data, "version": version + 1}
        card = CardChange(KIND, silence.id, "ended" if closed else "set", open=not closed, data=held)
        await self._log.append(stream_of(silence.id), [fact], expected=version, at=at, card=card)
        return Entry(silence, version + 1, closed)


def stream_of(silence: SilenceId) -> str:
    """The name of the silence's stream of facts."""
    return f"{PREFIX}{silence}"


def _entry(event: Event) -> Entry:
    return Entry(silence_from_json(event.data), event.version, event.type == EXPIRED)
