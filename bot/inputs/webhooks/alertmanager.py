"""`/webhooks/alertmanager`: what an Alertmanager elsewhere tells its webhook receiver, version 4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from aiohttp import web

from alerting.alerts.intake import Taken
from alerting.alerts.posted import BadBody, Fault
from bot.inputs.pushing import TooLarge, is_json, pusher, read_body
from bot.web.access import Access, challenge
from engine.errors import Denied, Refused
from engine.security.identity import Directory
from storage.errors import StorageError

PATH: Final = "/webhooks/alertmanager"


class WebhookIntake(Protocol):
    """Takes a payload."""

    async def webhook(self, body: bytes) -> Taken: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handler works with."""

    access: Access
    directory: Callable[[], Directory]
    intake: WebhookIntake


def add_alertmanager_webhook(app: web.Application, parts: Parts) -> None:
    """Serve the address. A sender elsewhere authenticates by a bearer token."""

    async def receive(request: web.Request) -> web.Response:
        try:
            return await _receive(parts, request)
        except Refused as refusal:
            status = 403 if isinstance(refusal, Denied) else 401
            return _said(status, str(refusal), challenge(status))
        except TooLarge as large:
            return _said(413, str(large))
        except web.RequestPayloadError:
            return _said(400, "the body is not what its headers say; send it as its Content-Encoding says")
        except BadBody as wrong:
            return _said(400 if wrong.fault is Fault.UNREADABLE else 422, wrong.reason)
        except StorageError as failure:
            # Alertmanager tries again on 5xx.
            return _said(503, str(failure))

    app.router.add_post(PATH, receive)


async def _receive(parts: Parts, request: web.Request) -> web.Response:
    await pusher(parts.access, parts.access.knock(request), parts.directory())
    if not is_json(request):
        return _said(415, f"The body is {request.content_type[:80]}; send application/json.")
    taken = await parts.intake.webhook(await read_body(request))
    if taken.problems:
        return _said(422, f"{taken.accepted} alerts were taken; the others not: {taken.told}")
    return _answer(200, {"accepted": taken.accepted})


def _said(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return _answer(status, {"error": message}, headers)


def _answer(status: int, value: object, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(
        body=body,
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"} | (headers or {}),
    )
