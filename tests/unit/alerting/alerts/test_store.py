"""Taking, merging, ending and keeping received alerts."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from alerting.alerts.alert import RULES, ReceivedAlert
from alerting.alerts.store import REMEMBERED, AlertStore
from alerting.errors import PermanentFailure
from storage.codec import JSON
from storage.errors import StorageUnavailable
from tests.fakes.clock import VirtualClock
from tests.fakes.dispatch import alert, minutes, resolved, seconds
from tests.fakes.memory_storage import MemoryDatabase


class House:
    """A database, a clock, and what the listener was told."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.database = MemoryDatabase(self.clock)
        self.heard: list[ReceivedAlert] = []
        self.store = self.open()

    def open(self) -> AlertStore:
        """Another replica, or this one after a restart."""
        self.store = AlertStore(self.database.records, now=self.clock)
        self.store.listen(self.heard.extend)
        return self.store

    def fire(self, lasts: float | None = 4, **labels: str) -> ReceivedAlert:
        now = self.clock()
        return alert(now, ends_at=None if lasts is None else now + minutes(lasts), **labels)

    async def kept(self) -> dict[str, JSON]:
        return await self.database.records.all("alerts")

    async def writes(self) -> int:
        return (await self.database.records.changes("alerts", after=0))[0]


@pytest.fixture
async def house() -> House:
    made = House()
    await made.store.load()
    return made


def fired(alerts: Sequence[ReceivedAlert], house: House) -> list[str]:
    return [one.labels.get("instance", "") for one in alerts if not one.resolved(house.clock())]


async def test_a_new_alert_is_kept_and_told(house: House) -> None:
    one = house.fire(instance="a")
    assert await house.store.take([one]) == [one]
    assert house.store.get(one.fingerprint) == one
    assert house.heard == [one]
    assert list(await house.kept()) == [one.fingerprint]


async def test_an_alert_told_again_moves_its_end_without_a_write(house: House) -> None:
    one = house.fire()
    await house.store.take([one])
    house.clock.advance(minutes(1))
    again = replace(one, ends_at=house.clock() + minutes(4), updated_at=house.clock())
    assert await house.store.take([again]) == []
    assert house.store.get(one.fingerprint) == again
    await house.store.save()
    assert await house.writes() == 1


async def test_an_end_that_moved_far_is_written(house: House) -> None:
    one = house.fire()
    await house.store.take([one])
    for _ in range(3):
        house.clock.advance(minutes(1))
        assert house.store.touch(one.fingerprint, house.clock() + minutes(4), house.clock())
    await house.store.save()
    assert await house.writes() == 2
    (kept,) = (await house.kept()).values()
    assert kept["ends_at"] == "2026-01-05T09:07:00Z"


async def test_a_touch_is_for_what_fires_only(house: House) -> None:
    one = house.fire()
    assert not house.store.touch(one.fingerprint, house.clock(), house.clock())
    await house.store.take([one])
    later = house.clock() + minutes(9)
    assert not house.store.touch(one.fingerprint, house.clock() + minutes(1), house.clock())
    assert not house.store.touch(one.fingerprint, later, house.clock() + minutes(5))
    assert house.store.touch(one.fingerprint, later, house.clock() + minutes(1))
    known = house.store.get(one.fingerprint)
    assert known is not None
    assert (known.ends_at, known.updated_at) == (later, house.clock() + minutes(1))


async def test_other_annotations_are_news(house: House) -> None:
    one = house.fire()
    await house.store.take([one])
    house.clock.advance(minutes(1))
    again = replace(one, annotations={"summary": "worse"}, updated_at=house.clock())
    assert await house.store.take([again]) == [again]


async def test_a_value_is_taken_up_silently(house: House) -> None:
    one = replace(house.fire(None), source=RULES, value=1.0)
    await house.store.take([one])
    assert await house.store.take([replace(one, value=float("nan"))]) == []
    known = house.store.get(one.fingerprint)
    assert known is not None
    assert str(known.value) == "nan"
    assert await house.writes() == 1


async def test_what_is_over_is_known_again_when_told_again(house: House) -> None:
    one = house.fire()
    await house.store.take([one])
    house.clock.advance(minutes(1))
    over = resolved(one, house.clock())
    assert await house.store.take([over]) == [over]
    house.clock.advance(minutes(1))
    assert await house.store.take([replace(over, updated_at=house.clock())]) == []
    assert await house.writes() == 2


async def test_an_alert_ends_when_its_end_passes(house: House) -> None:
    one, other = house.fire(1, instance="a"), house.fire(instance="b")
    await house.store.take([one, other])
    house.clock.advance(seconds(59))
    assert house.store.expire(house.clock()) == []
    assert house.store.next_end() == one.ends_at
    house.clock.advance(seconds(1))
    assert house.store.expire(house.clock()) == [one]
    assert house.store.expire(house.clock()) == []
    await house.store.save()
    assert [kept["over"] for kept in (await house.kept()).values()].count(True) == 1


async def test_an_alert_told_again_in_time_does_not_end(house: House) -> None:
    one = house.fire(1)
    await house.store.take([one])
    house.store.touch(one.fingerprint, house.clock() + minutes(3), house.clock() + seconds(30))
    house.clock.advance(minutes(2))
    assert house.store.expire(house.clock()) == []
    house.clock.advance(minutes(1))
    assert len(house.store.expire(house.clock())) == 1


async def test_no_end_passes_while_nobody_listens(house: House) -> None:
    one = house.fire(4)
    await house.store.take([one])
    house.clock.advance(timedelta(hours=1))
    store = house.open()
    await store.load()
    assert store.expire(house.clock()) == []
    house.clock.advance(minutes(5))
    assert len(store.expire(house.clock())) == 1


async def test_an_end_that_was_reached_stays_so_over_a_restart(house: House) -> None:
    one = house.fire(4)
    await house.store.take([one])
    house.clock.advance(minutes(4))
    house.store.expire(house.clock())
    await house.store.save()
    house.clock.advance(timedelta(hours=1))
    store = house.open()
    await store.load()
    assert fired(store.all(), house) == []


async def test_rules_end_what_they_do_not_name(house: House) -> None:
    ours = [replace(house.fire(None, instance=name), source=RULES) for name in "abc"]
    theirs = house.fire(None, instance="d")
    await house.store.take([*ours, theirs])
    house.clock.advance(minutes(1))
    ended = await house.store.sync(RULES, {ours[0].fingerprint}, at=house.clock())
    assert [one.labels["instance"] for one in ended] == ["b", "c"]
    assert fired(house.store.all(), house) == ["a", "d"]


async def test_the_settled_is_forgotten_in_time(house: House) -> None:
    one, held = house.fire(1, instance="a"), house.fire(1, instance="b")
    await house.store.take([one, held])
    house.clock.advance(minutes(1))
    house.store.expire(house.clock())
    house.store.settle([one.fingerprint])
    await house.store.save()
    assert house.store.unsettled() == [held]
    house.clock.advance(REMEMBERED)
    await house.store.tidy(house.clock(), remove=True)
    assert len(await house.kept()) == 2
    house.clock.advance(seconds(1))
    await house.store.tidy(house.clock(), remove=True)
    assert house.store.get(one.fingerprint) is None
    assert list(await house.kept()) == [held.fingerprint]


async def test_replicas_hear_of_each_other(house: House) -> None:
    first, second = house.store, AlertStore(house.database.records, now=house.clock)
    await second.load()
    one = house.fire()
    await second.take([one])
    assert await first.poll() == [one]
    assert house.heard == [one]
    assert await first.poll() == []
    house.clock.advance(minutes(1))
    await first.take([resolved(one, house.clock())])
    assert fired(await second.poll(), house) == []
    assert fired(second.all(), house) == []


async def test_who_heard_last_is_right(house: House) -> None:
    first, second = house.store, AlertStore(house.database.records, now=house.clock)
    one = house.fire(1)
    await first.take([one])
    await second.load()
    house.clock.advance(seconds(30))
    second.touch(one.fingerprint, house.clock() + minutes(9), house.clock())
    house.clock.advance(seconds(30))
    assert len(first.expire(house.clock())) == 1
    await first.save()
    # It learns that the other has ended it too early, and says so.
    await second.poll()
    assert fired(await first.poll(), house) == [""]


async def test_nothing_has_changed_when_it_cannot_be_written(house: House) -> None:
    house.database.bell.close()
    one = house.fire()
    with pytest.raises(StorageUnavailable):
        await house.store.take([one])
    assert house.store.get(one.fingerprint) is None
    assert house.heard == []


async def test_an_unreadable_record_is_named(house: House) -> None:
    await house.database.records.put("alerts", "abc", {"labels": 3}, at=house.clock())
    with pytest.raises(PermanentFailure, match="abc"):
        await house.open().load()


class Words:
    """What an alert says, counting how often it was made."""

    def __init__(self, text: str, value: float) -> None:
        self.text, self.value, self.made = text, value, 0

    @property
    def annotations(self) -> dict[str, str]:
        self.made += 1
        return {"summary": self.text}


async def test_new_words_are_made_when_they_are_read_and_neither_written_nor_told(house: House) -> None:
    one, words = house.fire(lasts=None, instance="a"), Words("at 2", 2.0)
    await house.store.take([one])
    before = await house.writes()
    house.heard.clear()
    assert house.store.reword(one.fingerprint, words, house.clock.advance(minutes(1)))
    assert words.made == 0
    for _ in range(2):
        (known,) = house.store.all()
        assert (known.annotations, known.value, known.updated_at) == ({"summary": "at 2"}, 2.0, house.clock())
    assert words.made == 1
    assert await house.writes() == before
    assert house.heard == []


async def test_who_is_told_the_whole_alert_hears_no_older_words(house: House) -> None:
    one = house.fire(lasts=None, instance="a")
    await house.store.take([one])
    house.store.reword(one.fingerprint, Words("at 2", 2.0), house.clock.advance(minutes(1)))
    again = replace(one, annotations={"summary": "at 3"}, updated_at=house.clock.advance(minutes(1)))
    assert await house.store.take([again]) == [again]
    assert house.store.get(one.fingerprint) == again


async def test_what_does_not_fire_has_no_new_words(house: House) -> None:
    one = house.fire(lasts=None, instance="a")
    assert not house.store.reword(one.fingerprint, Words("at 2", 2.0), house.clock())
    await house.store.take([resolved(one, house.clock())])
    assert not house.store.reword(one.fingerprint, Words("at 2", 2.0), house.clock())


async def test_newer_words_of_an_earlier_slot_are_not_lost_to_what_was_written_down(house: House) -> None:
    slot = house.clock()
    one = replace(house.fire(lasts=None, instance="a"), updated_at=house.clock.advance(minutes(1)))
    await house.store.take([one])
    assert house.store.reword(one.fingerprint, Words("at 2", 2.0), slot)
    assert house.store.get(one.fingerprint) == replace(one, annotations={"summary": "at 2"}, value=2.0)
    house.heard.clear()
    assert await house.store.poll() == []
    assert house.heard == []
    assert house.store.all() == [replace(one, annotations={"summary": "at 2"}, value=2.0)]


async def test_words_that_were_read_before_they_are_told_are_written_all_the_same(house: House) -> None:
    one = house.fire(lasts=None, instance="a")
    await house.store.take([one])
    house.store.reword(one.fingerprint, Words("at 2", 2.0), house.clock.advance(minutes(1)))
    (read,) = house.store.all()
    told = replace(read, updated_at=house.clock.advance(minutes(1)))
    assert await house.store.take([told]) == [told]
    before = await house.writes()
    assert await house.store.take([replace(told, updated_at=house.clock.advance(minutes(1)))]) == []
    assert await house.writes() == before
