"""Private answers: by the delivery's response address while it is good, by direct message otherwise."""

from __future__ import annotations

import logging
from typing import Final

import aiohttp

from bot.chat.outbox import Outbox
from bot.chat.port import Priority
from bot.chat.queue import Post
from bot.inputs.slack.deliveries import Delivery
from bot.views.blocks import Message

log = logging.getLogger(__name__)

TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class PrivateReply:
    """Implements Reply. The response address comes from a signed or authenticated delivery, never from typed text."""

    def __init__(self, session: aiohttp.ClientSession, outbox: Outbox) -> None:
        self._session = session
        self._outbox = outbox

    async def __call__(self, delivery: Delivery, message: Message) -> None:
        """Answer the one who asked; what the address does not take goes by direct message."""
        if not (delivery.response_url and await self._respond(delivery.response_url, message)):
            self._outbox.send(f"@{delivery.actor.user}", Post(f"reply:{delivery.id}", message, Priority.DECISION))

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
            log.warning("a private answer did not arrive: %s", error)
        return False
