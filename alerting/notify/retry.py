"""Telling one integration until it worked, cannot work, or the group's time is over.

Source of the rules: RetryStage of Alertmanager and the defaults of its backoff (half a second, half as much again each
time, at most a minute, half of it random). A wait that the receiver asks for is kept over flushes.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from alerting.errors import AlertingError, PermanentFailure, TemporaryFailure
from alerting.notify.dedup import Target
from alerting.notify.notification import Notification
from alerting.notify.ports import Teller
from alerting.notify.trouble import Trouble
from storage.errors import StorageError

FIRST_PAUSE: Final = timedelta(milliseconds=500)
LONGEST_PAUSE: Final = timedelta(minutes=1)
GROWTH: Final = 1.5
JITTER: Final = 0.5

log = logging.getLogger(__name__)


class RetryStage:
    """Tells; `chance` is a number in [0, 1) for each pause."""

    def __init__(
        self, trouble: Trouble, *, now: Callable[[], datetime], chance: Callable[[], float] = random.random
    ) -> None:
        self._trouble = trouble
        self._now = now
        self._chance = chance

    async def tell(self, teller: Teller, target: Target, notification: Notification, budget: timedelta) -> None:
        """Deliver within `budget`. Raises the last TemporaryFailure when it is over, PermanentFailure at once."""
        last: list[AlertingError] = []
        try:
            async with asyncio.timeout(budget.total_seconds()):
                await self._rest(self._asked_for(target))
                await self._try(teller, target, notification, last)
        except TimeoutError:
            late = TemporaryFailure(f"{target} did not take it within {budget.total_seconds():g} s")
            if not last:
                self._trouble.failed(target, late, self._now())
            raise last[-1] if last else late from None
        self._trouble.worked(target)

    async def _try(self, teller: Teller, target: Target, notification: Notification, last: list[AlertingError]) -> None:
        pause = FIRST_PAUSE
        while True:
            self._trouble.counts.requests[target.receiver] += 1
            try:
                await teller.tell(notification)
            except TemporaryFailure as failed:
                last[:] = [failed]
            except StorageError as away:
                last[:] = [TemporaryFailure(away.reason, remedy=away.remedy)]
            except AlertingError as refused:
                self._trouble.failed(target, refused, self._now())
                raise
            except Exception as fault:
                # A fault in telling one must not end the telling of all others.
                log.exception("Telling %s failed for a reason that nobody foresaw", target)
                unforeseen = PermanentFailure(f"telling failed unexpectedly: {fault!r}", "see the log, and report it")
                self._trouble.failed(target, unforeseen, self._now())
                raise unforeseen from fault
            else:
                return
            self._trouble.failed(target, last[0], self._now())
            await self._rest(max(self._with_jitter(pause), self._asked_for(target)))
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def _asked_for(self, target: Target) -> timedelta:
        failing = self._trouble.of(target)
        if failing is None or failing.not_before is None:
            return timedelta(0)
        return max(failing.not_before - self._now(), timedelta(0))

    def _with_jitter(self, pause: timedelta) -> timedelta:
        return pause * (1 - JITTER + 2 * JITTER * self._chance())

    async def _rest(self, pause: timedelta) -> None:
        if pause:
            await asyncio.sleep(pause.total_seconds())
