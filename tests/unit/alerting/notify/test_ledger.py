"""The book of what was told."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from alerting.errors import PermanentFailure
from alerting.notify.dedup import Target, Told
from alerting.notify.events import STREAM, Sent
from alerting.notify.ledger import Entry, Ledger, lasts
from alerting.notify.notification import Reason
from storage.errors import StorageUnavailable
from storage.events import CardChange, Event, NewEvent
from tests.fakes.clock import VirtualClock
from tests.fakes.memory_storage import MemoryDatabase

HOUR = timedelta(hours=1)
TEAM = Target("team", 0)


class House:
    """A database whose log may refuse to write."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.database = MemoryDatabase(self.clock)
        self.away = False
        self.append = self.database.log.append
        self.database.log.append = self._append  # type: ignore[method-assign]

    async def _append(
        self, stream: str, events: Sequence[NewEvent], *, expected: int, at: object, card: CardChange | None = None
    ) -> list[Event]:
        if self.away:
            raise StorageUnavailable("the disk is full", "Make room")
        return await self.append(stream, events, expected=expected, at=self.clock(), card=card)

    async def open(self) -> Ledger:
        ledger = Ledger(self.database.records, self.database.log)
        await ledger.load()
        return ledger

    def entry(self, key: str, *firing: str, group: str = "g", owed: Sequence[str] | None = None) -> Entry:
        at, marks = self.clock(), frozenset(firing)
        told = Told(marks, frozenset(), marks if owed is None else frozenset(owed), at, 1)
        sent = Sent(key, group, {"alertname": "A"}, "team", 0, Reason.FIRST, len(firing), 0, at)
        return Entry(group, TEAM, told, sent, lasts(at, HOUR))

    async def listed(self) -> list[str]:
        return [event.data["key"] for event in await self.database.log.read(STREAM)]


async def test_what_was_told_is_known_after_a_restart() -> None:
    house = House()
    ledger = await house.open()
    entry = house.entry("k", "a", "b")
    await ledger.record(entry)
    again = await house.open()
    assert again.told("g", TEAM) == entry.told
    assert again.told("g", Target("team", 1)) is None
    assert again.told("other", TEAM) is None
    assert again.owes("g", "team", "a")
    assert not again.owes("g", "other", "a")
    assert await house.listed() == ["k"]


async def test_what_a_crash_kept_from_being_listed_is_listed_later_and_once() -> None:
    house = House()
    ledger = await house.open()
    await ledger.record(house.entry("first", "a"))
    house.away = True
    house.clock.advance(HOUR)
    await ledger.record(house.entry("second", "a", "b"))
    assert await house.listed() == ["first"]
    house.away = False
    await house.open()
    await house.open()
    assert await house.listed() == ["first", "second"]


async def test_what_could_not_be_written_is_written_when_it_can() -> None:
    house = House()
    ledger = await house.open()
    house.away = True
    await ledger.record(house.entry("first", "a"))
    await ledger.record(house.entry("second", "b", group="h"))
    assert ledger.told("h", TEAM) is not None
    house.away = False
    await ledger.save()
    assert await house.listed() == ["first", "second"]


async def test_two_who_hand_over_list_in_turn() -> None:
    house = House()
    old, new = await house.open(), await house.open()
    await old.record(house.entry("first", "a"))
    await new.record(house.entry("second", "b"))
    await old.record(house.entry("third", "c"))
    assert await house.listed() == ["first", "second", "third"]


async def test_a_line_is_dropped_when_its_group_is_gone_and_its_time_over() -> None:
    house = House()
    ledger = await house.open()
    await ledger.record(house.entry("one", "a", group="gone"))
    await ledger.record(house.entry("two", "b", group="there"))
    await ledger.forget({"there"}, house.clock() + 2 * HOUR)
    assert ledger.told("gone", TEAM) is not None
    await ledger.forget({"there"}, house.clock() + 3 * HOUR)
    assert ledger.told("gone", TEAM) is None
    assert ledger.told("there", TEAM) is not None
    assert (await house.open()).told("gone", TEAM) is None


async def test_an_unreadable_line_is_named() -> None:
    house = House()
    await house.database.records.put("told", "abc", {"group": 3}, at=house.clock())
    with pytest.raises(PermanentFailure, match="abc"):
        await house.open()


async def test_what_was_told_while_the_database_was_away_stands_when_it_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    ledger, other = await house.open(), await house.open()

    async def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("away", "Wait")

    with monkeypatch.context() as patch:
        patch.setattr(house.database.records, "put_many", away)
        await ledger.record(house.entry("mine", "a"))
        await ledger.record(house.entry("older", "a", group="h"))
    house.clock.advance(HOUR)
    newer = house.entry("theirs", "a", "b", group="h")
    await other.record(newer)
    await ledger.load()
    again = await house.open()
    for one in (ledger, again):
        mine = one.told("g", TEAM)
        assert mine is not None
        assert mine.firing == {"a"}
        assert one.told("h", TEAM) == newer.told
