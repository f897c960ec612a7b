"""Asks a team's own check by a signed POST.

The facts are the JSON body. `Idempotency-Key` is the same for every asking of the same gate of the same step, so that
a check begins once and is only looked at afterwards. With a secret the call is signed as Standard Webhooks
(standardwebhooks.com, specification 1.0) has it: `webhook-signature: v1,` and the base64 HMAC-SHA256 of
`webhook-id.webhook-timestamp.body`. A secret that starts with `whsec_` is base64, another is taken as it is.

The answer is JSON, `{"status": "succeeded" | "failed" | "in-progress", "message": "…"}`; a 202 may come without.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp

from engine.errors import PermanentFailure, TemporaryFailure
from engine.hooks import HookAnswer, HookCall, HookStatus

MOST_BYTES: Final = 64 * 1024  # of an answer
MOST_WORDS: Final = 300  # characters of an answer that people are shown
LONGEST_WAIT: Final = timedelta(hours=1)
_BUSY: Final = frozenset({408, 425, 429})  # refusals that pass (RFC 9110, 8470, 6585)
_SHAPE: Final = 'Answer with {"status": "succeeded", "failed" or "in-progress", "message": "…"}.'


class HttpHooks:
    """Implements HookCalls on a session of aiohttp; `secret` gives a variable of the environment, None if unset."""

    def __init__(self, session: aiohttp.ClientSession, secret: Callable[[str], str | None]) -> None:
        self._session = session
        self._secret = secret

    async def call(self, call: HookCall) -> HookAnswer:
        body = json.dumps(dict(call.facts), sort_keys=True, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "pilothouse-gate",
            "Idempotency-Key": call.key,
            **self._signature(call, body),
        }
        timeout = aiohttp.ClientTimeout(total=call.timeout.total_seconds())
        try:
            async with self._session.post(
                call.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                said = await _read(answer)
                return _understood(answer.status, said, _wait(answer.headers.get("Retry-After", ""), call.at))
        except TimeoutError as error:
            raise TemporaryFailure(f"The check did not answer within {timeout.total:g} s.") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise PermanentFailure(f"{call.url} is no address that can be asked.", "Correct the gate's url.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TemporaryFailure(f"The check could not be asked: {str(error) or type(error).__name__}.") from error

    def _signature(self, call: HookCall, body: bytes) -> dict[str, str]:
        if not call.secret:
            return {}
        secret = self._secret(call.secret)
        if not secret:
            raise PermanentFailure(
                f"The check was not asked: {call.secret} is not set.", "Set the variable and start Pilothouse again."
            )
        return signed_headers(_key(secret, call.secret), call.key, call.at, body)


def signed_headers(key: bytes, id: str, at: datetime, body: bytes) -> dict[str, str]:  # noqa: A002
    """The three headers of Standard Webhooks."""
    timestamp = str(int(at.timestamp()))
    digest = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str, name: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise PermanentFailure(f"{name} starts with whsec_ and is no base64.", "Copy the whole secret.") from error


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    said = bytearray()
    async for chunk in answer.content.iter_any():
        said += chunk
        if len(said) > MOST_BYTES:
            answer.close()
            raise PermanentFailure(f"The check answered with more than {MOST_BYTES // 1024} KiB.", _SHAPE)
    return bytes(said)


def _understood(status: int, said: bytes, wait: timedelta | None) -> HookAnswer:
    if status >= 500 or status in _BUSY:
        raise TemporaryFailure(f"The check answered {status}{_words(said)}", retry_after=wait)
    if status >= 400:
        raise PermanentFailure(f"The check refused with {status}{_words(said)}")
    if not 200 <= status < 300:
        raise PermanentFailure(f"The check answered {status}.", "Give the gate the address that answers itself.")
    if status == 202 and not said.strip():
        return HookAnswer(HookStatus.IN_PROGRESS, retry_after=wait)
    return _parsed(said, wait)


def _parsed(said: bytes, wait: timedelta | None) -> HookAnswer:
    try:
        document: Any = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise PermanentFailure(f"The check answered something that is no JSON{_words(said)}", _SHAPE) from error
    match document:
        case {"status": "succeeded" | "failed" | "in-progress" as status, **rest}:
            message = rest.get("message")
            words = _line(message) if isinstance(message, str) else ""
            pending = status == "in-progress"
            return HookAnswer(HookStatus(status), words, wait if pending else None)
        case _:
            raise PermanentFailure(f"The check's answer has no status that is known{_words(said)}", _SHAPE)


def _wait(header: str, now: datetime) -> timedelta | None:
    """Retry-After as seconds or as a date (RFC 9110, 10.2.3), at most LONGEST_WAIT; None when it cannot be read."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        return timedelta(seconds=min(float(header), LONGEST_WAIT.total_seconds()))
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError):
        return None
    wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _words(said: bytes) -> str:
    words = _line(said.decode(errors="replace"))
    return f": {words}" if words else "."


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_WORDS else f"{line[: MOST_WORDS - 1]}…"
