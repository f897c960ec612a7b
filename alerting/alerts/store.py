"""All alerts that were told to this installation, whoever told them.

They are told again and again; the database is touched only for what is new or changed, and now and then for an end
that moved. An alert is over when its end passes, but no end passes while nobody listens.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.ends import Ends
from alerting.alerts.held import Held, Worded
from alerting.alerts.journal import AlertJournal, Kept
from alerting.alerts.merge import merged, same
from storage.errors import StorageError
from storage.records import Records

Listener = Callable[[Sequence[ReceivedAlert]], None]
AT_ONCE: Final = 256
"""Alerts that are written in one transaction when many have changed by themselves."""
HEARTBEAT: Final = timedelta(seconds=10)
REMEMBERED: Final = timedelta(minutes=20)
"""How long what is over is known, since Prometheus tells it again for 15 minutes."""


class AlertStore:
    """Every replica has one."""

    def __init__(self, records: Records, *, now: Callable[[], datetime]) -> None:
        self._journal = AlertJournal(records)
        self._now = now
        self._held: dict[str, Held] = {}
        self._ends = Ends()
        self._unsaved: set[str] = set()
        self._revision: int | None = None
        self._heard: datetime | None = None
        self._listeners: list[Listener] = []
        # Deciding on an alert and writing it must not see another's half.
        self._changing = asyncio.Lock()

    def listen(self, listener: Listener) -> None:
        """Call `listener` with the alerts that are new or changed, from now on."""
        self._listeners.append(listener)

    async def load(self) -> None:
        """Take up what the database has; a second time only what others wrote since.

        Raises storage's errors, and PermanentFailure for a record that cannot be read.
        """
        if self._revision is not None:
            await self.poll()
            return
        async with self._changing:
            revision, kept = await self._journal.load()
            deaf = self._deaf(await self._journal.heard(), kept)
            for one in kept:
                self._hold(Held(one.alert if one.over else _later(one.alert, deaf), over=one.over, settled=one.settled))
            self._revision = revision

    async def poll(self) -> list[ReceivedAlert]:
        """Take up what other replicas wrote; the alerts that are new or changed. Raises as `load` does."""
        async with self._changing:
            self._revision, kept = await self._journal.changes(after=self._revision or 0)
            news = [one for one in kept if self._is_news(one)]
            changed = [one.alert for one in news if self._matters(one)]
            for one in news:
                self._hold(Held(one.alert, over=one.over, settled=one.settled))
        self._tell(changed)
        await self.save()
        return changed

    def get(self, fingerprint: str) -> ReceivedAlert | None:
        """The alert, None when it is unknown or forgotten."""
        held = self._held.get(fingerprint)
        return held.alert if held else None

    def stands(self, fingerprint: str, source: str) -> bool:
        """Whether it is known as what `source` lets fire, without an end."""
        held = self._held.get(fingerprint)
        return held is not None and held.ends_at is None and held.first.source == source

    def end_of(self, fingerprint: str, now: datetime) -> datetime | None:
        """When the alert ended, `now` when it is not known; None while it fires."""
        held = self._held.get(fingerprint)
        if held is None:
            return now
        return held.ends_at if held.ends_at is not None and held.ends_at <= now else None

    def all(self) -> list[ReceivedAlert]:
        """Every alert known, those that are over for a while too."""
        return [held.alert for held in self._held.values()]

    def unsettled(self) -> list[ReceivedAlert]:
        """Those of which something may still have to be told."""
        return [held.alert for held in self._held.values() if not held.settled]

    def is_settled(self, fingerprint: str) -> bool:
        """Whether nothing is left to tell of the alert."""
        held = self._held.get(fingerprint)
        return held is not None and held.settled

    def touch(self, fingerprint: str, ends_at: datetime, updated_at: datetime) -> bool:
        """Move the end of an alert that was told again at `updated_at` with nothing else changed.

        The cheapest way to hear that it still fires: nothing is made, nothing is awaited. False when it is not known,
        is over or would end sooner: then `take` must have the whole alert.
        """
        held = self._held.get(fingerprint)
        if held is None or held.over or held.ends_at is None or not updated_at < held.ends_at <= ends_at:
            return False
        held.renew(ends_at, updated_at)
        if held.runs_out:
            self._unsaved.add(fingerprint)
        return True

    def reword(self, fingerprint: str, words: Worded, at: datetime) -> bool:
        """Whoever reads the alert from now on finds these words of it, told at `at`; nothing is written or told.

        False when it does not fire here: then `take` must have the whole alert.
        """
        held = self._held.get(fingerprint)
        if held is None or held.over:
            return False
        # Time goes on: what was written down later than `at` must not come back as news.
        held.words, held.updated_at = words, max(held.updated_at, at)
        return True

    async def take(self, alerts: Iterable[ReceivedAlert]) -> list[ReceivedAlert]:
        """Merge what was told into what is known; the alerts that are new or changed, after they are written.

        Raises storage's errors, and then none of those has changed.
        """
        rest = [alert for alert in alerts if not self._again(alert)]
        if not rest:
            return []
        async with self._changing:
            decided, now = dict[str, Held](), self._now()
            for alert in rest:
                self._decide(alert, decided, now)
            if decided:
                await self._journal.save([held.kept for held in decided.values()], at=now)
            for held in decided.values():
                self._hold(held)
        changed = [held.alert for held in decided.values()]
        self._tell(changed)
        return changed

    async def sync(self, source: str, firing: Collection[str], *, at: datetime) -> list[ReceivedAlert]:
        """End at `at` the alerts of `source` that are not among these fingerprints; those that ended.

        One that expires is left to its own end. Raises storage's errors; what had been ended before stays so.
        """
        gone = [
            held
            for held in self._held.values()
            if held.first.source == source and not held.first.expires and held.first.fingerprint not in firing
        ]
        ended: list[ReceivedAlert] = []
        for first in range(0, len(gone), AT_ONCE):
            some = [held.alert for held in gone[first : first + AT_ONCE] if not held.over]
            ended += await self.take([replace(alert, ends_at=at, updated_at=at) for alert in some])
        return ended

    def expire(self, now: datetime) -> list[ReceivedAlert]:
        """End those whose end has passed; `save` before telling it, or a crash makes them fire again."""
        ended = [held for held in self._ends.passed(now, self._held.get) if not held.over]
        for held in ended:
            held.over = True
            self._unsaved.add(held.first.fingerprint)
        return [held.alert for held in ended]

    def postpone(self, by: timedelta) -> None:
        """Let every alert that fires end later, as when nobody could listen so long."""
        for held in self._held.values():
            if held.ends_at is not None and not held.over:
                held.renew(held.ends_at + by, held.updated_at + by)
                self._unsaved.add(held.first.fingerprint)

    def next_end(self) -> datetime | None:
        """No alert ends before this; None when none does."""
        return self._ends.next()

    def settle(self, fingerprints: Iterable[str]) -> None:
        """Nothing is left to tell of these; the next `save` writes it."""
        for fingerprint in fingerprints:
            held = self._held.get(fingerprint)
            if held is not None and held.over:
                held.settled = True
                self._unsaved.add(fingerprint)

    async def save(self) -> None:
        """Write what changed without being written, and that somebody listens. Raises storage's errors."""
        now = self._now()
        while self._unsaved:
            await self._save_some(now)
        if self._held and (self._heard is None or now - self._heard >= HEARTBEAT):
            await self._journal.note_heard(now)
            self._heard = now

    async def _save_some(self, now: datetime) -> None:
        async with self._changing:
            some = [self._unsaved.pop() for _ in range(min(AT_ONCE, len(self._unsaved)))]
            held = [self._held[fingerprint] for fingerprint in some if fingerprint in self._held]
            kept = [one.kept for one in held]
            try:
                await self._journal.save(kept, at=now)
            except StorageError:
                self._unsaved.update(some)
                raise
            for one, written in zip(held, kept, strict=True):
                one.kept_end, one.written = written.alert.ends_at, written.alert.annotations

    async def tidy(self, now: datetime, *, remove: bool) -> None:
        """Forget what is long over and settled; `remove` it from the database too. Raises storage's errors."""
        async with self._changing:
            gone = [fingerprint for fingerprint, held in self._held.items() if _long_over(held, now)]
            if gone and remove:
                await self._journal.save([], at=now, gone=gone)
            for fingerprint in gone:
                del self._held[fingerprint]

    def _again(self, alert: ReceivedAlert) -> bool:
        """Whether nothing is new but its end and its value; taken up then, without the database."""
        held = self._held.get(alert.fingerprint)
        if held is None or held.is_reworded or not same(held.first, alert):
            return False
        if held.over:
            return held.ends_at == alert.ends_at
        if (held.ends_at is None) != (alert.ends_at is None) or alert.resolved(alert.updated_at):
            return False
        if held.ends_at and alert.ends_at and alert.ends_at < held.ends_at:
            return False
        held.replace(alert)
        if held.runs_out:
            self._unsaved.add(alert.fingerprint)
        return True

    def _decide(self, alert: ReceivedAlert, decided: dict[str, Held], now: datetime) -> None:
        known = decided.get(alert.fingerprint) or self._held.get(alert.fingerprint)
        new = merged(known.alert, alert) if known else alert
        if known and not known.is_reworded and same(known.first, new) and known.ends_at == new.ends_at:
            return
        decided[new.fingerprint] = Held(new, over=new.resolved(now))

    def _is_news(self, kept: Kept) -> bool:
        held = self._held.get(kept.alert.fingerprint)
        if held is None or kept.alert.updated_at > held.updated_at:
            return True
        if kept.alert.updated_at == held.updated_at:
            return (kept.over, kept.settled) > (held.over, held.settled)
        if kept.over and not held.over:
            # Somebody ended it without having heard what we heard since.
            self._unsaved.add(kept.alert.fingerprint)
        return False

    def _matters(self, kept: Kept) -> bool:
        held = self._held.get(kept.alert.fingerprint)
        if held is None:
            return not kept.settled
        return held.over != kept.over or not same(held.first, kept.alert)

    def _hold(self, held: Held) -> None:
        self._held[held.first.fingerprint] = held
        if held.ends_at is not None and not held.over:
            self._ends.add(held.first.fingerprint, held.ends_at)

    def _tell(self, changed: Sequence[ReceivedAlert]) -> None:
        for listener in self._listeners if changed else ():
            listener(changed)

    def _deaf(self, heard: datetime | None, kept: Sequence[Kept]) -> timedelta:
        times = [one.alert.updated_at for one in kept] + ([heard] if heard else [])
        return max(self._now() - max(times), timedelta(0)) if times else timedelta(0)


def _later(alert: ReceivedAlert, by: timedelta) -> ReceivedAlert:
    return alert if alert.ends_at is None else replace(alert, ends_at=alert.ends_at + by)


def _long_over(held: Held, now: datetime) -> bool:
    return held.over and held.settled and held.ends_at is not None and held.ends_at + REMEMBERED < now
