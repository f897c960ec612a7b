"""Who hears of what: an event in the workspace as notices to the pages, and as events to the app. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.workspace.config import WorkspaceConfig
from bot.workspace.model import (
    Channel,
    ChannelSaved,
    Event,
    HomePublished,
    Json,
    Message,
    MessageChanged,
    MessageDeleted,
    MessagePosted,
    ReadMarked,
    State,
    View,
    ViewChanged,
    ViewClosed,
    ViewOpened,
    calls,
)
from bot.workspace.render import client_channel, client_message, message_json, view_json

EVERYONE: Final = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Notice:
    """One server-sent event for the pages of `audience` (user ids, or EVERYONE)."""

    audience: frozenset[str]
    name: str
    data: Json

    def reaches(self, user: str) -> bool:
        """Whether the pages of this user get it."""
        return user in self.audience or self.audience is EVERYONE


def notices(state: State, before: Message | View | None, event: Event, config: WorkspaceConfig) -> Iterator[Notice]:
    """What the pages are told. `state` already holds the event; `before` is the message or view it replaced."""
    match event:
        case MessagePosted(message):
            yield from _posted(state, message)
        case MessageChanged(message, reaction):
            yield _about(state, message, "reaction" if reaction else "message_changed")
        case MessageDeleted() if isinstance(before, Message):
            yield from _deleted(state, before)
        case ReadMarked(user, channel_id, _):
            yield _unread(state, state.channels[channel_id], user)
        case ChannelSaved(channel):
            yield from _channel(state, channel)
        case ViewOpened(view) | ViewChanged(view) | HomePublished(view):
            yield _view(view, event, config)
        case ViewClosed(view_id) if isinstance(before, View):
            yield Notice(frozenset({before.user}), "view_close", {"view_id": view_id})


def _view(view: View, event: Event, config: WorkspaceConfig) -> Notice:
    data: Json = {"view": view_json(view, config)}
    match event:
        case HomePublished():
            name, data["app"] = "home", config.credentials.app_id
        case ViewChanged():
            name = "view_update"
        case _:
            name = "view_push" if view.previous_id else "view_open"
    return Notice(frozenset({view.user}), name, data)


def _channel(state: State, channel: Channel) -> Iterator[Notice]:
    for user in channel.members if channel.is_im else tuple(state.users):
        yield Notice(frozenset({user}), "channel", {"channel": client_channel(state, channel, user)})


def _posted(state: State, message: Message) -> Iterator[Notice]:
    yield _about(state, message, "ephemeral" if message.only_for else "message")
    parent = state.messages.get((message.channel, message.thread_ts))
    if message.is_reply and parent is not None and not message.only_for:
        yield _about(state, parent, "message_changed")
    yield from _unreads(state, message)


def _deleted(state: State, gone: Message) -> Iterator[Notice]:
    name = "ephemeral_deleted" if gone.only_for else "message_deleted"
    yield Notice(_audience(state, gone), name, {"channel": gone.channel, "ts": gone.ts})
    parent = state.messages.get((gone.channel, gone.thread_ts))
    if gone.is_reply and parent is not None:
        yield _about(state, parent, "message_changed")
    yield from _unreads(state, gone)


def _about(state: State, message: Message, name: str) -> Notice:
    data = {"channel": message.channel, "message": client_message(state, message)}
    return Notice(_audience(state, message), name, data)


def _audience(state: State, message: Message) -> frozenset[str]:
    if message.only_for:
        return frozenset({message.only_for})
    channel = state.channels[message.channel]
    return frozenset(channel.members) if channel.is_im else EVERYONE


def _unreads(state: State, message: Message) -> Iterator[Notice]:
    if not message.in_channel:
        return
    channel = state.channels[message.channel]
    for user in channel.members:
        if not state.users[user].is_bot and message.visible_to(user):
            yield _unread(state, channel, user)


def _unread(state: State, channel: Channel, user: str) -> Notice:
    unread, mentions = state.unread(user, channel)
    return Notice(frozenset({user}), "unread", {"channel": channel.id, "unread": unread, "mentions": mentions})


def app_events(state: State, event: Event, config: WorkspaceConfig) -> Iterator[Json]:
    """The Events API events that the app subscribed to. `state` does not hold the event yet."""
    match event:
        case MessagePosted(message) if not message.only_for:
            yield from _told_of_message(state, message, config)
        case MessageChanged(message, False) if not message.only_for:
            yield from _told_of_change(state, message, config)
        case MessageDeleted(channel_id, ts):
            yield from _told_of_end(state, channel_id, ts, config)
        case ChannelSaved(channel) if not channel.is_im:
            yield from _told_of_joins(state, channel, config)


def _told_of_message(state: State, message: Message, config: WorkspaceConfig) -> Iterator[Json]:
    channel, bot = state.channels[message.channel], config.credentials.bot_user
    body = {**message_json(state, message), "channel": message.channel, "event_ts": message.ts, "team": config.team_id}
    if _hears_messages(channel, config):
        yield {**body, "channel_type": _channel_type(channel)}
    named = calls(message, bot) and f"<@{bot}" in message.text and message.user != bot
    if named and not channel.is_im and bot in channel.members and "app_mention" in config.manifest.bot_events:
        yield {**body, "type": "app_mention"}


def _told_of_change(state: State, message: Message, config: WorkspaceConfig) -> Iterator[Json]:
    channel, previous = state.channels[message.channel], state.messages[message.channel, message.ts]
    if _hears_messages(channel, config):
        yield {
            "type": "message",
            "subtype": "message_changed",
            "channel": channel.id,
            "channel_type": _channel_type(channel),
            "ts": message.edited_ts or message.ts,
            "event_ts": message.edited_ts or message.ts,
            "hidden": True,
            "message": message_json(state, message),
            "previous_message": message_json(state, previous),
        }


def _told_of_end(state: State, channel_id: str, ts: str, config: WorkspaceConfig) -> Iterator[Json]:
    channel, gone = state.channels[channel_id], state.messages.get((channel_id, ts))
    if gone is not None and not gone.only_for and _hears_messages(channel, config):
        yield {
            "type": "message",
            "subtype": "message_deleted",
            "channel": channel.id,
            "channel_type": _channel_type(channel),
            "ts": ts,
            "event_ts": ts,
            "deleted_ts": ts,
            "hidden": True,
            "previous_message": message_json(state, gone),
        }


def _told_of_joins(state: State, channel: Channel, config: WorkspaceConfig) -> Iterator[Json]:
    known = state.channels.get(channel.id)
    before = known.members if known else ()
    bot = config.credentials.bot_user
    if "member_joined_channel" not in config.manifest.bot_events or bot not in channel.members:
        return
    for user in (one for one in channel.members if one not in before):
        yield {
            "type": "member_joined_channel",
            "user": user,
            "channel": channel.id,
            "channel_type": "C",
            "team": config.team_id,
        }


def _hears_messages(channel: Channel, config: WorkspaceConfig) -> bool:
    wanted = "message.im" if channel.is_im else "message.channels"
    return wanted in config.manifest.bot_events and config.credentials.bot_user in channel.members


def _channel_type(channel: Channel) -> str:
    return "im" if channel.is_im else "channel"
