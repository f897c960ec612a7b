"""What the rest of the house may ask of chat, and how chat says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final, Protocol

from bot.views.blocks import Message

CLOSED: Final = frozenset(
    {
        *("is_archived", "channel_not_found", "not_in_channel", "name_taken", "restricted_action", "no_permission"),
        *("restricted_action_read_only_channel", "missing_scope", "account_inactive", "token_revoked", "invalid_auth"),
    }
)
"""Slack's error codes that do not depend on what is said (chat.postMessage, conversations.join and .create)."""


class Priority(IntEnum):
    """Which goes first in a channel. Pages before anything, progress last."""

    PAGE = 0
    DECISION = 1
    NOTICE = 2
    PROGRESS = 3


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message that was posted: channel id and timestamp id."""

    channel: str
    ts: str


class ChatFailure(Exception):
    """The platform did not take a call."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChatBusy(ChatFailure):
    """Too many calls (429): try again after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"The chat platform asks to wait {retry_after.total_seconds():.0f} s.")
        self.retry_after = retry_after


class ChatAway(ChatFailure):
    """It is not known whether the call arrived: the connection broke, or the platform failed."""


class ChatRefused(ChatFailure):
    """The platform said no and will say no again; `reason` is its error code."""

    @property
    def closed(self) -> bool:
        """Whether it is the conversation that takes nothing, whatever is said; people may open it again."""
        return self.reason.partition(":")[0] in CLOSED


class Platform(Protocol):
    """Single calls to a chat platform. Raise ChatBusy, ChatAway or ChatRefused."""

    async def post(
        self, channel: str, message: Message, *, metadata: Mapping[str, Any], thread: str = "", broadcast: bool = False
    ) -> MessageRef: ...

    async def update(self, ref: MessageRef, message: Message) -> None: ...

    async def find(
        self, channel: str, key: str, *, since: datetime, thread: str = ""
    ) -> tuple[str, Mapping[str, Any]] | None:
        """Timestamp id and metadata payload of our message with this key, posted at or after `since`."""
        ...

    async def whisper(self, channel: str, user: str, message: Message, *, thread: str = "") -> None:
        """Show something to one person only. Never the only place of anything that matters."""
        ...

    async def home_team(self) -> str:
        """The id of the team the app is installed in."""
        ...

    async def account(self, user: str) -> Mapping[str, Any]:
        """What the platform knows of an account: the `user` of users.info."""
        ...

    async def open_view(self, trigger: str, view: Mapping[str, Any]) -> None: ...

    async def publish_home(self, user: str, view: Mapping[str, Any]) -> None: ...

    async def direct(self, user: str) -> str:
        """The id of the direct conversation with a user."""
        ...

    async def channel(self, name: str) -> str:
        """The id of a channel by name, joined; made when it does not exist."""
        ...

    async def permalink(self, ref: MessageRef) -> str: ...
