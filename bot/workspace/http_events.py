"""HTTP mode: signed POSTs to the app's request URL.

Source: Slack's "Verifying requests from Slack" (v0 signature: HMAC-SHA256 over ``v0:timestamp:body``) and the
Events API's retry headers.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from bot.workspace.deliver import Answer, Parcel
from bot.workspace.faults import Faults
from bot.workspace.model import Json

log = logging.getLogger(__name__)

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
ASK_EVERY: Final = 1.0


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of X-Slack-Signature for a body sent at `timestamp` (seconds since 1970)."""
    base = b"v0:%d:%b" % (timestamp, body)
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def encoded(parcel: Parcel) -> tuple[str, bytes]:
    """Content type and body of a parcel: JSON for events, a form for commands and interactions."""
    match parcel.kind:
        case "events_api":
            return JSON_TYPE, json.dumps(parcel.payload).encode()
        case "slash_commands":
            return FORM_TYPE, urlencode(parcel.payload).encode()
        case "interactive":
            return FORM_TYPE, urlencode({"payload": json.dumps(parcel.payload)}).encode()


class HttpEvents:
    """Delivers to one request URL. `timeout` is in seconds; `changed` hears whether the app answers."""

    def __init__(
        self,
        url: str,
        secret: str,
        timeout: float,
        faults: Faults,
        now: Callable[[], datetime],
        changed: Callable[[int], None],
    ) -> None:
        self._url = url
        self._secret = secret
        self._faults = faults
        self._now = now
        self._changed = changed
        self._session = ClientSession(timeout=ClientTimeout(total=timeout))
        self._present = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._present.is_set()

    async def reachable(self) -> None:
        await self._present.wait()

    async def close(self) -> None:
        await self._session.close()

    async def verify(self) -> None:
        """Ask for the url_verification challenge until the app answers it, as when a request URL is saved."""
        while not self.connected:
            if await self._challenged():
                self._seen(here=True)
            else:
                await asyncio.sleep(ASK_EVERY)

    async def carry(self, parcel: Parcel) -> Answer:
        if self._faults.each_envelope_twice:
            await self._once(parcel)
        return await self._once(parcel)

    async def _once(self, parcel: Parcel) -> Answer:
        kind, body = encoded(parcel)
        start = time.monotonic()
        try:
            async with self._session.post(self._url, data=body, headers=self._headers(kind, body, parcel)) as response:
                answer = await _read(response)
                error = "" if response.status == 200 else "dispatch_failed"
        except TimeoutError:
            return Answer("operation_timeout", ms=_ms(start))
        except ClientError as problem:
            log.info("The app at %s cannot be reached: %s", self._url, problem)
            self._seen(here=False)
            return Answer("dispatch_failed", ms=_ms(start))
        if not error:
            self._seen(here=True)
        return Answer(error, answer, _ms(start))

    def _headers(self, kind: str, body: bytes, parcel: Parcel) -> dict[str, str]:
        timestamp = int(self._now().timestamp())
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": str(timestamp),
            "X-Slack-Signature": signature(self._secret, timestamp, body),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        if parcel.attempt:
            headers |= {"X-Slack-Retry-Num": str(parcel.attempt), "X-Slack-Retry-Reason": parcel.reason}
        return headers

    async def _challenged(self) -> bool:
        challenge = secrets.token_hex(16)
        payload: Json = {"type": "url_verification", "token": "workspace", "challenge": challenge}
        kind, body = encoded(parcel := Parcel("events_api", payload))
        try:
            async with self._session.post(self._url, data=body, headers=self._headers(kind, body, parcel)) as response:
                return challenge in await response.text()
        except (ClientError, TimeoutError):
            return False

    def _seen(self, *, here: bool) -> None:
        if here == self._present.is_set():
            return
        if here:
            self._present.set()
        else:
            self._present.clear()
        self._changed(int(here))


async def _read(response: ClientResponse) -> Json:
    """The ack's content: a JSON object, or text as Slack takes it for a command."""
    words = await response.text()
    if not words.strip():
        return {}
    try:
        body = json.loads(words)
    except ValueError:
        body = words
    return body if isinstance(body, dict) else {"text": str(body)}


def _ms(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
