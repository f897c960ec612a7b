"""Storage in memory, for the unit tests of other rooms; it passes the same contract suite as the real ones."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from storage.codec import JSON, Written, decode, encode, text_of
from storage.database import Kind
from storage.errors import Conflict, KeyTaken, StorageUnavailable
from storage.events import Card, CardChange, Event, NewEvent, Snapshot
from storage.follow import Bell, follow
from storage.leases import Lease


def _copy(value: JSON) -> JSON:
    """Return what a database would give back."""
    return decode(encode(value))


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryLog:
    """An EventLog in a list."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._events: list[Event] = []
        self._cards: dict[str, Card] = {}
        self._snapshots: dict[str, Snapshot] = {}

    async def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected: int,
        at: datetime,
        card: CardChange | None = None,
    ) -> list[Event]:
        _open(self._bell)
        actual = len(await self.read(stream))
        if actual != expected:
            raise Conflict(stream, expected, actual)
        added = [self._event(stream, event, nth, expected + nth, at) for nth, event in enumerate(events, 1)]
        if card is not None:
            self._cards[stream] = self._changed(stream, card, at.astimezone(UTC))
        self._events.extend(added)
        self._bell.ring()
        return added

    def _event(self, stream: str, new: NewEvent, nth: int, version: int, at: datetime) -> Event:
        position = len(self._events) + nth
        return Event(
            position=position,
            id=f"event-{position}",
            stream=stream,
            version=version,
            type=new.type,
            data=_copy(new.data),
            at=at.astimezone(UTC),
            actor=new.actor,
            correlation=new.correlation,
            priority=new.priority,
        )

    def _changed(self, stream: str, new: CardChange, at: datetime) -> Card:
        for other in self._cards.values():
            taken = (other.kind, other.key, other.open) == (new.kind, new.key, True)
            if new.open and taken and other.stream != stream:
                raise KeyTaken(new.kind, new.key, other.stream)
        before = self._cards.get(stream)
        opened_at = at if before is None else before.opened_at
        return Card(stream, new.kind, new.key, new.state, new.open, _copy(new.data), opened_at, at)

    async def read(self, stream: str, *, after: int = 0) -> list[Event]:
        _open(self._bell)
        return [event for event in self._events if event.stream == stream and event.version > after]

    async def read_all(
        self, *, after: int = 0, limit: int = 500, newest_first: bool = False, stream_prefix: str = ""
    ) -> list[Event]:
        _open(self._bell)
        chosen = [event for event in self._events[after:] if event.stream.startswith(stream_prefix)]
        return (chosen[::-1] if newest_first else chosen)[:limit]

    async def last_position(self) -> int:
        _open(self._bell)
        return len(self._events)

    async def cards(
        self,
        kind: str,
        *,
        key: str | None = None,
        open: bool | None = None,  # noqa: A002
        limit: int = 100,
    ) -> list[Card]:
        _open(self._bell)
        chosen = [
            card
            for card in reversed(self._cards.values())
            if card.kind == kind and key in {None, card.key} and open in {None, card.open}
        ]
        return chosen[:limit]

    async def card(self, stream: str) -> Card | None:
        _open(self._bell)
        return self._cards.get(stream)

    async def snapshot(self, stream: str) -> Snapshot | None:
        _open(self._bell)
        return self._snapshots.get(stream)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        _open(self._bell)
        before = self._snapshots.get(snapshot.stream)
        if before is None or before.version <= snapshot.version:
            self._snapshots[snapshot.stream] = replace(
                snapshot, data=_copy(snapshot.data), at=snapshot.at.astimezone(UTC)
            )

    def follow(self, *, after: int) -> AsyncIterator[Event]:
        return follow(self.read_all, self._bell, after=after, poll=timedelta(minutes=1))


class MemoryRecords:
    """Records in dictionaries."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._values: dict[str, dict[str, str]] = {}
        self._written: dict[str, dict[str, int]] = {}
        self._revisions: dict[str, int] = {}

    async def get(self, collection: str, key: str) -> JSON | None:
        _open(self._bell)
        text = self._values.get(collection, {}).get(key)
        return None if text is None else decode(text)

    async def put(self, collection: str, key: str, value: JSON, *, at: datetime) -> None:
        await self.put_many(collection, {key: value}, at=at)

    async def put_many(
        self, collection: str, values: Mapping[str, JSON | Written], *, at: datetime, delete: Collection[str] = ()
    ) -> None:
        _open(self._bell)
        texts = {key: text_of(value) for key, value in values.items()}
        kept = {key: text for key, text in self._values.get(collection, {}).items() if key not in delete}
        self._values[collection] = kept | texts
        revision = self._revisions[collection] = self._revisions.get(collection, 0) + 1
        self._written.setdefault(collection, {}).update(dict.fromkeys(texts, revision))

    async def delete(self, collection: str, key: str) -> None:
        await self.put_many(collection, {}, at=datetime.now(UTC), delete=[key])

    async def changes(self, collection: str, *, after: int) -> tuple[int, dict[str, JSON]]:
        written = self._written.get(collection, {})
        changed = {key: value for key, value in (await self.all(collection)).items() if written[key] > after}
        return self._revisions.get(collection, 0), changed

    async def all(self, collection: str) -> dict[str, JSON]:
        _open(self._bell)
        return {key: decode(text) for key, text in sorted(self._values.get(collection, {}).items())}


class MemoryClaims:
    """Claims in a dictionary."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._until: dict[str, datetime] = {}

    async def claim(self, key: str, *, now: datetime, ttl: timedelta) -> bool:
        _open(self._bell)
        if key in self._until and self._until[key] > now:
            return False
        self._until[key] = now + ttl
        return True

    async def release(self, key: str) -> None:
        _open(self._bell)
        self._until.pop(key, None)


class MemoryLeases:
    """Leases in a dictionary, on the clock given."""

    def __init__(self, bell: Bell, now: Callable[[], datetime]) -> None:
        self._bell = bell
        self._now = now
        self._leases: dict[str, Lease] = {}

    async def acquire(self, name: str, holder: str, ttl: timedelta) -> Lease | None:
        held = {lease.name: lease.holder for lease in await self.live()}
        if held.get(name, holder) != holder:
            return None
        self._leases[name] = Lease(name, holder, self._now() + ttl)
        return self._leases[name]

    async def renew(self, lease: Lease, ttl: timedelta) -> Lease | None:
        held = {(live.name, live.holder) for live in await self.live()}
        return await self.acquire(lease.name, lease.holder, ttl) if (lease.name, lease.holder) in held else None

    async def release(self, lease: Lease) -> None:
        _open(self._bell)
        held = self._leases.get(lease.name)
        if held is not None and held.holder == lease.holder:
            del self._leases[lease.name]

    async def live(self) -> list[Lease]:
        _open(self._bell)
        now = self._now()
        return [lease for _, lease in sorted(self._leases.items()) if lease.expires_at > now]

    async def drop(self, holder: str) -> None:
        _open(self._bell)
        self._leases = {name: lease for name, lease in self._leases.items() if lease.holder != holder}


@dataclass(slots=True)
class MemoryDatabase:
    """A Database that is gone with the process. `now` is the clock its leases go by."""

    now: Callable[[], datetime] = _now
    kind: Kind = "sqlite"
    url: str = "memory"
    bell: Bell = field(default_factory=Bell)
    log: MemoryLog = field(init=False)
    records: MemoryRecords = field(init=False)
    claims: MemoryClaims = field(init=False)
    leases: MemoryLeases = field(init=False)

    def __post_init__(self) -> None:
        self.log = MemoryLog(self.bell)
        self.records = MemoryRecords(self.bell)
        self.claims = MemoryClaims(self.bell)
        self.leases = MemoryLeases(self.bell, self.now)

    async def ping(self) -> None:
        _open(self.bell)

    async def close(self) -> None:
        self.bell.close()


def _open(bell: Bell) -> None:
    if bell.closed:
        raise StorageUnavailable("The database has been closed", "Open it again")
