"""Which messages were posted, by key, so that no crash makes one twice.

Before a post its key is written down; after it, the timestamp id. A key without one is looked for in the channel
(messages carry their key as metadata) before it is posted again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bot.chat.port import MessageRef, Platform
from storage.records import Records

MESSAGES: Final = "chat-messages"
SKEW: Final = timedelta(minutes=2)  # the platform's clock and ours may differ by this much


class Ledger:
    """Message references by key, in the database."""

    def __init__(self, records: Records, platform: Platform, *, now: Callable[[], datetime]) -> None:
        self._records = records
        self._platform = platform
        self._now = now

    async def find(self, key: str) -> MessageRef | None:
        """Where the message with this key is, if it was posted."""
        entry = await self._records.get(MESSAGES, key)
        return MessageRef(entry["channel"], entry["ts"]) if entry and entry.get("ts") else None

    async def payload(self, key: str) -> Mapping[str, Any]:
        """What was kept with the message of this key."""
        entry = await self._records.get(MESSAGES, key)
        return entry.get("payload", {}) if entry else {}

    async def begin(self, key: str, channel: str, thread: str) -> tuple[MessageRef, Mapping[str, Any]] | None:
        """Write the intent to post down. Answers the message with its payload when an earlier attempt did arrive."""
        entry = await self._records.get(MESSAGES, key)
        if entry is not None:
            since = datetime.fromisoformat(entry["at"]) - SKEW
            found = await self._platform.find(entry["channel"], key, since=since, thread=thread)
            if found is not None:
                return MessageRef(entry["channel"], found[0]), found[1]
        if entry is None or entry["channel"] != channel:
            await self._records.put(MESSAGES, key, {"channel": channel, "at": self._now().isoformat()}, at=self._now())
        return None

    async def done(self, key: str, ref: MessageRef, payload: Mapping[str, Any]) -> None:
        """The message stands in the channel."""
        entry = {"channel": ref.channel, "ts": ref.ts, "payload": dict(payload), "at": self._now().isoformat()}
        await self._records.put(MESSAGES, key, entry, at=self._now())
