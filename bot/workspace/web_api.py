"""The Web API: tokens, scopes, rates, faults on order, and the table of methods.

Every answer is HTTP 200 with `ok`, as in Slack, save for 429 and the faults. A method that Slack has and this
workspace does not answers `unknown_method`, so a gap shows itself.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from bot.workspace import methods_chat, methods_conversations, methods_views
from bot.workspace.arguments import Arguments, read_arguments
from bot.workspace.desk import Desk
from bot.workspace.errors import Refused
from bot.workspace.faults import ApiCall, Planned
from bot.workspace.model import Json

Method = Callable[[Desk, Arguments], Json]

ANY_CHANNEL: Final = frozenset({"channels:read", "groups:read", "im:read", "mpim:read"})
ANY_HISTORY: Final = frozenset({"channels:history", "groups:history", "im:history", "mpim:history"})
MANAGE: Final = frozenset({"channels:manage", "groups:write", "im:write", "mpim:write"})
SCOPES: Final[dict[str, frozenset[str]]] = {
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "chat.delete": frozenset({"chat:write"}),
    "reactions.add": frozenset({"reactions:write"}),
    "reactions.remove": frozenset({"reactions:write"}),
    "conversations.list": ANY_CHANNEL,
    "conversations.info": ANY_CHANNEL,
    "conversations.members": ANY_CHANNEL,
    "users.conversations": ANY_CHANNEL,
    "conversations.history": ANY_HISTORY,
    "conversations.replies": ANY_HISTORY,
    "conversations.open": frozenset({"im:write", "mpim:write", "channels:manage", "groups:write"}),
    "conversations.join": frozenset({"channels:join"}),
    "conversations.invite": MANAGE | {"channels:write.invites", "groups:write.invites"},
    "conversations.create": MANAGE,
    "conversations.setTopic": MANAGE | {"channels:write.topic", "groups:write.topic", "im:write.topic"},
    "conversations.setPurpose": MANAGE,
    "users.info": frozenset({"users:read"}),
    "users.list": frozenset({"users:read"}),
    "users.lookupByEmail": frozenset({"users:read.email"}),
    "team.info": frozenset({"team:read"}),
    "usergroups.list": frozenset({"usergroups:read"}),
    "usergroups.users.list": frozenset({"usergroups:read"}),
    "usergroups.users.update": frozenset({"usergroups:write"}),
}
"""Any one of these scopes opens a method; a method not listed needs none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is HTTP. `retry_after` is in seconds, 0 for none."""

    body: Json
    status: int = 200
    retry_after: int = 0

    def response(self) -> web.Response:
        """The answer as JSON, with Retry-After if one must wait."""
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return web.json_response(self.body, status=self.status, headers=headers)


class WebApi:
    """Answers ``/api/{method}``. `open_socket` gives the one-use address for Socket Mode."""

    def __init__(self, desk: Desk, open_socket: Callable[[], str]) -> None:
        self._desk = desk
        self._open_socket = open_socket
        self._methods: dict[str, Method] = {
            "api.test": _api_test,
            "auth.test": _auth_test,
            "apps.connections.open": self._connections_open,
            **methods_chat.METHODS,
            **methods_conversations.METHODS,
            **methods_views.METHODS,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method, came = request.match_info["method"], self._desk.now()
        try:
            arguments = await read_arguments(request)
        except Refused as refused:
            return _refusal(refused).response()
        planned = self._desk.faults.meet(method, arguments.text("channel"))
        if planned is None:
            reply = self._answer(request, method, arguments)
            self._log(method, arguments, came, reply)
        else:
            reply = await self._spoiled(planned, request, method, arguments)
        return reply.response()

    async def _spoiled(self, planned: Planned, request: web.Request, method: str, arguments: Arguments) -> Reply:
        """Meet a call with the trouble that a test ordered."""
        came = self._desk.now()
        match planned.trouble:
            case "ratelimited":
                reply = Reply({"ok": False, "error": "ratelimited"}, 429, planned.retry_after)
            case "drop_after":
                self._answer(request, method, arguments)
                reply = Reply({"ok": False, "error": "connection_dropped"}, 0)
            case "drop" | "hang":
                reply = Reply({"ok": False, "error": f"connection_{planned.trouble}"}, 0)
            case "error":
                reply = Reply({"ok": False, "error": "internal_error"}, 500)
        self._log(method, arguments, came, reply)
        if planned.trouble == "hang":
            await self._desk.faults.released.wait()
        elif reply.status == 0 and request.transport is not None:
            request.transport.close()
        return replace(reply, status=reply.status or 500)

    def _answer(self, request: web.Request, method: str, arguments: Arguments) -> Reply:
        try:
            return Reply({"ok": True, **self._call(request, method, arguments)})
        except Refused as refused:
            return _refusal(refused)

    def _call(self, request: web.Request, method: str, arguments: Arguments) -> Json:
        handler = self._methods.get(method)
        if handler is None:
            raise Refused("unknown_method", extra={"req_method": method})
        if method != "api.test":
            self._admit(request, method, arguments)
        channel = self._desk.state.find_channel(arguments.text("channel"))
        wait = self._desk.meter.wait(method, channel.id if channel else "", time.monotonic())
        if wait:
            raise Refused("ratelimited", status=429, extra={"retry_after": wait})
        return handler(self._desk, arguments)

    def _admit(self, request: web.Request, method: str, arguments: Arguments) -> None:
        """Check token and scopes. Raises Refused."""
        keys, token = self._desk.keys, _token(request, arguments)
        if not token:
            raise Refused("not_authed")
        if token not in (keys.bot_token, keys.app_token):
            raise Refused("invalid_auth")
        needs_app = method == "apps.connections.open"
        if (token == keys.app_token) != needs_app and method != "auth.test":
            raise Refused("not_allowed_token_type")
        held, needed = self._desk.config.manifest.scopes, SCOPES.get(method, frozenset())
        if held is not None and needed and not held & needed:
            extra = {"needed": ",".join(sorted(needed)), "provided": ",".join(sorted(held))}
            raise Refused("missing_scope", extra=extra)

    def _connections_open(self, _desk: Desk, _arguments: Arguments) -> Json:
        return {"url": self._open_socket()}

    def _log(self, method: str, arguments: Arguments, came: float, reply: Reply) -> None:
        values = {name: value for name, value in arguments.values.items() if name != "token"}
        error = str(reply.body.get("error", ""))
        self._desk.faults.calls.append(ApiCall(method, values, came, self._desk.now(), reply.status, error))


def _api_test(_desk: Desk, arguments: Arguments) -> Json:
    if error := arguments.text("error"):
        raise Refused(error, extra={"args": arguments.values})
    return {"args": arguments.values}


def _auth_test(desk: Desk, _arguments: Arguments) -> Json:
    bot = desk.state.users[desk.keys.bot_user]
    return {
        "url": desk.url,
        "team": desk.config.team_name,
        "user": bot.name,
        "team_id": desk.config.team_id,
        "user_id": bot.id,
        "bot_id": desk.keys.bot_id,
        "app_id": desk.keys.app_id,
        "is_enterprise_install": False,
    }


def _token(request: web.Request, arguments: Arguments) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else arguments.text("token")


def _refusal(refused: Refused) -> Reply:
    extra = dict(refused.extra)
    retry_after = extra.pop("retry_after", 0)
    return Reply({"ok": False, "error": refused.error, **extra}, refused.status, retry_after)
