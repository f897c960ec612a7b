"""`/webhooks/github`, `/webhooks/gitlab` and `/webhooks/NAME`: who sends is proven first, then it is read.

A sender is answered as soon as its wish is written down: GitHub waits ten seconds, GitLab as long as it is set to.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import msgspec
from aiohttp import web

from bot.inputs.webhooks.generic import read_generic
from bot.inputs.webhooks.github import read_deployment, read_workflow_run
from bot.inputs.webhooks.gitlab import read_pipeline
from bot.inputs.webhooks.signatures import named_by, signed_by, stamped, timely
from bot.inputs.webhooks.wish import Nothing, Wish
from bot.settings.triggers import Trigger
from storage.errors import StorageError

log = logging.getLogger(__name__)

ROOT: Final = "/webhooks"
LARGEST_BODY: Final = 1024 * 1024
"""GitHub sends up to 25 MiB; the events that are read here are far below this."""
LONGEST_ID: Final = 200
READS: Final = {"workflow_run": read_workflow_run, "deployment": read_deployment}


class Taker(Protocol):
    """The inbox, as this room needs it."""

    async def known(self, delivery: str) -> bool: ...

    async def take(self, delivery: str, wishes: list[Wish]) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers work with."""

    triggers: Sequence[Trigger]
    inbox: Taker
    now: Callable[[], datetime]


class Refusal(Exception):
    """The delivery is not taken."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


Receive = Callable[[Parts, web.Request, bytes], Awaitable[web.Response]]


def add_webhooks(app: web.Application, parts: Parts) -> None:
    """Serve the three addresses."""
    app.router.add_post(f"{ROOT}/github", _guarded(parts, _github))
    app.router.add_post(f"{ROOT}/gitlab", _guarded(parts, _gitlab))
    app.router.add_post(f"{ROOT}/{{name}}", _guarded(parts, _generic))


def _guarded(parts: Parts, receive: Receive) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return await receive(parts, request, await _body(request))
        except Refusal as refusal:
            log.info("a delivery to %r is refused: %s", request.path[:100], refusal)
            return _say(refusal.status, {"error": str(refusal)})
        except StorageError as failure:
            return _say(503, {"error": f"{failure} Send it again later."})

    return answer


async def _body(request: web.Request) -> bytes:
    parts: list[bytes] = []
    left = LARGEST_BODY
    try:
        async for part in request.content.iter_any():
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise Refusal(413, f"The body is larger than {LARGEST_BODY // 1024} KiB.")
    except web.RequestPayloadError as error:
        raise Refusal(400, "The body is not what Content-Encoding says; send it as it is.") from error
    return b"".join(parts)


async def _github(parts: Parts, request: web.Request, body: bytes) -> web.Response:
    mine = [one for one in parts.triggers if one.kind == "github"]
    senders = signed_by(mine, body, request.headers.get("X-Hub-Signature-256", ""))
    if not senders:
        raise Refusal(401, "X-Hub-Signature-256 is no signature by a trigger's secret; compare the secrets.")
    event, delivery = request.headers.get("X-GitHub-Event", "")[:40], _delivery(request, "X-GitHub-Delivery")
    if event == "ping":
        return _say(200, {"pong": [one.name for one in senders]})
    if event not in READS:
        return _say(200, {"ignored": f"events {event!r} mean nothing here; {' and '.join(READS)} do"})
    _check_json(request)
    read = READS[event]
    return await _take(parts, f"github:{delivery}", lambda: read(body, senders, now=parts.now()))


async def _gitlab(parts: Parts, request: web.Request, body: bytes) -> web.Response:
    mine = [one for one in parts.triggers if one.kind == "gitlab"]
    senders = named_by(mine, request.headers.get("X-Gitlab-Token", ""))
    if not senders:
        raise Refusal(401, "X-Gitlab-Token is no trigger's secret; compare the secrets.")
    event, delivery = request.headers.get("X-Gitlab-Event", "")[:40], _delivery(request, "X-Gitlab-Event-UUID")
    if event != "Pipeline Hook":
        return _say(200, {"ignored": f"events {event!r} mean nothing here; 'Pipeline Hook' does"})
    _check_json(request)
    return await _take(parts, f"gitlab:{delivery}", lambda: read_pipeline(body, senders, now=parts.now()))


async def _generic(parts: Parts, request: web.Request, body: bytes) -> web.Response:
    name = request.match_info["name"]
    mine = [one for one in parts.triggers if one.kind == "generic" and one.name == name]
    if not mine:
        raise Refusal(404, "There is no trigger of kind generic with this name.")
    timestamp, delivery = request.headers.get("X-Timestamp", ""), request.headers.get("X-Delivery", "")
    signed = stamped(timestamp, delivery, body)
    if not signed_by(mine, signed, request.headers.get("X-Signature-256", "")):
        raise Refusal(401, "X-Signature-256 is not the signature of X-Timestamp.X-Delivery.body by the secret.")
    if not timely(timestamp, now=parts.now()):
        raise Refusal(
            401, "X-Timestamp is not within 5 minutes of now; send the seconds since 1970, and set the clock."
        )
    delivery = _delivery(request, "X-Delivery")
    _check_json(request)
    return await _take(parts, f"{name}:{delivery}", lambda: read_generic(body, mine[0], delivery))


def _delivery(request: web.Request, header: str) -> str:
    delivery = request.headers.get(header, "")
    if not (1 <= len(delivery) <= LONGEST_ID and delivery.isascii() and delivery.isprintable()):
        raise Refusal(400, f"{header} has to be 1 to {LONGEST_ID} printable characters, new for each delivery.")
    return delivery


def _check_json(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise Refusal(415, f"The body is {request.content_type[:80]!r}; choose application/json where it is sent.")


async def _take(parts: Parts, delivery: str, read: Callable[[], list[Wish] | Nothing]) -> web.Response:
    if await parts.inbox.known(delivery):
        return _say(200, {"taken": "already taken"})
    try:
        found = read()
    except msgspec.ValidationError as error:
        raise Refusal(422, f"The body is not what it should be: {_short(error)}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"The body is no JSON: {_short(error)}.") from error
    if isinstance(found, Nothing):
        log.info("%s is ignored: %s", delivery, found.reason)
        return _say(200, {"ignored": found.reason})
    requests = await parts.inbox.take(delivery, found)
    return _say(202, {"requests": requests}) if requests else _say(200, {"taken": "already taken"})


def _short(error: Exception) -> str:
    return str(error).rstrip(".")[:300]


def _say(status: int, value: Mapping[str, object]) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
