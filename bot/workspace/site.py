"""The page's files and the guards around every answer: Content-Security-Policy, own hosts only."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
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
KINDS: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
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


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page: its bytes, its media type, and a strong entity tag without quotes (RFC 9110, 8.8.3)."""

    body: bytes
    kind: str
    tag: str


def load_page(folder: Path = PAGE) -> dict[str, PageFile]:
    """The page's files by name, read once: a browser asks for all of them at once, and first paint waits.

    ``""`` is the index. Raises OSError.
    """
    files = {path.name: _load(path) for path in folder.iterdir() if path.suffix in KINDS}
    return {**files, "": files["index.html"]}


def _load(path: Path) -> PageFile:
    body = path.read_bytes()
    return PageFile(body, KINDS[path.suffix], hashlib.sha256(body).hexdigest()[:32])


def page_files(files: Mapping[str, PageFile]) -> Handler:
    """Answers with a file of the page; 304 to a browser that has this very one (RFC 9110, If-None-Match)."""

    async def serve(request: web.Request) -> web.StreamResponse:
        file = files.get(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound(text="There is no such file here.")
        if any(one.value in (file.tag, "*") for one in request.if_none_match or ()):
            response = web.Response(status=304)
        else:
            response = web.Response(body=file.body, content_type=file.kind, charset="utf-8")
        response.etag = file.tag
        return response

    return serve


async def permalink(request: web.Request) -> web.StreamResponse:
    """A message's permalink opens the page at that message."""
    channel, mark = request.match_info["channel"], request.match_info["mark"].removeprefix("p")
    raise web.HTTPFound(f"/#/{channel}/{mark[:-6]}.{mark[-6:]}")
