"""Socket Mode, kept connected.

The client reuses a spent address when it reconnects, so we clear the address while it is cut off.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

WATCH: Final = timedelta(seconds=0.5)
PING: Final = 2.0  # seconds; a connection without four answers is given up


def _in_one_line(record: logging.LogRecord) -> bool:
    """A platform that is away is news of one line, however often the client tries; no trace helps anybody."""
    record.exc_info, record.exc_text = None, None
    return True


class Socket:
    """One Socket Mode connection of an app."""

    def __init__(self, app: AsyncApp, app_token: str) -> None:
        logger = logging.getLogger("bot.inputs.slack.socket.client")
        logger.addFilter(_in_one_line)
        self._handler = AsyncSocketModeHandler(app, app_token, ping_interval=PING, logger=logger)

    async def connected(self) -> bool:
        """Whether deliveries can arrive now."""
        return bool(await self._handler.client.is_connected())

    async def run(self) -> None:
        """Connect and stay connected until cancelled; a platform that is away is tried again for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._handler.client.connect(), name="socket connect")  # type: ignore[no-untyped-call]  # slack_sdk leaves it untyped
            group.create_task(self._watch(), name="socket watch")

    async def close(self) -> None:
        """Disconnect."""
        await self._handler.client.close()  # type: ignore[no-untyped-call]  # slack_sdk leaves it untyped

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH.total_seconds())
            if not await self.connected():
                self._handler.client.wss_uri = None
