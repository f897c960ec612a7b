"""All cards of a kind, where nobody may be left out."""

from typing import Final

from storage.events import Card, EventLog

PAGE: Final = 1000


async def every_card(log: EventLog, kind: str, *, open: bool | None = None) -> list[Card]:  # noqa: A002 - as `cards` has it
    """The cards of a kind, however many, the stream begun last first. Raises storage's errors."""
    limit = PAGE
    while len(cards := await log.cards(kind, open=open, limit=limit)) == limit:
        limit *= 2
    return cards
