"""The page's files and the guards around every answer: Content-Security-Policy, own hosts only."""

from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

PAGE: Final = Path(__file__).parent / "page"
POLICY: Final = (
    "default-src 'self'; img-src 'self' data: https: http://127.0.0.1:* http://localhost:*; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: the security headers, and no stale files."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-cache")


def own_hosts_only(host: str) -> Middleware:
    """Refuse requests under a strange name while listening on loopback: a web page elsewhere could otherwise
    reach the workspace by pointing its own name here (DNS rebinding)."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.host.rsplit(":", 1)[0] if request.host != "[::1]" else request.host
        if host in ("127.0.0.1", "localhost", "::1") and name not in LOOPBACK:
            raise web.HTTPForbidden(text="This workspace answers only under 127.0.0.1 or localhost.")
        return await handler(request)

    return guard


async def page_file(request: web.Request) -> web.StreamResponse:
    """A file of the page; ``/`` is its index. FileResponse brings the ETag."""
    path = (PAGE / (request.match_info["path"] or "index.html")).resolve()
    if not path.is_relative_to(PAGE) or not path.is_file():
        raise web.HTTPNotFound(text="There is no such file here.")
    return web.FileResponse(path)


async def permalink(request: web.Request) -> web.StreamResponse:
    """A message's permalink opens the page at that message."""
    channel, mark = request.match_info["channel"], request.match_info["mark"].removeprefix("p")
    raise web.HTTPFound(f"/#/{channel}/{mark[:-6]}.{mark[-6:]}")
