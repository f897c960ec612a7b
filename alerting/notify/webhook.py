"""Tells a webhook what Alertmanager would, and takes its answers as Alertmanager does.

Source of the rules: webhook.Notifier and notify.Retrier of Alertmanager. Ours also tries again after 429, and sends
the notification's key, by which the other side can recognise a repetition after a crash.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final

import aiohttp

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.notify.aside import aside
from alerting.notify.notification import Notification
from alerting.notify.payload import payload
from alerting.routing.config import WebhookReceiver
from alerting.routing.secret_files import refreshed

AT_ONCE: Final = 8
"""Requests to one webhook at the same time; a slow one must not take every connection of the process."""
LONGEST_WAIT: Final = timedelta(hours=1)
_TOLD: Final = 200  # bytes of an answer that are repeated in an error


class WebhookTeller:
    """One webhook integration. `external_url` is how the alerts can be seen here."""

    def __init__(
        self,
        receiver: WebhookReceiver,
        session: aiohttp.ClientSession,
        *,
        external_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._receiver = receiver
        self._session = session
        self._external_url = external_url
        self._now = now
        self._turn = asyncio.Semaphore(AT_ONCE)

    @property
    def send_resolved(self) -> bool:
        """Whether ends are told too."""
        return self._receiver.send_resolved

    async def tell(self, notification: Notification) -> None:
        """See `Teller.tell`."""
        receiver = refreshed(self._receiver)
        make = partial(payload, notification, external_url=self._external_url, max_alerts=receiver.max_alerts)
        body = await aside(len(notification.firing) + len(notification.resolved), make)
        headers = {**receiver.headers, "Content-Type": "application/json", "Idempotency-Key": notification.key}
        limit = receiver.timeout.total_seconds() if receiver.timeout else None
        async with self._turn:
            try:
                async with asyncio.timeout(limit):
                    await self._post(receiver.url, body, headers)
            except TimeoutError as late:
                raise TemporaryFailure(f"the webhook did not answer within {limit:g} s") from late

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        # The address may hold a secret, so no error says it.
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(total=None)
            ) as answer:
                if answer.status // 100 != 2:
                    raise self._refusal(answer, await answer.content.read(_TOLD))
        except aiohttp.InvalidURL as wrong:
            raise PermanentFailure("the webhook's address is none", "correct `url` of the receiver") from wrong
        except aiohttp.ClientConnectorError as failed:
            raise TemporaryFailure(f"the webhook cannot be reached: {failed.os_error}") from failed
        except (aiohttp.ClientError, OSError) as failed:
            raise TemporaryFailure(f"the webhook cannot be reached: {type(failed).__name__}") from failed

    def _refusal(self, answer: aiohttp.ClientResponse, said: bytes) -> TemporaryFailure | PermanentFailure:
        text = said.decode(errors="replace").strip()
        reason = f"the webhook answered {answer.status}" + (f": {text}" if text else "")
        if answer.status == 429 or answer.status // 100 == 5:
            return TemporaryFailure(reason, self._wait(answer.headers.get("Retry-After", "")))
        return PermanentFailure(reason, "correct the receiver's address or credentials, or the webhook itself")

    def _wait(self, text: str) -> timedelta | None:
        """How long it asks us to wait: seconds or a date (RFC 9110, 10.2.3), an hour at most."""
        if text.isdecimal() and len(text) < 10:
            return min(timedelta(seconds=int(text)), LONGEST_WAIT)
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(until - self._now(), timedelta(0)), LONGEST_WAIT)
