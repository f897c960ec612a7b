"""What every group's receiver was told last, kept so that no crash makes us tell it twice.

First comes the telling, then this book, then the event that lists it. A crash after the telling makes us tell again
under the same key, which the receiver can recognise; a crash before the event is noticed by `load`, which adds it.
"""

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerting.errors import PermanentFailure
from alerting.notify.dedup import Target, Told
from alerting.notify.events import SENT, STREAM, Sent, key_of, sent_event
from storage.codec import JSON
from storage.errors import Conflict, StorageError
from storage.events import EventLog, NewEvent
from storage.records import Records

COLLECTION: Final = "told"
AT_ONCE: Final = 200
"""What is written in one transaction."""
LISTED: Final = 500  # events that are looked through for the last tellings

log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True):
    """One line of the book; nobody needs it after `until` unless its group is still there.

    `sent` is None when the receiver wants no word of it and only the book says so.
    """

    group: str
    target: Target
    told: Told
    sent: Sent | None
    until: datetime


class Ledger:
    """The notification log, and the one who appends to the stream of notifications."""

    def __init__(self, records: Records, events: EventLog) -> None:
        self._records = records
        self._log = events
        self._entries: defaultdict[str, dict[Target, Entry]] = defaultdict(dict)
        self._unsaved: dict[str, Entry] = {}
        self._unlisted: list[tuple[NewEvent, datetime]] = []
        self._version: int | None = None
        # One writer at a time takes along what all others wait to have written.
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read the book. Raises storage's errors, and PermanentFailure for a line that cannot be read."""
        kept = [_entry(key, value) for key, value in (await self._records.all(COLLECTION)).items()]
        self._entries.clear()
        for entry in kept:
            self._entries[entry.group][entry.target] = entry
        self._take_up_unsaved()
        self._unlisted = [(sent_event(sent), sent.at) for sent in await self._never_listed()]
        self._version = None
        await self.save()

    def _take_up_unsaved(self) -> None:
        """What we told while the database was away stands, unless somebody else has told more since."""
        for key, entry in list(self._unsaved.items()):
            known = self._entries[entry.group].get(entry.target)
            if known is None or known.told.at < entry.told.at:
                self._entries[entry.group][entry.target] = entry
            else:
                del self._unsaved[key]

    def told(self, group: str, target: Target) -> Told | None:
        """What the target was told last of this group."""
        entry = self._entries[group].get(target) if group in self._entries else None
        return entry.told if entry else None

    def owes(self, group: str, receiver: str, fingerprint: str) -> bool:
        """Whether some integration of the receiver knows the alert as firing."""
        entries = self._entries[group].values() if group in self._entries else ()
        return any(entry.target.receiver == receiver and fingerprint in entry.told.owed for entry in entries)

    async def record(self, entry: Entry) -> None:
        """Enter a telling. When the database is away it is entered all the same, and written by a later `save`."""
        self._entries[entry.group][entry.target] = entry
        self._unsaved[_key(entry.group, entry.target)] = entry
        if entry.sent is not None:
            self._unlisted.append((sent_event(entry.sent), entry.sent.at))
        await self._try_to_save()

    async def list_failure(self, event: NewEvent, at: datetime) -> None:
        """Append that a receiver could not be told; later when the database is away."""
        self._unlisted.append((event, at))
        await self._try_to_save()

    async def save(self) -> None:
        """Write what waits for it. Raises storage's errors."""
        async with self._writing:
            while self._unsaved:
                await self._write(list(self._unsaved)[:AT_ONCE])
            while self._unlisted:
                await self._append(min(AT_ONCE, len(self._unlisted)))

    async def _write(self, keys: Sequence[str]) -> None:
        entries = {key: self._unsaved[key] for key in keys}
        values = {key: _json(entry) for key, entry in entries.items()}
        await self._records.put_many(COLLECTION, values, at=max(entry.told.at for entry in entries.values()))
        for key, entry in entries.items():
            if self._unsaved[key] is entry:
                del self._unsaved[key]

    async def forget(self, groups: Collection[str], now: datetime) -> None:
        """Drop lines of groups other than these (by key) whose time is over. Raises storage's errors."""
        async with self._writing:
            gone = [
                (group, target)
                for group, entries in self._entries.items()
                if group not in groups
                for target, entry in entries.items()
                if entry.until < now
            ]
            if gone:
                await self._records.put_many(COLLECTION, {}, at=now, delete=[_key(*place) for place in gone])
            for group, target in gone:
                del self._entries[group][target]
                if not self._entries[group]:
                    del self._entries[group]

    async def _try_to_save(self) -> None:
        try:
            await self.save()
        except StorageError as away:
            log.warning("What was told could not be written yet: %s", away)

    async def _append(self, count: int) -> None:
        events = self._unlisted[:count]
        at = max(when for _, when in events)
        while True:
            version = await self._stand() if self._version is None else self._version
            try:
                await self._log.append(STREAM, [event for event, _ in events], expected=version, at=at)
            except Conflict:
                # Another replica told something before it handed over to us.
                self._version = None
                continue
            break
        self._version = version + len(events)
        del self._unlisted[:count]

    async def _stand(self) -> int:
        newest = await self._log.read_all(limit=1, newest_first=True, stream_prefix=STREAM)
        return newest[0].version if newest else 0

    async def _never_listed(self) -> list[Sent]:
        """Tellings in the book that a crash kept from being listed."""
        events = await self._log.read_all(limit=LISTED, newest_first=True, stream_prefix=STREAM)
        listed = {key_of(event) for event in events if event.type == SENT}
        since = events[-1].at if len(events) == LISTED else None
        told = sorted((entry.sent for entry in self._all() if entry.sent), key=lambda sent: sent.at)
        return [sent for sent in told if (since is None or sent.at > since) and sent.key not in listed]

    def _all(self) -> Iterator[Entry]:
        for entries in self._entries.values():
            yield from entries.values()


def lasts(at: datetime, repeat: timedelta) -> datetime:
    """How long a telling is remembered when its group is gone: twice the repeat interval, as Alertmanager does."""
    return at + 2 * repeat


def _key(group: str, target: Target) -> str:
    return hashlib.sha256(f"{target} {group}".encode()).hexdigest()[:32]


def _json(entry: Entry) -> JSON:
    value: JSON = msgspec.to_builtins(entry)
    return value


def _entry(key: str, value: JSON) -> Entry:
    try:
        return msgspec.convert(value, Entry)
    except msgspec.ValidationError as wrong:
        raise PermanentFailure(
            f"the line {key} of what was told cannot be read: {wrong}",
            f'delete the record "{key}" of "{COLLECTION}"; what still fires of its group is then told once more',
        ) from wrong
