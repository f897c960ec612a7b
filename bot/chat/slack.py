"""Slack's Web API as the platform. Reached by base URL only, so any server that speaks Slack's protocol serves.

Calls that make something new are never repeated by the client itself: after a broken connection nobody knows whether
they arrived, so the ledger looks first.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.port import ChatAway, ChatBusy, ChatRefused, MessageRef
from bot.views.blocks import Message

METADATA: Final = "pilothouse_message"
PAGE: Final = 200
PASSING: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)

Call = Callable[[], Awaitable[Any]]


class SlackPlatform:
    """Implements Platform over an AsyncWebClient that has no retry handlers."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._channels: dict[str, str] = {}
        self._directs: dict[str, str] = {}

    async def post(
        self, channel: str, message: Message, *, metadata: Mapping[str, Any], thread: str = "", broadcast: bool = False
    ) -> MessageRef:
        payload = {"event_type": METADATA, "event_payload": dict(metadata)}
        try:
            answer = await _called(
                lambda: self._client.chat_postMessage(
                    channel=channel,
                    text=message.text,
                    blocks=list(message.blocks) or None,
                    thread_ts=thread or None,
                    reply_broadcast=broadcast or None,
                    metadata=payload,
                    unfurl_links=False,
                    unfurl_media=False,
                )
            )
        except ChatRefused as refused:
            if refused.closed:
                self._forget(channel)
            raise
        return MessageRef(answer["channel"], answer["ts"])

    async def update(self, ref: MessageRef, message: Message) -> None:
        blocks = list(message.blocks)
        await _called(
            lambda: self._client.chat_update(channel=ref.channel, ts=ref.ts, text=message.text, blocks=blocks)
        )

    async def find(
        self, channel: str, key: str, *, since: datetime, thread: str = ""
    ) -> tuple[str, Mapping[str, Any]] | None:
        cursor = ""
        while True:
            answer = await _called(lambda: self._page(channel, thread, since, cursor))  # noqa: B023  # called at once
            for message in answer["messages"]:
                payload = message.get("metadata", {}).get("event_payload", {})
                if payload.get("key") == key:
                    return message["ts"], payload
            cursor = (answer.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return None

    def _page(self, channel: str, thread: str, since: datetime, cursor: str) -> Awaitable[Any]:
        oldest = f"{since.timestamp():.6f}"
        common: dict[str, Any] = {"channel": channel, "oldest": oldest, "limit": PAGE, "include_all_metadata": True}
        if thread:
            return self._client.conversations_replies(ts=thread, cursor=cursor or None, **common)
        return self._client.conversations_history(cursor=cursor or None, **common)

    async def whisper(self, channel: str, user: str, message: Message, *, thread: str = "") -> None:
        await _called(
            lambda: self._client.chat_postEphemeral(
                channel=channel,
                user=user,
                text=message.text,
                blocks=list(message.blocks) or None,
                thread_ts=thread or None,
            )
        )

    async def home_team(self) -> str:
        return str((await _called(self._client.auth_test))["team_id"])

    async def account(self, user: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (await _called(lambda: self._client.users_info(user=user)))["user"]
        return found

    async def open_view(self, trigger: str, view: Mapping[str, Any]) -> None:
        # A plain dict goes through as it is; slack_sdk's View class turns blocks it does not know into null.
        await _called(lambda: self._client.views_open(trigger_id=trigger, view=dict(view)))

    async def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Draw a modal anew; what was typed into it stays. One that was closed meanwhile raises ChatRefused."""
        await _called(lambda: self._client.views_update(view_id=view_id, view=dict(view)))

    async def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        await _called(lambda: self._client.views_publish(user_id=user, view=dict(view)))

    async def direct(self, user: str) -> str:
        if user not in self._directs:
            answer = await _called(lambda: self._client.conversations_open(users=[user]))
            self._directs[user] = answer["channel"]["id"]
        return self._directs[user]

    def _forget(self, channel: str) -> None:
        """Look the channel up anew the next time: the name may be another one's by then."""
        self._channels = {name: id_ for name, id_ in self._channels.items() if id_ != channel}

    async def channel(self, name: str) -> str:
        if name not in self._channels:
            self._channels[name] = await self._joined(name)
        return self._channels[name]

    async def _joined(self, name: str) -> str:
        found = await self._listed(name)
        if found is None:
            answer = await _called(lambda: self._client.conversations_create(name=name))
            return str(answer["channel"]["id"])
        if not found.get("is_member"):
            await _called(lambda: self._client.conversations_join(channel=found["id"]))
        return str(found["id"])

    async def _listed(self, name: str) -> dict[str, Any] | None:
        cursor = ""
        while True:
            answer = await _called(
                lambda: self._client.conversations_list(
                    limit=PAGE,
                    cursor=cursor or None,  # noqa: B023  # called at once
                    exclude_archived=True,
                    types="public_channel,private_channel",
                )
            )
            for channel in answer["channels"]:
                if channel["name"] == name:
                    return dict(channel)
            cursor = (answer.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return None

    async def permalink(self, ref: MessageRef) -> str:
        answer = await _called(lambda: self._client.chat_getPermalink(channel=ref.channel, message_ts=ref.ts))
        return str(answer["permalink"])


async def _called(call: Call) -> Any:
    """The answer of a call, its failures in our three kinds."""
    try:
        return await call()
    except SlackApiError as error:
        raise _failure(error) from error
    except (aiohttp.ClientError, TimeoutError, OSError, SlackClientError, json.JSONDecodeError) as error:
        raise ChatAway(f"{type(error).__name__}: {error}") from error


def _failure(error: SlackApiError) -> ChatBusy | ChatAway | ChatRefused:
    response: Any = error.response
    status = getattr(response, "status_code", 0)
    code = str(response.get("error", "")) if hasattr(response, "get") else ""
    if status == 429 or code == "ratelimited":
        return ChatBusy(timedelta(seconds=_retry_after(response)))
    if status >= 500 or code in PASSING:
        return ChatAway(f"The chat platform answered {status} {code}.")
    details = (response.get("response_metadata") or {}).get("messages", [])
    return ChatRefused(": ".join([code or f"status {status}", *map(str, details[:3])]))


def _retry_after(response: Any) -> float:
    try:
        return max(1.0, float(response.headers.get("Retry-After", 1)))
    except ValueError:
        return 1.0
