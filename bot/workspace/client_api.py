"""The API of the workspace's own page: JSON over HTTP, for one who acts as a workspace user.

There is no sign-in: the workspace is for trying an app on one's own machine. Answers carry `ok`; a refused
call has `error` with a short code.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from aiohttp import web

from bot.workspace.acts import Acts
from bot.workspace.arguments import Arguments
from bot.workspace.deliver import Deliverer
from bot.workspace.desk import Desk
from bot.workspace.errors import Refused
from bot.workspace.model import Channel, ChannelSaved, Json, Message, ReadMarked, User, View
from bot.workspace.render import app_json, client_channel, client_message, color, initials, view_json

PAGE: Final = 50
LONGEST_PAGE: Final = 500

Handler = Callable[[Arguments], Awaitable[Json]]


class ClientApi:
    """The routes under ``/client/``."""

    def __init__(self, desk: Desk, acts: Acts, deliverer: Deliverer) -> None:
        self._desk = desk
        self._acts = acts
        self._deliverer = deliverer

    def routes(self) -> list[web.RouteDef]:
        """GET for what only looks, POST for acts; the last part of each address is its key here."""
        reads = {
            "boot": self.boot,
            "messages": self.messages,
            "thread": self.thread,
            "home": self.home,
        }
        writes = {
            "message": self.say,
            "action": self.action,
            "view_submit": self.submit,
            "view_close": self.close,
            "shortcut": self.shortcut,
            "options": self.options,
            "read": self.read,
            "join": self.join,
        }
        return [
            *(web.get(f"/client/{name}", _reading(handler)) for name, handler in reads.items()),
            *(web.post(f"/client/{name}", _writing(handler)) for name, handler in writes.items()),
        ]

    async def boot(self, arguments: Arguments) -> Json:
        """Everything that the page shows first; without a user, as the first person of the workspace."""
        desk = self._desk
        user = self._user(arguments) if arguments.text("user") else desk.state.users[desk.config.people[0].id]
        for other in list(desk.state.users.values()):
            if other.id != user.id:
                desk.open_im(user.id, other.id)
        seen = [one for one in desk.state.channels.values() if not one.is_im or user.id in one.members]
        return {
            "team": {"id": desk.config.team_id, "name": desk.config.team_name},
            "users": [_person(one) for one in desk.state.users.values()],
            "people": [person.id for person in desk.config.people],
            "you": user.id,
            "channels": [client_channel(desk.state, one, user.id) for one in seen],
            "apps": [app_json(desk.config, connected=self._deliverer.connected)],
            "views": [view_json(one, desk.config) for one in desk.state.views.values() if one.user == user.id],
            "last_event_id": desk.hub.last_id,
        }

    async def messages(self, arguments: Arguments) -> Json:
        """The newest messages of a channel, or those before a ts; oldest first."""
        user, channel = self._user(arguments), self._channel(arguments)
        before, limit = arguments.text("before") or "~", arguments.number("limit", PAGE, LONGEST_PAGE)
        found: list[Message] = []
        for ts in reversed(self._desk.state.timeline.get(channel.id, ())):
            message = self._desk.state.messages[channel.id, ts]
            if ts < before and message.visible_to(user.id):
                found.append(message)
            if len(found) > limit:
                break
        return {"messages": self._shown(found[:limit][::-1]), "has_more": len(found) > limit}

    async def thread(self, arguments: Arguments) -> Json:
        """A message and the replies under it."""
        user, channel = self._user(arguments), self._channel(arguments)
        parent = self._message(channel, arguments.text("ts"), user)
        replies = [one for one in self._desk.state.thread(channel.id, parent.ts) if one.visible_to(user.id)]
        return {"messages": self._shown([parent, *replies])}

    async def home(self, arguments: Arguments) -> Json:
        """The person's Home tab; opening it tells the app."""
        user = self._user(arguments)
        if arguments.text("app") not in ("", self._desk.keys.app_id):
            raise Refused("app_not_found")
        home = self._acts.open_home(user)
        return {"view": view_json(home, self._desk.config) if home else None}

    async def say(self, arguments: Arguments) -> Json:
        """Send what was typed, a message or a command, into a channel or with `thread_ts` into a thread."""
        user, channel = self._user(arguments), self._channel(arguments)
        return await self._acts.say(user, channel, arguments.text("text"), arguments.text("thread_ts"))

    async def action(self, arguments: Arguments) -> Json:
        """Use the element `action` of the message or view in `container`; `state.values` is what its inputs hold.

        The answer's `delivery` says whether the app acked, and after how many milliseconds.
        """
        user, place = self._user(arguments), self._place(arguments)
        action, values = _mapping(arguments, "action"), _values(arguments)
        if isinstance(place, View):
            answer = await self._acts.use(user, place, action, values)
        else:
            answer = await self._acts.click(user, place, action, values)
        return {"delivery": answer.report()}

    async def submit(self, arguments: Arguments) -> Json:
        """Submit a modal. The answer has `response_action: errors` and `errors` by block id if the form must stay."""
        return await self._acts.submit(self._user(arguments), self._modal(arguments), _values(arguments))

    async def close(self, arguments: Arguments) -> Json:
        """Close a modal. Raises Refused(view_not_found), also for the modal of somebody else."""
        await self._acts.close(self._user(arguments), self._modal(arguments))
        return {}

    async def shortcut(self, arguments: Arguments) -> Json:
        """Use the shortcut `callback_id`, on a message if `channel` and `message_ts` name one."""
        user, message = self._user(arguments), None
        if arguments.text("message_ts"):
            message = self._message(self._channel(arguments), arguments.text("message_ts"), user)
        answer = await self._acts.shortcut(user, arguments.text("callback_id"), message)
        return {"delivery": answer.report()}

    async def options(self, arguments: Arguments) -> Json:
        """The `options` or `option_groups` that the app offers for the text `value` in an external select."""
        user, place = self._user(arguments), self._place(arguments)
        ids = arguments.text("action_id"), arguments.text("block_id")
        return await self._acts.options(user, *ids, arguments.text("value"), place)

    async def read(self, arguments: Arguments) -> Json:
        """Mark a channel as read up to `ts`. The mark never goes back."""
        user, channel = self._user(arguments), self._channel(arguments)
        ts = arguments.text("ts")
        if ts > self._desk.state.reads.get((user.id, channel.id), ""):
            self._desk.record(ReadMarked(user.id, channel.id, ts))
        return {}

    async def join(self, arguments: Arguments) -> Json:
        """Join a public channel, such as one that the app made."""
        user, channel = self._user(arguments), self._channel(arguments)
        if user.id not in channel.members:
            channel = replace(channel, members=(*channel.members, user.id))
            self._desk.record(ChannelSaved(channel))
        return {"channel": client_channel(self._desk.state, channel, user.id)}

    def _user(self, arguments: Arguments) -> User:
        user = self._desk.state.users.get(arguments.text("user"))
        if user is None or user.is_bot:
            raise Refused("user_not_found")
        return user

    def _channel(self, arguments: Arguments, name: str = "") -> Channel:
        channel = self._desk.state.find_channel(name or arguments.text("channel"))
        if channel is None or (channel.is_im and arguments.text("user") not in channel.members):
            raise Refused("channel_not_found")
        return channel

    def _message(self, channel: Channel, ts: str, user: User) -> Message:
        message = self._desk.state.messages.get((channel.id, ts))
        if message is None or not message.visible_to(user.id):
            raise Refused("message_not_found")
        return message

    def _modal(self, arguments: Arguments) -> View:
        view = self._desk.state.views.get(arguments.text("view_id"))
        if view is None or view.user != arguments.text("user"):
            raise Refused("view_not_found")
        return view

    def _place(self, arguments: Arguments) -> Message | View:
        """The message or view that `container` names."""
        user, container = self._user(arguments), Arguments(_mapping(arguments, "container"))
        if container.text("type") == "message":
            channel = self._channel(arguments, container.text("channel"))
            return self._message(channel, container.text("message_ts"), user)
        home = self._desk.state.homes.get(user.id)
        if home is not None and home.id == container.text("view_id"):
            return home
        return self._modal(Arguments({"user": user.id, "view_id": container.text("view_id")}))

    def _shown(self, messages: list[Message]) -> list[Json]:
        return [client_message(self._desk.state, message) for message in messages]


def _person(user: User) -> Json:
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "is_bot": user.is_bot,
        "color": f"#{color(user.id)}",
        "initials": initials(user),
    }


def _mapping(arguments: Arguments, name: str) -> Json:
    value = arguments.values.get(name)
    if not isinstance(value, dict):
        raise Refused(f"no_{name}")
    return value


def _values(arguments: Arguments) -> Json:
    state = arguments.values.get("state") or {}
    values = state.get("values") if isinstance(state, dict) else None
    return values if isinstance(values, dict) else {}


def _reading(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await _answered(handler, Arguments(dict(request.query)))

    return handle


def _writing(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        # Only JSON: a form of a strange site could not send it without the browser asking us first.
        if request.content_type != "application/json":
            return web.json_response({"ok": False, "error": "json_needed"}, status=415)
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return web.json_response({"ok": False, "error": "invalid_json"}, status=400)
        return await _answered(handler, Arguments(body))

    return handle


async def _answered(handler: Handler, arguments: Arguments) -> web.Response:
    try:
        return web.json_response({"ok": True, **await handler(arguments)})
    except Refused as refused:
        return web.json_response({"ok": False, "error": refused.error, **refused.extra})
