"""What every CI system's API has in common: one call, and what each answer means for trying again.

Sources: GitHub's pages on rate limits and on best practices of its REST API; GitLab's on rate limits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from bot.inputs.webhooks.wish import Origin
from bot.results.status import Status
from engine.errors import PermanentFailure, TemporaryFailure

AGENT: Final = "pilothouse"
TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
SECONDARY: Final = timedelta(minutes=1)
"""GitHub asks for this pause when it names none."""
LONGEST_REASON: Final = 300
_PASSING: Final = frozenset({408, 409, 425, 429})


class Limited(TemporaryFailure):
    """Too many calls with this token: all of them have to wait until `retry_after` is over."""


class Refused(PermanentFailure):
    """The API said no and will say no again."""


class StatusClient(Protocol):
    """Tells one CI system. Each method may raise TemporaryFailure, Limited or Refused."""

    def word(self, status: Status) -> str:
        """What tells this status from the one before: two with the same word are told once."""
        ...

    async def tell(self, origin: Origin, status: Status) -> None:
        """Write the status down there."""
        ...

    async def told(self, origin: Origin, status: Status) -> bool:
        """Whether it stands there already, as the newest of ours."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    def objects(self) -> list[dict[str, Any]]:
        """The body's list of objects. Raises TemporaryFailure when it is none: something in between has answered."""
        try:
            return msgspec.json.decode(self.text, type=list[dict[str, Any]])
        except (msgspec.MsgspecError, RecursionError) as error:
            raise TemporaryFailure(f"The answer {self.text[:80]!r} is no list of statuses.") from error


class Caller:
    """Calls below one address with one set of headers. Redirects are refused: they would carry the token along."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], *, now: Callable[[], datetime]
    ) -> None:
        self._session = session
        self._url = url
        self._headers = {"User-Agent": AGENT, **headers}
        self._now = now

    async def call(self, method: str, path: str, **more: Any) -> Answer:
        """One call that has to answer 2xx. Raises TemporaryFailure, Limited or Refused otherwise."""
        address = f"{self._url}{path}"
        try:
            async with self._session.request(
                method, address, headers=self._headers, timeout=TIMEOUT, allow_redirects=False, **more
            ) as answer:
                got = Answer(answer.status, answer.headers, await answer.text(errors="replace"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise TemporaryFailure(f"{address} gave no answer: {reason}.") from error
        if 200 <= got.status < 300:
            return got
        raise failure_of(got, f"{method} {address}", now=self._now())


def failure_of(answer: Answer, call: str, *, now: datetime) -> TemporaryFailure | PermanentFailure:
    """What an answer that is not 2xx means."""
    told = f"{call} answered {answer.status}: {_message(answer.text)}"
    pause = _pause(answer, now)
    if pause is not None:
        return Limited(told, retry_after=pause)
    if answer.status in _PASSING or answer.status >= 500:
        return TemporaryFailure(told)
    return Refused(told, _remedy(answer.status))


def _pause(answer: Answer, now: datetime) -> timedelta | None:
    """How long everybody has to wait; None when this is no matter of limits."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    named = _seconds(headers.get("retry-after", ""))
    if named is not None and answer.status in {403, 429, 503}:
        return timedelta(seconds=named)
    if answer.status not in {403, 429}:
        return None
    reset = _seconds(headers.get("x-ratelimit-reset", "") or headers.get("ratelimit-reset", ""))
    spent = "0" in {headers.get("x-ratelimit-remaining"), headers.get("ratelimit-remaining")}
    if spent and reset is not None:
        return max(datetime.fromtimestamp(reset, UTC) - now, timedelta(seconds=1))
    if answer.status == 429 or "rate limit" in answer.text.lower():
        return SECONDARY
    return None


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 11 else None


def _message(text: str) -> str:
    """The API's own words."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    words = body.get("message") or body.get("error") if isinstance(body, dict) else None
    errors = body.get("errors") if isinstance(body, dict) else None
    said = " ".join(str(one) for one in (words or text.strip() or "nothing", errors) if one)
    return " ".join(said.split())[:LONGEST_REASON]


def _remedy(status: int) -> str:
    if status == 401:
        return "The token is wrong or has expired; set a new one and start Pilothouse again."
    if status in {403, 404}:
        return "The token may not write statuses there, or there is no such project; see `results` in the settings."
    if 300 <= status < 400:
        return "The project or the API has moved; correct `repository` or `results.url` in the settings."
    return "Nothing more is told of this deployment there."
