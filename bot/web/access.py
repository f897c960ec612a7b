"""Who asks over HTTP, and whether they may: a bearer token, a session cookie, or this machine's own user.

A server that listens on loopback, and is reached there under a loopback name, may be read without signing in: whoever
can ask could read the database file as well. The name counts because of DNS rebinding: a page from elsewhere can point
its own name at 127.0.0.1, but it cannot make a browser send another name. Changes always need a token or a session.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from aiohttp import web

from bot.house.rooms import Pilothouse
from engine.commands import Actor
from engine.errors import Denied, Refused, Unauthenticated
from engine.security.identity import Directory, Person
from engine.security.permissions import Permission, allowed, denied
from engine.security.sessions import SESSION_LASTS, Sessions
from engine.security.tokens import Tokens

WAY_IN: Final = "Type `/ops board` in chat for a sign-in link, or send a token (`pilothouse token create`)."
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Knock:
    """What a request shows of who sent it. `forwarded`: a proxy passed it on, so the peer is not who asks."""

    peer: str
    host: str
    authorization: str = ""
    cookie: str = ""
    origin: str = ""
    fetch_site: str = ""
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody let in. `person` is None for this machine's own user, who may only read."""

    by: Literal["token", "session", "machine"]
    subject: str = ""
    person: Person | None = None

    @property
    def actor(self) -> Actor:
        """Who asks, as the orchestrator takes it."""
        return Actor("token", self.subject)


class Access:
    """Lets requests in. `listens_on` is the address the server is bound to, `address` where people reach it."""

    def __init__(
        self,
        tokens: Tokens,
        sessions: Sessions,
        directory: Callable[[], Directory],
        *,
        listens_on: str,
        address: str,
        now: Callable[[], datetime],
    ) -> None:
        self.sessions = sessions
        self._tokens = tokens
        self._directory = directory
        self._address = urlsplit(address)
        # With a public address a proxy on this machine may hand in strangers.
        self._private = is_loopback(listens_on) and is_loopback(self._address.hostname or "")
        self.now = now

    @property
    def secure(self) -> bool:
        """Whether people come by HTTPS, so that cookies are never sent without."""
        return self._address.scheme == "https"

    @property
    def cookie(self) -> str:
        """The session cookie's name. Source: RFC 6265bis, the __Host- prefix binds it to this very host."""
        return "__Host-pilothouse" if self.secure else "pilothouse"

    def knock(self, request: web.Request) -> Knock:
        """What `request` shows."""
        transport = request.transport
        peer = transport.get_extra_info("peername") if transport is not None else None
        return Knock(
            peer=str(peer[0]) if isinstance(peer, tuple) else "",
            host=request.headers.get("Host", ""),
            authorization=request.headers.get("Authorization", ""),
            cookie=request.cookies.get(self.cookie, ""),
            origin=request.headers.get("Origin", ""),
            fetch_site=request.headers.get("Sec-Fetch-Site", ""),
            forwarded=any(name in request.headers for name in _FORWARDED),
        )

    async def reader(self, knock: Knock) -> Caller:
        """Who reads. Raises Unauthenticated, or Denied for a person without any role."""
        try:
            caller = await self._known(knock)
        except Unauthenticated:
            # A stale cookie locks nobody out of what is open, but a wrong token is always told.
            if knock.authorization or not self._open(knock):
                raise
            return Caller("machine")
        return self._may_look(caller)

    async def doer(self, knock: Knock) -> Caller:
        """Who changes something. Raises Unauthenticated, or Denied when another site made the browser ask."""
        caller = await self._known(knock)
        if caller.by == "session" and not self.same_origin(knock):
            raise Denied("Another site sent this request.", "Do it on the board itself, or use a token.")
        return caller

    async def scraper(self, knock: Knock) -> Caller:
        """Who reads metrics and discovery: anything on this machine, elsewhere a token."""
        if not knock.authorization and _local(knock):
            return Caller("machine")
        return await self.reader(knock)

    def same_origin(self, knock: Knock) -> bool:
        """Whether the browser says that our own page asks. Source: Fetch Metadata; Origin where that is missing."""
        if knock.fetch_site:
            return knock.fetch_site == "same-origin"
        return bool(knock.origin) and urlsplit(knock.origin).netloc in {knock.host, self._address.netloc}

    async def _known(self, knock: Knock) -> Caller:
        scheme, _, text = knock.authorization.partition(" ")
        if knock.authorization and scheme.lower() != "bearer":
            raise Unauthenticated(f"Tokens come as `Bearer`, not as {scheme[:20]!r}.", WAY_IN)
        if knock.authorization:
            token = await self._tokens.verify(text.strip(), at=self.now())
            return self._caller("token", token.subject)
        if knock.cookie:
            session = await self.sessions.verify(knock.cookie, at=self.now())
            return self._caller("session", session.subject)
        raise Unauthenticated("You are not signed in.", WAY_IN)

    def _caller(self, by: Literal["token", "session"], subject: str) -> Caller:
        return Caller(by, subject, self._directory().authenticate(Actor("token", subject)))

    def _may_look(self, caller: Caller) -> Caller:
        if caller.person is not None and not allowed(caller.person, Permission.VIEW, None):
            raise denied(caller.person, Permission.VIEW, None, self._directory().people)
        return caller

    def _open(self, knock: Knock) -> bool:
        return self._private and _local(knock)


def access_of(house: Pilothouse) -> Access:
    """The access rules of the running product."""
    ground = house.ground
    return Access(
        ground.tokens,
        ground.sessions,
        ground.directory,
        listens_on=ground.settings.host,
        address=ground.settings.board_url,
        now=ground.now,
    )


def for_scrapers(access: Access, handler: Handler) -> Handler:
    """`handler`, for those who may read metrics and discovery; 401 or 403 in one line of text for others."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            await access.scraper(access.knock(request))
        except Refused as refusal:
            status = 403 if isinstance(refusal, Denied) else 401
            return web.Response(text=f"{refusal}\n", status=status, headers=challenge(status))
        return await handler(request)

    return guarded


def challenge(status: int) -> dict[str, str]:
    """The header that says how to authenticate. Source: RFC 9110, 11.6.1."""
    return {"WWW-Authenticate": 'Bearer realm="Pilothouse"'} if status == 401 else {}


def set_cookie(response: web.StreamResponse, access: Access, text: str) -> None:
    """Let the browser keep the session; an empty `text` makes it forget."""
    response.set_cookie(
        access.cookie,
        text,
        max_age=int(SESSION_LASTS.total_seconds()) if text else 0,
        httponly=True,
        samesite="Strict",
        secure=access.secure,
        path="/",
    )


def is_loopback(host: str) -> bool:
    """Whether `host`, an address or a name without a port, can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _local(knock: Knock) -> bool:
    return not knock.forwarded and is_loopback(knock.peer) and is_loopback(_name(knock.host))


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; nothing when it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
