"""HTTP events mode: signed deliveries at /slack/events, checked before bolt sees them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp

from bot.inputs.slack.signature import refusal

log = logging.getLogger(__name__)

PATH: Final = "/slack/events"


def add_slack_routes(web_app: web.Application, app: AsyncApp, secret: str, *, now: Callable[[], datetime]) -> None:
    """Serve `app` at PATH. Without a secret every delivery is refused, for nobody could tell whose it is."""

    async def deliver(request: web.Request) -> web.StreamResponse:
        reason = refusal(
            secret=secret,
            timestamp=request.headers.get("X-Slack-Request-Timestamp", ""),
            signature=request.headers.get("X-Slack-Signature", ""),
            body=await request.read(),
            now=now(),
        )
        if reason:
            log.warning("a delivery was refused: %s", reason)
            return web.json_response({"error": f"Refused: {reason}."}, status=401)
        try:
            answer = await app.async_dispatch(await to_bolt_request(request))
        except Exception:
            # bolt raises on what it can't read, also while it handles what it raised.
            log.exception("a delivery could not be read")
            return web.json_response({"error": "This delivery can't be read."}, status=400)
        return await to_aiohttp_response(answer)

    web_app.router.add_post(PATH, deliver)
