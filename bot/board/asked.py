"""The page that somebody asked for before signing in, kept in the browser until they have."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from bot.web.access import Access
from engine.security.sessions import CODE_LASTS

HOME: Final = "/"
# The board's own pages and nothing else: whoever can set a cookie here leads nobody away.
_PAGE: Final = r"/(?:alerts|reports|trains|(?:deployments|trains|services)/[A-Za-z0-9._-]{1,80})?"
_OWN: Final = re.compile(_PAGE + r"(?:\?[A-Za-z0-9=&%.+~_-]{0,500})?")
_LASTS: Final = 2 * CODE_LASTS  # asking in chat for a link takes a while too


def keep_asked(response: web.StreamResponse, access: Access, path: str) -> None:
    """Let the browser keep the page that was asked for, with its query."""
    if own(path) != HOME:
        _set(response, access, path, int(_LASTS.total_seconds()))


def go_to_asked(request: web.Request, access: Access) -> web.Response:
    """Lead to the page that was asked for, or to the board; it is forgotten with that."""
    path = request.cookies.get(_name(access), "")
    response = web.Response(status=303, headers={"Location": own(path), "Cache-Control": "no-store"})
    if path:
        _set(response, access, "", 0)
    return response


def own(path: str) -> str:
    """`path` when it is a page of the board, else the board itself."""
    return path if _OWN.fullmatch(path) else HOME


def _name(access: Access) -> str:
    return f"{access.cookie}-asked"


def _set(response: web.StreamResponse, access: Access, value: str, lasts: int) -> None:
    response.set_cookie(
        _name(access), value, max_age=lasts, httponly=True, samesite="Strict", secure=access.secure, path="/"
    )
