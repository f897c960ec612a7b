"""chat.*, reactions.* and usergroups.* of the Web API.

Source: docs.slack.dev, a page for each: "reference/methods/chat.postMessage" and so on.
"""

from dataclasses import replace
from typing import Final

from bot.workspace.arguments import Arguments
from bot.workspace.desk import Desk
from bot.workspace.errors import Refused
from bot.workspace.limits import check_message
from bot.workspace.methods_conversations import group, readable, the_channel, writable
from bot.workspace.model import GroupSaved, Json, Message, MessageChanged
from bot.workspace.render import group_json, message_json


def post_message(desk: Desk, arguments: Arguments) -> Json:
    """chat.postMessage: in a thread with `thread_ts`, in the channel as well with `reply_broadcast`.

    Raises Refused(channel_not_found, not_in_channel, thread_not_found, or a limit of the content).
    """
    channel = writable(desk, arguments)
    fields: Json = {}
    if thread := arguments.text("thread_ts"):
        fields["thread_ts"] = _thread_of(desk, channel.id, thread)
        if arguments.flag("reply_broadcast"):
            fields["subtype"] = "thread_broadcast"
    message = desk.post_as_app(channel.id, _content(arguments), **fields)
    shown = message_json(desk.state, message, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": shown}


def post_ephemeral(desk: Desk, arguments: Arguments) -> Json:
    """chat.postEphemeral: only `user` sees it, who must be in the channel. Raises Refused(user_not_in_channel)."""
    channel = writable(desk, arguments)
    user = arguments.text("user", needed="invalid_arguments")
    if user not in desk.state.users or user not in channel.members:
        raise Refused("user_not_in_channel")
    thread = arguments.text("thread_ts")
    message = desk.post_as_app(channel.id, _content(arguments), only_for=user, thread_ts=thread)
    return {"message_ts": message.ts}


def update(desk: Desk, arguments: Arguments) -> Json:
    """chat.update: replace the whole content of one's own message; only metadata may be left out and stays.

    Raises Refused(message_not_found, cant_update_message, or a limit of the content).
    """
    message = _own(desk, arguments, "cant_update_message")
    content = _content(arguments)
    if content["metadata"] is None:
        # Metadata stays unless it is replaced; everything else that is left out goes.
        del content["metadata"]
    changed = desk.change(message, content)
    shown = message_json(desk.state, changed)
    return {"channel": message.channel, "ts": message.ts, "text": changed.text, "message": shown}


def delete(desk: Desk, arguments: Arguments) -> Json:
    """chat.delete: take one's own message away. Raises Refused(message_not_found, cant_delete_message)."""
    message = _own(desk, arguments, "cant_delete_message")
    desk.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def permalink(desk: Desk, arguments: Arguments) -> Json:
    """chat.getPermalink: the address at which the page shows a message. Raises Refused(message_not_found)."""
    channel = the_channel(desk, arguments)
    ts = arguments.text("message_ts", needed="message_not_found")
    if (channel.id, ts) not in desk.state.messages:
        raise Refused("message_not_found")
    return {"channel": channel.id, "permalink": f"{desk.url}archives/{channel.id}/p{ts.replace('.', '')}"}


def add_reaction(desk: Desk, arguments: Arguments) -> Json:
    """reactions.add: the emoji `name`, with or without colons, as the bot.

    Raises Refused(message_not_found, already_reacted).
    """
    message, name = _reacted(desk, arguments)
    users = message.reactions.get(name, [])
    if desk.keys.bot_user in users:
        raise Refused("already_reacted")
    reactions = {**message.reactions, name: [*users, desk.keys.bot_user]}
    desk.record(MessageChanged(replace(message, reactions=reactions), reaction=True))
    return {}


def remove_reaction(desk: Desk, arguments: Arguments) -> Json:
    """reactions.remove: take the bot's own emoji back. Raises Refused(message_not_found, no_reaction)."""
    message, name = _reacted(desk, arguments)
    users = message.reactions.get(name, [])
    if desk.keys.bot_user not in users:
        raise Refused("no_reaction")
    left = [user for user in users if user != desk.keys.bot_user]
    others = {key: value for key, value in message.reactions.items() if key != name}
    reactions = {**others, name: left} if left else others
    desk.record(MessageChanged(replace(message, reactions=reactions), reaction=True))
    return {}


def list_groups(desk: Desk, _arguments: Arguments) -> Json:
    """usergroups.list: all user groups with their users, as if `include_users` were always set."""
    return {"usergroups": [group_json(one, desk.config.team_id) for one in desk.state.groups.values()]}


def list_group_users(desk: Desk, arguments: Arguments) -> Json:
    """usergroups.users.list: the ids of the users of a group. Raises Refused(no_such_subteam)."""
    return {"users": list(group(desk, arguments).users)}


def update_group_users(desk: Desk, arguments: Arguments) -> Json:
    """usergroups.users.update: put `users` in place of all users of a group.

    Raises Refused(no_such_subteam, no_users_provided, invalid_users).
    """
    found = group(desk, arguments)
    users = tuple(arguments.listing("users"))
    if not users:
        # Slack has no way to empty a user group; an app that tries must disable it instead.
        raise Refused("no_users_provided")
    if any(user not in desk.state.users for user in users):
        raise Refused("invalid_users")
    changed = replace(found, users=users)
    desk.record(GroupSaved(changed))
    return {"usergroup": group_json(changed, desk.config.team_id)}


def _content(arguments: Arguments) -> Json:
    content = {
        "text": arguments.text("text"),
        "blocks": arguments.structure("blocks", broken="invalid_blocks_format"),
        "attachments": arguments.structure("attachments", broken="invalid_attachments"),
        "metadata": arguments.structure("metadata", broken="invalid_metadata_format"),
    }
    if markdown := arguments.text("markdown_text"):
        if content["text"] or content["blocks"]:
            raise Refused("markdown_text_conflict")
        content |= {"text": markdown, "blocks": [{"type": "markdown", "text": markdown}]}
    if refusal := check_message(content):
        raise Refused.of(refusal)
    return content


def _thread_of(desk: Desk, channel: str, ts: str) -> str:
    """The parent of the thread that `ts` is in: a reply to a reply goes to the same thread."""
    found = desk.state.messages.get((channel, ts))
    if found is None or found.only_for:
        raise Refused("thread_not_found")
    return found.thread_ts or found.ts


def _own(desk: Desk, arguments: Arguments, not_ours: str) -> Message:
    """The app's own message that the call names. Ephemeral messages cannot be reached by ts, as in Slack."""
    channel = the_channel(desk, arguments)
    message = desk.state.messages.get((channel.id, arguments.text("ts", needed="message_not_found")))
    if message is None or message.only_for or message.subtype == "tombstone":
        raise Refused("message_not_found")
    if message.user != desk.keys.bot_user:
        raise Refused(not_ours)
    return message


def _reacted(desk: Desk, arguments: Arguments) -> tuple[Message, str]:
    channel = readable(desk, arguments)
    name = arguments.text("name", needed="invalid_name").strip(":")
    message = desk.state.messages.get((channel.id, arguments.text("timestamp", needed="no_item_specified")))
    if message is None or message.only_for:
        raise Refused("message_not_found")
    return message, name


METHODS: Final = {
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.getPermalink": permalink,
    "reactions.add": add_reaction,
    "reactions.remove": remove_reaction,
    "usergroups.list": list_groups,
    "usergroups.users.list": list_group_users,
    "usergroups.users.update": update_group_users,
}
