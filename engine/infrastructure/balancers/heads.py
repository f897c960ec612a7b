"""HTTP/1.1 message heads as a gateway forwards them (RFC 9110 section 7, RFC 9112). Pure.

Framing is never copied: whatever a message says is read once and said again by us, so the two sides of the proxy
cannot disagree on where a message ends.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

Header = tuple[bytes, bytes]

HEAD_LIMIT: Final = 64 * 1024
_HEADERS_LIMIT: Final = 128
_IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
_HOP: Final = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer "
    b"transfer-encoding upgrade".split()
)
_REQUEST_OWN: Final = _HOP | frozenset(
    b"host content-length x-forwarded-for x-forwarded-proto x-forwarded-host x-request-id".split()
)
_RESPONSE_OWN: Final = _HOP | {b"content-length"}
_ORDINARY: Final = frozenset({b"close", b"keep-alive", b"upgrade"})
_UNTOUCHABLE: Final = frozenset({b"host", b"content-length", b"close"})
# A request id need not be secret, only its own: one random run, then a count.
_RUN: Final = os.urandom(10).hex().encode()
_REQUESTS: Final = itertools.count(1)
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Framing(Enum):
    """How a message's end is known."""

    NONE = "no body"
    LENGTH = "content-length"
    CHUNKED = "chunked"
    CLOSE = "end of connection"


class BadMessage(Exception):
    """A head we do not forward. `status` is what its sender hears."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(slots=True)
class RequestHead:
    """A request as it goes to an instance. `upgrade` is set for WebSocket only."""

    forwarded: bytes
    framing: Framing
    is_head: bool
    idempotent: bool
    modern: bool
    keep_alive: bool
    upgrade: bool


@dataclass(slots=True)
class ResponseHead:
    """A response as it goes to the caller. `framing` is the instance's, `chunk` whether we send chunks."""

    forwarded: bytes
    framing: Framing
    chunk: bool
    keep_alive: bool


def forward_request(
    method: bytes, target: bytes, version: str, headers: Sequence[Header], *, peer: bytes, keep_alive: bool
) -> RequestHead:
    """The head to send on, or BadMessage with 400, 431, 501 or 505."""
    modern = version == "1.1"
    if not modern and version != "1.0":
        raise BadMessage(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    if len(headers) > _HEADERS_LIMIT:
        raise BadMessage(431, f"More than {_HEADERS_LIMIT} header fields.")
    own, lines = _split(headers, _REQUEST_OWN)
    target, host = _target_and_host(method, target, own.get(b"host", ()), modern=modern)
    framing, framed = _request_framing(own, modern=modern)
    upgrade = modern and _wants_websocket(own)
    forwarded = b"".join(
        (
            b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (method, target, host),
            *lines,
            framed,
            _forwarding(own, host, peer),
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" if upgrade else b"\r\n",
        )
    )
    if len(forwarded) > HEAD_LIMIT:
        raise BadMessage(431, f"The head is larger than {HEAD_LIMIT} bytes.")
    return RequestHead(forwarded, framing, method == b"HEAD", method in _IDEMPOTENT, modern, keep_alive, upgrade)


def forward_response(status: int, headers: Sequence[Header], request: RequestHead, *, keep_alive: bool) -> ResponseHead:
    """The head to send back. `keep_alive` is whether the caller's connection may stay. Raises BadMessage(502)."""
    own, lines = _split(headers, _RESPONSE_OWN)
    framing, framed = _response_framing(status, own, request)
    unmeasured = framing is Framing.CHUNKED or framing is Framing.CLOSE
    chunk = unmeasured and request.modern
    if chunk:
        framed = b"Transfer-Encoding: chunked\r\n"
    elif unmeasured:
        keep_alive = False
    forwarded = b"".join((status_line(status), *lines, framed, _connection(request, keep_alive=keep_alive)))
    return ResponseHead(forwarded + b"\r\n", framing, chunk, keep_alive)


def forward_interim(status: int, headers: Sequence[Header]) -> bytes:
    """A 1xx head (RFC 9110 section 15.2). 101 keeps what its new protocol needs."""
    own, lines = _split(headers, _RESPONSE_OWN)
    if status == 101:
        lines.append(b"Connection: Upgrade\r\nUpgrade: %b\r\n" % b", ".join(own.get(b"upgrade", ())))
    return b"".join((status_line(status), *lines, b"\r\n"))


def status_line(status: int) -> bytes:
    """`HTTP/1.1 200 OK` with its line end; a status without a name keeps its number."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def refusal(status: int, text: str, mark: str, *, keep_alive: bool, is_head: bool) -> bytes:
    """A whole response made by us. `mark` tells it from an instance's own (`X-Pilothouse-Proxy`)."""
    body = f"{text}\n".encode()
    lines = (
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        f"X-Pilothouse-Proxy: {mark}\r\nConnection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    )
    return status_line(status) + lines.encode() + (b"" if is_head else body)


def _split(headers: Sequence[Header], own: frozenset[bytes]) -> tuple[dict[bytes, list[bytes]], list[bytes]]:
    """Fields that concern us by lower-case name, and the lines that go through as they are."""
    ours: dict[bytes, list[bytes]] = {}
    lines = []
    for name, value in headers:
        key = name.lower()
        if key in own:
            ours.setdefault(key, []).append(value)
        else:
            lines.append(b"%b: %b\r\n" % (name, value))
    if b"connection" in ours:
        named = _tokens(ours[b"connection"]) - _ORDINARY - _UNTOUCHABLE
        lines = [line for line in lines if line.partition(b":")[0].lower() not in named]
    return ours, lines


def _tokens(values: Sequence[bytes]) -> set[bytes]:
    return {token.strip().lower() for value in values for token in value.split(b",")}


def _target_and_host(method: bytes, target: bytes, hosts: Sequence[bytes], *, modern: bool) -> tuple[bytes, bytes]:
    """Origin form and authority (RFC 9112 section 3.2): an absolute target's authority wins over Host."""
    if len(hosts) > 1 or (modern and not hosts):
        raise BadMessage(400, "Exactly one Host field is needed.")
    host = hosts[0] if hosts else b""
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target, host
    scheme, mark, rest = target.partition(b"://")
    if method == b"CONNECT" or not mark or scheme.lower() not in {b"http", b"https"}:
        raise BadMessage(400, "The request target must be a path.")
    authority, slash, path = rest.partition(b"/")
    return slash + path or b"/", authority


def _request_framing(own: dict[bytes, list[bytes]], *, modern: bool) -> tuple[Framing, bytes]:
    codings, lengths = own.get(b"transfer-encoding"), own.get(b"content-length")
    if codings:
        if lengths or not modern:
            raise BadMessage(400, "Transfer-Encoding does not go with Content-Length or HTTP/1.0.")
        if len(codings) > 1 or codings[0].strip().lower() != b"chunked":
            raise BadMessage(501, "The only transfer coding spoken here is chunked.")
        return Framing.CHUNKED, b"Transfer-Encoding: chunked\r\n"
    if not lengths:
        return Framing.NONE, b""
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise BadMessage(400, "Exactly one Content-Length in digits is allowed.")
    return Framing.LENGTH, b"Content-Length: %b\r\n" % lengths[0]


def _response_framing(status: int, own: dict[bytes, list[bytes]], request: RequestHead) -> tuple[Framing, bytes]:
    codings, lengths = own.get(b"transfer-encoding"), own.get(b"content-length", ())
    if codings and (len(codings) > 1 or codings[0].strip().lower() != b"chunked"):
        raise BadMessage(502, "The instance used a transfer coding that is not chunked.")
    if len(lengths) > 1 or (lengths and (codings or not lengths[0].isdigit())):
        raise BadMessage(502, "The instance told several lengths for one message.")
    length = b"Content-Length: %b\r\n" % lengths[0] if lengths else b""
    if status == 204:
        return Framing.NONE, b""
    if request.is_head or status == 304:
        return Framing.NONE, b"Transfer-Encoding: chunked\r\n" if codings and request.modern else length
    if codings:
        return Framing.CHUNKED, b""
    return (Framing.LENGTH, length) if lengths else (Framing.CLOSE, b"")


def _wants_websocket(own: dict[bytes, list[bytes]]) -> bool:
    if b"upgrade" not in own:
        return False
    return b"upgrade" in _tokens(own.get(b"connection", ())) and b"websocket" in _tokens(own[b"upgrade"])


def _forwarding(own: dict[bytes, list[bytes]], host: bytes, peer: bytes) -> bytes:
    callers = b", ".join((*own.get(b"x-forwarded-for", ()), peer))
    scheme = own.get(b"x-forwarded-proto", (b"http",))[0]
    asked = own.get(b"x-forwarded-host", (host,))[0]
    name = own[b"x-request-id"][0] if b"x-request-id" in own else b"%b%012x" % (_RUN, next(_REQUESTS))
    return b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\nX-Request-Id: %b\r\n" % (
        callers,
        scheme,
        asked,
        name,
    )


def _connection(request: RequestHead, *, keep_alive: bool) -> bytes:
    if not keep_alive:
        return b"Connection: close\r\n"
    return b"" if request.modern else b"Connection: keep-alive\r\n"
