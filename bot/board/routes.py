"""The board's addresses: the page, its files, signing in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from bot.board import pages
from bot.board.asked import go_to_asked, keep_asked
from bot.board.frame import FILES, PAGES, render_page
from bot.house.rooms import Pilothouse
from bot.web.access import Access, access_of, set_cookie
from engine.errors import Denied, Refused

LONGEST_CODE: Final = 200
# Sources: Content Security Policy Level 3; Trusted Types. Nothing from elsewhere, nothing inline, no text as markup.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers then send `Origin: null` with our own forms, and those could not be told from others'.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_board_routes(app: web.Application, house: Pilothouse) -> None:
    """Serve the board at `/`, and its other pages beside it."""
    add_pages(app, access_of(house))


def add_pages(app: web.Application, access: Access) -> None:
    """The pages, for whoever `access` lets in."""
    page = {one.name: _page(access, render_page(one)) for one in PAGES}
    app.router.add_get("/", page["index"])
    app.router.add_get("/alerts", page["alerts"])
    app.router.add_get("/services/{service}", page["service"])
    app.router.add_get("/deployments/{id}", page["deployment"])
    app.router.add_get("/trains", page["trains"])
    app.router.add_get("/trains/{id}", page["trains"])
    app.router.add_get("/reports", page["reports"])
    app.router.add_get("/board/{file}", _file)
    app.router.add_get("/signin", _ask_to_sign_in)
    app.router.add_post("/signin", _sign_in(access))
    app.router.add_get("/signout", _ask_to_sign_out)
    app.router.add_post("/signout", _sign_out(access))


def _page(access: Access, text: str) -> Handler:
    async def page(request: web.Request) -> web.StreamResponse:
        knock = access.knock(request)
        try:
            caller = await access.reader(knock)
        except Denied as refusal:
            return _html(pages.refused(refusal.reason, refusal.remedy), status=403)
        except Refused as refusal:
            closed = _html(pages.way_in(refusal.reason), status=401)
            keep_asked(closed, access, request.path_qs)
            return closed
        response = web.Response(text=text, content_type="text/html", headers={**HEADERS, "Cache-Control": "no-cache"})
        if caller.by == "session":
            set_cookie(response, access, knock.cookie)  # the cookie lasts as long as the session, which slides
        return response

    return page


async def _file(request: web.Request) -> web.StreamResponse:
    path = FILES / request.match_info["file"]
    if path.parent != FILES or not path.is_file():
        raise web.HTTPNotFound(text="There is no such file here.")
    return web.FileResponse(path, headers={**HEADERS, "Cache-Control": "no-cache"})


async def _ask_to_sign_in(request: web.Request) -> web.StreamResponse:
    code = request.query.get("code", "")
    if not 0 < len(code) <= LONGEST_CODE:
        return _html(pages.way_in("Signing in takes a link from chat."))
    return _html(pages.sign_in(code))


def _sign_in(access: Access) -> Handler:
    async def sign_in(request: web.Request) -> web.StreamResponse:
        if not access.same_origin(access.knock(request)):
            return _html(pages.refused("Another site sent this.", "Open the link from chat itself."), status=403)
        form = await request.post()
        try:
            text, _ = await access.sessions.redeem(str(form.get("code", "")), at=access.now())
        except Refused as refusal:
            return _html(pages.way_in(refusal.reason), status=401)
        response = go_to_asked(request, access)
        set_cookie(response, access, text)
        return response

    return sign_in


async def _ask_to_sign_out(_: web.Request) -> web.StreamResponse:
    return _html(pages.sign_out())


def _sign_out(access: Access) -> Handler:
    async def sign_out(request: web.Request) -> web.StreamResponse:
        knock = access.knock(request)
        if not access.same_origin(knock):
            return _html(pages.refused("Another site sent this.", "Sign out on the board itself."), status=403)
        if knock.cookie:
            await access.sessions.end(knock.cookie)
        response = web.Response(status=303, headers={"Location": "/", "Cache-Control": "no-store"})
        set_cookie(response, access, "")
        return response

    return sign_out


def _html(text: str, *, status: int = 200) -> web.Response:
    return web.Response(
        text=text, content_type="text/html", status=status, headers={**HEADERS, "Cache-Control": "no-store"}
    )
