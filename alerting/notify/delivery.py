"""The stages behind all mutes, for one receiver: dedup, retry, record, each integration on its own."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from alerting.alerts.alert import ReceivedAlert
from alerting.errors import AlertingError
from alerting.notify.dedup import Seen, Target, Told, after, needs_update, telling_key, unowed
from alerting.notify.events import Sent, failed_event, sent
from alerting.notify.ledger import Entry, Ledger, lasts
from alerting.notify.notification import Notification, Reason
from alerting.notify.ports import Teller
from alerting.notify.retry import RetryStage
from alerting.notify.stages import Flush
from alerting.notify.trouble import Trouble

SHORTEST: Final = timedelta(seconds=10)
"""What telling a group may take at least, however short its interval."""


class DedupStage:
    """Finds out whether a target must be told, from what it was told last."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now

    def needed(self, flush: Flush, target: Target, seen: Seen, *, send_resolved: bool) -> Reason | None:
        """Why it must be told, None when it knows."""
        return needs_update(
            self._ledger.told(flush.group, target),
            seen,
            send_resolved=send_resolved,
            repeat=flush.route.repeat_interval,
            now=self._now(),
        )


class RecordStage:
    """Keeps what a target was told."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now

    async def record(self, flush: Flush, target: Target, seen: Seen, told: Notification | None) -> None:
        """Enter it; `told` None when the target wants no word of it."""
        at = self._now()
        knows = after(self._ledger.told(flush.group, target), seen, at)
        await self._enter(flush, target, knows, None if told is None else sent(told, target, at))

    async def pass_over(self, flush: Flush, target: Target, seen: Seen) -> None:
        """Enter that the target is owed nothing of what it need not be told."""
        knows = unowed(self._ledger.told(flush.group, target), seen)
        if knows is not None:
            await self._enter(flush, target, knows, None)

    async def _enter(self, flush: Flush, target: Target, knows: Told, listed: Sent | None) -> None:
        until = lasts(knows.at, flush.route.repeat_interval)
        await self._ledger.record(Entry(flush.group, target, knows, listed, until))


class Delivery:
    """Brings what is left of a flush to every integration of its receiver, all at once."""

    def __init__(self, ledger: Ledger, trouble: Trouble, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._trouble = trouble
        self._now = now
        self._dedup = DedupStage(ledger, now=now)
        self._retry = RetryStage(trouble, now=now)
        self._record = RecordStage(ledger, now=now)

    async def deliver(self, flush: Flush, alerts: Sequence[ReceivedAlert], tellers: Sequence[Teller]) -> bool:
        """Whether every integration knows now what it must."""
        if not alerts:
            return True
        targets = [Target(flush.route.receiver, index) for index in range(len(tellers))]
        async with asyncio.TaskGroup() as tasks:
            told = [
                tasks.create_task(self._deliver_to(target, teller, flush, alerts), name=f"tell {target}")
                for target, teller in zip(targets, tellers, strict=True)
            ]
        return all(task.result() for task in told)

    async def _deliver_to(self, target: Target, teller: Teller, flush: Flush, alerts: Sequence[ReceivedAlert]) -> bool:
        firing = tuple(alert for alert in alerts if not alert.resolved(flush.at))
        resolved = tuple(alert for alert in alerts if alert.resolved(flush.at))
        seen = Seen(_marks(firing), _marks(resolved))
        reason = self._dedup.needed(flush, target, seen, send_resolved=teller.send_resolved)
        if reason is None:
            await self._record.pass_over(flush, target, seen)
            return True
        if not firing and not teller.send_resolved:
            await self._record.record(flush, target, seen, None)
            return True
        notification = Notification(
            key=telling_key(flush.group, target, self._ledger.told(flush.group, target), seen, reason),
            group=flush.group,
            group_labels=flush.labels,
            receiver=target.receiver,
            reason=reason,
            firing=firing,
            resolved=resolved if teller.send_resolved else (),
            at=flush.at,
        )
        if not await self._tell(teller, target, notification, flush):
            return False
        await self._record.record(flush, target, seen, notification)
        return True

    async def _tell(self, teller: Teller, target: Target, notification: Notification, flush: Flush) -> bool:
        counts, known = self._trouble.counts, self._trouble.of(target) is not None
        counts.notifications[target.receiver] += 1
        budget = max(flush.route.group_interval, SHORTEST)
        try:
            await self._retry.tell(teller, target, notification, budget)
        except AlertingError as failed:
            counts.notifications_failed[target.receiver] += 1
            if not known:
                at = self._now()
                await self._ledger.list_failure(failed_event(notification, target, str(failed), at), at)
            return False
        return True


def _marks(alerts: Sequence[ReceivedAlert]) -> frozenset[str]:
    return frozenset(alert.fingerprint for alert in alerts)
