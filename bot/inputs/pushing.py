"""What the doors have in common that programs push to: who may, how much, and how it is read."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from bot.web.access import WAY_IN, Access, Caller, Knock
from engine.errors import Denied, Unauthenticated
from engine.security.identity import Directory
from engine.security.permissions import Permission, allowed, denied

LARGEST_BODY: Final = 32 * 1024 * 1024


class TooLarge(Exception):
    """The body is larger than is read."""

    def __init__(self) -> None:
        super().__init__(f"the body is larger than {LARGEST_BODY // 1024**2} MiB; send it in parts")


async def pusher(access: Access, knock: Knock, directory: Directory) -> Caller:
    """Who pushes: a program on this machine, or anybody with a token or session who may act on alerts.

    Raises Unauthenticated, and Denied for a page of another site, which could make a browser here send it.
    """
    if not knock.authorization and not access.same_origin(knock) and (knock.fetch_site or knock.origin):
        raise Denied("Another site sent this request.", "Do it on the board itself, or use a token.")
    if not knock.authorization and not knock.cookie:
        return await _of_this_machine(access, knock)
    caller = await access.doer(knock)
    if caller.person is not None and not allowed(caller.person, Permission.ACKNOWLEDGE, None):
        raise denied(caller.person, Permission.ACKNOWLEDGE, None, directory.people)
    return caller


async def _of_this_machine(access: Access, knock: Knock) -> Caller:
    caller = await access.scraper(knock)
    if caller.by != "machine":
        raise Unauthenticated("You are not signed in.", WAY_IN)
    return caller


def is_json(request: web.Request) -> bool:
    """Whether the sender says that it sends JSON. A form of another site cannot."""
    return request.content_type == "application/json"


async def read_body(request: web.Request) -> bytes:
    """The whole body, read without the server's own, lower limit. Raises TooLarge."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise TooLarge
    parts: list[bytes] = []
    left = LARGEST_BODY
    async for part in request.content.iter_any():
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise TooLarge
    return parts[0] if len(parts) == 1 else b"".join(parts)
