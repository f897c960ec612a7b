"""Pages a person by direct message: alerting's Pager over the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.incidents.incident import Incident, PersonId, stream_of
from bot.chat.ledger import Ledger
from bot.chat.outbox import Outbox
from bot.chat.port import ChatFailure, ChatRefused, Platform, Priority
from bot.chat.queue import Post
from bot.views.blocks import Mention
from bot.views.incident import render_page
from engine.security.identity import Directory

PATIENCE: Final = timedelta(seconds=20)


class ChatPager:
    """Implements alerting's Pager. The key makes a repeated page the same message."""

    def __init__(
        self,
        outbox: Outbox,
        ledger: Ledger,
        platform: Platform,
        directory: Callable[[], Directory],
        mention: Mention,
    ) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._platform = platform
        self._directory = directory
        self._mention = mention

    async def page(self, key: str, incident: Incident, person: PersonId, level: int) -> None:  # noqa: ARG002
        """Tell `person`; done once the message stands in their direct conversation."""
        found = self._directory().by_id(person)
        if found is None or not found.slack:
            raise PermanentFailure(f"{person} has no chat identity.", "Give one under `people` in the settings file.")
        link = await self.link(incident)
        message = render_page(incident, mention=self._mention, person=person, link=link)
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._outbox.deliver(f"@{found.slack[0][1]}", Post(key, message, Priority.PAGE))
        except TimeoutError:
            raise TemporaryFailure("The chat platform did not take the page yet.") from None
        except ChatRefused as refused:
            raise PermanentFailure(
                f"The chat platform refused the page: {refused.reason}.", "Check the app."
            ) from refused

    async def link(self, incident: Incident) -> str:
        """The address of the incident's message; empty when it is not known now, for a page does not wait for it."""
        ref = await self._ledger.find(stream_of(incident.id))
        if ref is None:
            return ""
        try:
            return await self._platform.permalink(ref)
        except ChatFailure:
            return ""
