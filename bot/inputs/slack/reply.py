"""Private answers: by the delivery's response address while it is good, in the thread of a mention for the one who
wrote it, by direct message otherwise.
"""

from __future__ import annotations

import logging
from typing import Final

import aiohttp

from bot.chat.outbox import Outbox
from bot.chat.port import ChatFailure, Platform, Priority
from bot.chat.queue import Post
from bot.inputs.slack.deliveries import Delivery
from bot.views.blocks import Message

log = logging.getLogger(__name__)

TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class PrivateReply:
    """Implements Reply. The response address comes from a signed or authenticated delivery, never from typed text."""

    def __init__(self, session: aiohttp.ClientSession, platform: Platform, outbox: Outbox) -> None:
        self._session = session
        self._platform = platform
        self._outbox = outbox

    async def __call__(self, delivery: Delivery, message: Message) -> None:
        """Answer the one who asked; what finds no shorter way goes by direct message."""
        if delivery.account == "bot":
            log.info("a bot was not answered: %s", delivery.id)  # two bots could go on for ever
        elif not await self._there(delivery, message):
            self._outbox.send(f"@{delivery.actor.user}", Post(f"reply:{delivery.id}", message, Priority.DECISION))

    async def _there(self, delivery: Delivery, message: Message) -> bool:
        """Whether it could be answered where it was asked."""
        if delivery.response_url:
            return await self._respond(delivery.response_url, message)
        if delivery.channel:
            return await self._whisper(delivery, message)
        return False

    async def _whisper(self, delivery: Delivery, message: Message) -> bool:
        try:
            await self._platform.whisper(delivery.channel, delivery.actor.user, message, thread=delivery.thread)
        except ChatFailure as failure:
            log.warning("a private answer did not arrive where it was asked: %s", failure)
            return False
        return True

    async def _respond(self, url: str, message: Message) -> bool:
        body = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": message.text,
            "blocks": list(message.blocks),
        }
        try:
            async with self._session.post(url, json=body, timeout=TIMEOUT) as answer:
                if answer.status == 200:
                    return True
                log.warning("a private answer was refused with %s: %s", answer.status, (await answer.text())[:200])
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("a private answer did not arrive: %s", type(error).__name__)
        return False
