"""The workspace's values as Slack writes them in JSON. Pure."""

import hashlib
import secrets
from typing import Any, Final

from bot.workspace.config import WorkspaceConfig
from bot.workspace.model import Channel, Group, Json, Message, State, User, View

COLORS: Final = ("ba3f7f", "717201", "7f57c8", "057f39", "4167d2", "a349aa", "c33d48", "a05e01")
"""Eight hues of OKLCH, each of luminance 0.155: white letters are clear on them (5 : 1), they on both grounds (3 : 1).

Teal is left out: it is the app's. Source of the ratios: WCAG 2.2, "Contrast (Minimum)" and "Non-text Contrast".
"""


def message_json(state: State, message: Message, *, metadata: bool = False) -> Json:
    """A message as conversations.history gives it; `metadata` as with include_all_metadata."""
    parts: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "subtype": message.subtype,
        "bot_id": message.bot_id,
        "app_id": message.app_id,
        "blocks": message.blocks,
        "attachments": message.attachments,
        "thread_ts": message.thread_ts,
        "metadata": message.metadata if metadata else None,
        "edited": {"user": message.user, "ts": message.edited_ts} if message.edited_ts else None,
        "reactions": [{"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()],
        **_thread_json(state, message),
    }
    return {key: value for key, value in parts.items() if value or key == "text"}


def _thread_json(state: State, message: Message) -> Json:
    replies = [reply for reply in state.thread(message.channel, message.ts) if not reply.only_for]
    if not replies:
        return {}
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users": list(dict.fromkeys(reply.user for reply in replies)),
        "latest_reply": replies[-1].ts,
    }


def client_message(state: State, message: Message) -> Json:
    """A message for the page: always with its channel and the counts of its thread."""
    counts = {"reply_count": 0, "reply_users": [], "latest_reply": "", "reactions": []}
    mark = {"ephemeral": True} if message.only_for else {}
    return {**counts, **message_json(state, message, metadata=True), "channel": message.channel, **mark}


def user_json(user: User, team: str) -> Json:
    """A user as users.info gives it; `team` is the workspace's id. Source: "User object"."""
    profile = {
        "real_name": user.real_name,
        "display_name": user.name,
        "real_name_normalized": user.real_name,
        "display_name_normalized": user.name,
        "email": user.email,
        "team": team,
    }
    return {
        "id": user.id,
        "team_id": team,
        "name": user.name,
        "real_name": user.real_name,
        "color": color(user.id),
        "tz": user.tz,
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": user.is_guest,
        "is_ultra_restricted": False,
        "is_app_user": False,
        "profile": profile,
    }


def color(user: str) -> str:
    """A colour that stays with a user (six hexadecimal digits)."""
    return COLORS[hashlib.sha256(user.encode()).digest()[0] % len(COLORS)]


def initials(user: User) -> str:
    """One or two capitals for a user's picture: of the first and the last word of the name."""
    words = user.real_name.split() or [user.name]
    return "".join(word[0] for word in (words[0], *words[1:][-1:])).upper()


def channel_json(channel: Channel, bot: str, team: str) -> Json:
    """A conversation as the app's bot sees it."""
    common: Json = {"id": channel.id, "created": channel.created, "is_archived": False, "is_org_shared": False}
    if channel.is_im:
        return {**common, "is_im": True, "user": channel.partner(bot), "is_user_deleted": False}
    return {
        **common,
        "name": channel.name,
        "name_normalized": channel.name,
        "creator": channel.creator,
        "context_team_id": team,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": False,
        "is_general": channel.name == "general",
        "is_member": bot in channel.members,
        "num_members": len(channel.members),
        "topic": {"value": channel.topic, "creator": channel.creator, "last_set": channel.created},
        "purpose": {"value": channel.purpose, "creator": channel.creator, "last_set": channel.created},
    }


def client_channel(state: State, channel: Channel, user: str) -> Json:
    """A conversation as the page shows it to one user."""
    unread, mentions = state.unread(user, channel) if user in channel.members else (0, 0)
    parts: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_im": channel.is_im,
        "is_member": user in channel.members,
        "topic": channel.topic,
        "purpose": channel.purpose,
        "unread": unread,
        "mentions": mentions,
        "last_read": state.reads.get((user, channel.id), ""),
        "latest": next(reversed(state.timeline.get(channel.id, [])), ""),
    }
    return {**parts, "user": channel.partner(user)} if channel.is_im else parts


def group_json(group: Group, team: str) -> Json:
    """A user group as usergroups.list gives it; `team` is the workspace's id. Source: "Usergroup object"."""
    return {
        "id": group.id,
        "team_id": team,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "user_count": len(group.users),
        "users": list(group.users),
    }


def view_json(view: View, config: WorkspaceConfig) -> Json:
    """A view as views.* and interaction payloads carry it."""
    keys = config.credentials
    empty: Json = {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "title": None,
        "submit": None,
        "close": None,
        "clear_on_close": False,
        "notify_on_close": False,
        "submit_disabled": False,
    }
    return {
        **empty,
        **view.content,
        "id": view.id,
        "team_id": config.team_id,
        "state": {"values": view.values},
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id or None,
        "app_id": keys.app_id,
        "app_installed_team_id": config.team_id,
        "bot_id": keys.bot_id,
    }


def app_json(config: WorkspaceConfig, *, connected: bool) -> Json:
    """The app as the page lists it."""
    manifest = config.manifest
    commands = [
        {"command": one.command, "description": one.description, "usage_hint": one.usage_hint}
        for one in manifest.commands
    ]
    shortcuts = [
        {"name": one.name, "callback_id": one.callback_id, "type": one.type, "description": one.description}
        for one in manifest.shortcuts
    ]
    return {
        "id": config.credentials.app_id,
        "name": manifest.name,
        "bot_user": config.credentials.bot_user,
        "connected": connected,
        "home": manifest.home_tab,
        "commands": commands,
        "shortcuts": shortcuts,
    }


def with_ids(blocks: list[Json] | None) -> list[Json] | None:
    """Blocks with the block ids and action ids filled in that the app left out, as Slack does."""
    return None if blocks is None else [_with_ids(block) for block in blocks]


def _with_ids(block: Json) -> Json:
    filled = {**block, "block_id": block.get("block_id") or secrets.token_urlsafe(4)}
    if block["type"] == "actions":
        filled["elements"] = [_with_action_id(element) for element in block["elements"]]
    for slot in ("accessory", "element"):
        if isinstance(block.get(slot), dict) and block[slot]["type"] != "image":
            filled[slot] = _with_action_id(block[slot])
    return filled


def _with_action_id(element: Any) -> Json:
    return {**element, "action_id": element.get("action_id") or secrets.token_urlsafe(4)}
