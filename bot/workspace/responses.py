"""response_url: the later answers to one interaction. Source: Slack's "Handling user interaction"."""

from dataclasses import replace

from aiohttp import web

from bot.workspace.arguments import Arguments, read_arguments
from bot.workspace.desk import Desk
from bot.workspace.errors import Refused
from bot.workspace.model import Json, ResponseUrl, ResponseUrlSaved


class Responses:
    """Answers ``/response/{team}/{token}``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._use(request.match_info["token"], await read_arguments(request))
        except Refused as refused:
            body = {"ok": False, "error": refused.error, **refused.extra}
            return web.json_response(body, status=400 if refused.status == 200 else refused.status)
        return web.json_response({"ok": True})

    def _use(self, token: str, arguments: Arguments) -> None:
        url = self._desk.state.urls.get(token)
        if url is None:
            raise Refused("invalid_url", status=404)
        if url.uses <= 0:
            raise Refused("used_url", status=404)
        if self._desk.now() > url.expires:
            raise Refused("expired_url", status=404)
        respond(self._desk, url, arguments.values)
        self._desk.record(ResponseUrlSaved(replace(url, uses=url.uses - 1)))


def respond(desk: Desk, url: ResponseUrl, body: Json) -> None:
    """Do what an answer asks for: delete or replace the original, or say something. Raises Refused."""
    arguments = Arguments(body)
    original = desk.state.messages.get((url.channel, url.message_ts))
    if arguments.flag("delete_original") and original is not None:
        desk.delete(original)
    elif arguments.flag("replace_original") and original is not None:
        desk.change(original, body)
    else:
        private = arguments.text("response_type") != "in_channel"
        thread = arguments.text("thread_ts") or url.thread_ts
        desk.post_as_app(url.channel, body, only_for=url.user if private else "", thread_ts=thread)
