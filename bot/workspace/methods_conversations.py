"""conversations.*, users.* and team.* of the Web API, and how a call names a channel.

Source: docs.slack.dev, a page for each: "reference/methods/conversations.list" and so on.
"""

import re
from dataclasses import replace
from typing import Final

from bot.workspace.arguments import Arguments, page
from bot.workspace.desk import Desk, new_id
from bot.workspace.errors import Refused
from bot.workspace.model import Channel, ChannelSaved, Group, Json, Message, User
from bot.workspace.render import channel_json, message_json, user_json

TOPIC_LIMIT: Final = 250


def the_channel(desk: Desk, arguments: Arguments) -> Channel:
    """The conversation that `channel` names, by id or by name. Raises Refused(channel_not_found)."""
    channel = desk.state.find_channel(arguments.text("channel", needed="channel_not_found"))
    if channel is None or (channel.is_im and desk.keys.bot_user not in channel.members):
        raise Refused("channel_not_found")
    return channel


def readable(desk: Desk, arguments: Arguments) -> Channel:
    """A conversation whose messages the app may read. Raises Refused(channel_not_found, not_in_channel)."""
    channel = the_channel(desk, arguments)
    if desk.keys.bot_user not in channel.members:
        raise Refused("not_in_channel")
    return channel


def writable(desk: Desk, arguments: Arguments) -> Channel:
    """Where the app may post: a channel it is in, any public one with chat:write.public, a direct message."""
    name = arguments.text("channel", needed="channel_not_found")
    if name in desk.state.users and name != desk.keys.bot_user:
        return desk.open_im(desk.keys.bot_user, name)
    channel = the_channel(desk, arguments)
    public = desk.config.manifest.scopes is not None and "chat:write.public" in desk.config.manifest.scopes
    if desk.keys.bot_user not in channel.members and not public:
        raise Refused("not_in_channel")
    return channel


def the_user(desk: Desk, arguments: Arguments) -> User:
    """The user whose id is in `user`, bots included. Raises Refused(user_not_found)."""
    user = desk.state.users.get(arguments.text("user", needed="user_not_found"))
    if user is None:
        raise Refused("user_not_found")
    return user


def group(desk: Desk, arguments: Arguments) -> Group:
    """The user group whose id is in `usergroup`. Raises Refused(no_such_subteam)."""
    found = desk.state.groups.get(arguments.text("usergroup", needed="no_such_subteam"))
    if found is None:
        raise Refused("no_such_subteam")
    return found


def list_channels(desk: Desk, arguments: Arguments) -> Json:
    """conversations.list: public channels, and direct messages of the bot if `types` asks for im; by pages."""
    return _channels(desk, arguments, list(desk.state.channels.values()))


def user_channels(desk: Desk, arguments: Arguments) -> Json:
    """users.conversations: as conversations.list, only those that `user` (the bot by default) is in."""
    user = arguments.text("user") or desk.keys.bot_user
    return _channels(desk, arguments, [one for one in desk.state.channels.values() if user in one.members])


def info(desk: Desk, arguments: Arguments) -> Json:
    """conversations.info: one conversation as the bot sees it. Raises Refused(channel_not_found)."""
    return {"channel": _shown(desk, the_channel(desk, arguments))}


def history(desk: Desk, arguments: Arguments) -> Json:
    """conversations.history: what the channel itself shows, newest first, between `oldest` and `latest`.

    Ephemeral messages are never in it.
    Raises Refused(channel_not_found, not_in_channel, invalid_ts_oldest, invalid_ts_latest, invalid_cursor).
    """
    channel = readable(desk, arguments)
    found = [one for one in reversed(desk.state.channel_messages(channel.id)) if _wanted(one, arguments)]
    return _messages(desk, arguments, found)


def replies(desk: Desk, arguments: Arguments) -> Json:
    """conversations.replies: the thread that the message `ts` is in, parent first, then oldest first.

    Raises Refused(channel_not_found, not_in_channel, thread_not_found, invalid_cursor).
    """
    channel = readable(desk, arguments)
    parent = desk.state.messages.get((channel.id, arguments.text("ts", needed="thread_not_found")))
    if parent is None or parent.only_for:
        raise Refused("thread_not_found")
    root = desk.state.messages.get((channel.id, parent.thread_ts or parent.ts), parent)
    found = [one for one in desk.state.thread(channel.id, root.ts) if _wanted(one, arguments)]
    return _messages(desk, arguments, [root, *found])


def open_conversation(desk: Desk, arguments: Arguments) -> Json:
    """A direct message with one user; group messages are not part of this workspace."""
    if arguments.text("channel"):
        return {"channel": {"id": the_channel(desk, arguments).id}}
    users = arguments.listing("users")
    if len(users) != 1:
        raise Refused("users_list_not_supplied" if not users else "too_many_users")
    if users[0] not in desk.state.users or users[0] == desk.keys.bot_user:
        raise Refused("user_not_found")
    known = desk.state.find_im(desk.keys.bot_user, users[0]) is not None
    channel = desk.open_im(desk.keys.bot_user, users[0])
    return {"already_open": known, "no_op": known, "channel": {"id": channel.id}}


def join(desk: Desk, arguments: Arguments) -> Json:
    """conversations.join: put the bot into a public channel; no harm if it is there.

    Raises Refused(channel_not_found, method_not_supported_for_channel_type).
    """
    channel = the_channel(desk, arguments)
    if channel.is_im:
        raise Refused("method_not_supported_for_channel_type")
    return {"channel": _shown(desk, _with_members(desk, channel, [desk.keys.bot_user]))}


def invite(desk: Desk, arguments: Arguments) -> Json:
    """conversations.invite: put `users` into a channel that the bot is in.

    Raises Refused(no_user, user_not_found, already_in_channel if all of them are there).
    """
    channel, users = readable(desk, arguments), arguments.listing("users")
    if not users or any(user not in desk.state.users for user in users):
        raise Refused("user_not_found" if users else "no_user")
    if all(user in channel.members for user in users):
        raise Refused("already_in_channel")
    return {"channel": _shown(desk, _with_members(desk, channel, users))}


def create(desk: Desk, arguments: Arguments) -> Json:
    """conversations.create: a public channel with the bot in it. Names: 1 to 80 small letters, digits, - and _.

    Raises Refused(name_taken, and invalid_name_required, _maxlength or _specials).
    """
    name = arguments.text("name", needed="invalid_name_required")
    if len(name) > 80:
        raise Refused("invalid_name_maxlength")
    if not re.fullmatch(r"[\w-]+", name) or name != name.lower():
        raise Refused("invalid_name_specials")
    if desk.state.find_channel(name) is not None:
        raise Refused("name_taken")
    bot = desk.keys.bot_user
    channel = Channel(new_id("C"), name, bot, int(desk.now()), (bot,))
    desk.record(ChannelSaved(channel))
    return {"channel": _shown(desk, channel)}


def members(desk: Desk, arguments: Arguments) -> Json:
    """conversations.members: user ids, the bot's included, by pages of `limit`. Raises Refused(channel_not_found)."""
    channel = the_channel(desk, arguments)
    found, metadata = page([{"id": user} for user in channel.members], arguments, 100, 1000)
    return {"members": [entry["id"] for entry in found], "response_metadata": metadata}


def set_topic(desk: Desk, arguments: Arguments) -> Json:
    """conversations.setTopic: at most 250 characters. Raises Refused(too_long, not_in_channel)."""
    channel, topic = readable(desk, arguments), arguments.text("topic")
    if len(topic) > TOPIC_LIMIT:
        raise Refused("too_long")
    changed = replace(channel, topic=topic)
    desk.record(ChannelSaved(changed))
    return {"channel": _shown(desk, changed), "topic": topic}


def set_purpose(desk: Desk, arguments: Arguments) -> Json:
    """conversations.setPurpose: at most 250 characters. Raises Refused(too_long, not_in_channel)."""
    channel, purpose = readable(desk, arguments), arguments.text("purpose")
    if len(purpose) > TOPIC_LIMIT:
        raise Refused("too_long")
    changed = replace(channel, purpose=purpose)
    desk.record(ChannelSaved(changed))
    return {"channel": _shown(desk, changed), "purpose": purpose}


def user_info(desk: Desk, arguments: Arguments) -> Json:
    """users.info: one user, bots and deleted ones included. Raises Refused(user_not_found)."""
    return {"user": user_json(the_user(desk, arguments), desk.config.team_id)}


def list_users(desk: Desk, arguments: Arguments) -> Json:
    """users.list: everybody, bots and deleted ones included, by pages of `limit`."""
    users = [user_json(user, desk.config.team_id) for user in desk.state.users.values()]
    found, metadata = page(users, arguments, 1000, 1000)
    return {"members": found, "response_metadata": metadata}


def user_by_email(desk: Desk, arguments: Arguments) -> Json:
    """users.lookupByEmail: the user with this address, whatever its case. Raises Refused(users_not_found)."""
    email = arguments.text("email", needed="users_not_found").lower()
    user = next((one for one in desk.state.users.values() if one.email.lower() == email), None)
    if user is None:
        raise Refused("users_not_found")
    return {"user": user_json(user, desk.config.team_id)}


def team_info(desk: Desk, _arguments: Arguments) -> Json:
    """team.info: id and name of the workspace, and the domain made of its name."""
    name = desk.config.team_name
    return {"team": {"id": desk.config.team_id, "name": name, "domain": name.lower().replace(" ", "-")}}


def _channels(desk: Desk, arguments: Arguments, channels: list[Channel]) -> Json:
    kinds = arguments.listing("types") or ["public_channel"]
    mine = [one for one in channels if not one.is_im or desk.keys.bot_user in one.members]
    wanted = [one for one in mine if ("im" if one.is_im else "public_channel") in kinds]
    found, metadata = page([_shown(desk, one) for one in wanted], arguments, 100, 1000)
    return {"channels": found, "response_metadata": metadata}


def _shown(desk: Desk, channel: Channel) -> Json:
    return channel_json(channel, desk.keys.bot_user, desk.config.team_id)


def _with_members(desk: Desk, channel: Channel, users: list[str]) -> Channel:
    newcomers = tuple(user for user in users if user not in channel.members)
    if not newcomers:
        return channel
    changed = replace(channel, members=(*channel.members, *newcomers))
    desk.record(ChannelSaved(changed))
    return changed


def _wanted(message: Message, arguments: Arguments) -> bool:
    """Inside `oldest` and `latest`, and not ephemeral: those are never in a history."""
    at, low, high = float(message.ts), arguments.moment("oldest", 0.0), arguments.moment("latest", float("inf"))
    inside = low <= at <= high if arguments.flag("inclusive") else low < at < high
    return inside and not message.only_for


def _messages(desk: Desk, arguments: Arguments, messages: list[Message]) -> Json:
    metadata = arguments.flag("include_all_metadata")
    shown = [message_json(desk.state, one, metadata=metadata) for one in messages]
    found, cursor = page(shown, arguments, 100, 999)
    return {"messages": found, "has_more": bool(cursor["next_cursor"]), "response_metadata": cursor}


METHODS: Final = {
    "conversations.list": list_channels,
    "conversations.info": info,
    "conversations.history": history,
    "conversations.replies": replies,
    "conversations.open": open_conversation,
    "conversations.join": join,
    "conversations.invite": invite,
    "conversations.create": create,
    "conversations.members": members,
    "conversations.setTopic": set_topic,
    "conversations.setPurpose": set_purpose,
    "users.info": user_info,
    "users.list": list_users,
    "users.lookupByEmail": user_by_email,
    "users.conversations": user_channels,
    "team.info": team_info,
}
