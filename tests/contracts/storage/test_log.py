"""What every event log promises."""

from datetime import datetime, timedelta

import pytest

from storage.database import Database
from storage.errors import Conflict, KeyTaken
from storage.events import CardChange, NewEvent, Snapshot


def card(*, key: str = "shop", state: str = "running", open_: bool = True) -> CardChange:
    return CardChange("deployment", key, state, open_, {"version": "v2"})


async def test_events_come_back_as_they_were_appended(database: Database, now: datetime) -> None:
    new = NewEvent("Started", {"weight": 10, "note": "é\x00"}, "U1", "request-1", "critical")
    added = await database.log.append("a", [new, NewEvent("Moved", {})], expected=0, at=now)
    assert await database.log.read("a") == added
    assert [(event.position, event.version) for event in added] == [(1, 1), (2, 2)]
    first = added[0]
    assert (first.type, first.data, first.at) == ("Started", new.data, now)
    assert (first.actor, first.correlation, first.priority) == ("U1", "request-1", "critical")
    assert len({event.id for event in added}) == 2


async def test_time_of_another_zone_comes_back_in_utc(database: Database) -> None:
    there = datetime.fromisoformat("2026-03-01T14:00:00.000001+02:00")
    await database.log.append("a", [NewEvent("Started", {})], expected=0, at=there)
    [event] = await database.log.read("a")
    assert event.at == there
    assert event.at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("expected", [0, 2])
async def test_other_version_is_a_conflict(database: Database, now: datetime, expected: int) -> None:
    await database.log.append("a", [NewEvent("Started", {})], expected=0, at=now)
    with pytest.raises(Conflict) as failure:
        await database.log.append("a", [NewEvent("Moved", {})], expected=expected, at=now, card=card())
    assert (failure.value.stream, failure.value.expected, failure.value.actual) == ("a", expected, 1)
    assert await database.log.last_position() == 1
    assert await database.log.card("a") is None


async def test_reading_goes_on_after_a_version(database: Database, now: datetime) -> None:
    await database.log.append("a", [NewEvent(f"E{n}", {}) for n in range(3)], expected=0, at=now)
    assert [event.type for event in await database.log.read("a", after=1)] == ["E1", "E2"]
    assert await database.log.read("b") == []


async def test_reading_all_streams(database: Database, now: datetime) -> None:
    for stream in ("a/1", "A/1", "a%/1", "a/2"):
        await database.log.append(stream, [NewEvent("Started", {})], expected=0, at=now)

    async def streams(**chosen: object) -> list[str]:
        return [event.stream for event in await database.log.read_all(**chosen)]  # type: ignore[arg-type]

    assert await streams() == ["a/1", "A/1", "a%/1", "a/2"]
    assert await streams(after=2, limit=1) == ["a%/1"]
    assert await streams(newest_first=True, limit=2) == ["a/2", "a%/1"]
    assert await streams(stream_prefix="a/") == ["a/1", "a/2"]
    assert await streams(stream_prefix="a%") == ["a%/1"]


async def test_card_follows_its_stream(database: Database, now: datetime) -> None:
    later = now + timedelta(minutes=1)
    await database.log.append("a", [NewEvent("Started", {})], expected=0, at=now, card=card())
    await database.log.append("a", [NewEvent("Moved", {})], expected=1, at=later, card=card(state="done"))
    found = await database.log.card("a")
    assert found is not None
    assert (found.state, found.opened_at, found.updated_at) == ("done", now, later)
    assert (found.stream, found.kind, found.key, found.open) == ("a", "deployment", "shop", True)
    assert found.data == {"version": "v2"}


async def test_one_open_card_for_a_key(database: Database, now: datetime) -> None:
    await database.log.append("a", [NewEvent("Started", {})], expected=0, at=now, card=card())
    with pytest.raises(KeyTaken) as failure:
        await database.log.append("b", [NewEvent("Started", {})], expected=0, at=now, card=card())
    assert (failure.value.kind, failure.value.key, failure.value.stream) == ("deployment", "shop", "a")
    assert await database.log.read("b") == []
    assert await database.log.last_position() == 1


async def test_key_is_free_once_its_card_is_closed(database: Database, now: datetime) -> None:
    await database.log.append("a", [NewEvent("Started", {})], expected=0, at=now, card=card())
    await database.log.append("b", [NewEvent("Asked", {})], expected=0, at=now, card=card(open_=False))
    await database.log.append("a", [NewEvent("Done", {})], expected=1, at=now, card=card(open_=False))
    await database.log.append("c", [NewEvent("Started", {})], expected=0, at=now, card=card())
    assert [found.stream for found in await database.log.cards("deployment")] == ["c", "b", "a"]


async def test_lists_of_cards(database: Database, now: datetime) -> None:
    for stream, key, open_ in (("a", "shop", True), ("b", "cart", True), ("c", "shop", False)):
        await database.log.append(
            stream, [NewEvent("Started", {})], expected=0, at=now, card=card(key=key, open_=open_)
        )

    async def streams(kind: str = "deployment", **chosen: object) -> list[str]:
        return [found.stream for found in await database.log.cards(kind, **chosen)]  # type: ignore[arg-type]

    assert await streams() == ["c", "b", "a"]
    assert await streams(open=True) == ["b", "a"]
    assert await streams(open=False) == ["c"]
    assert await streams(key="shop", limit=1) == ["c"]
    assert await streams("incident") == []


async def test_what_is_no_json_is_refused_whole(database: Database, now: datetime) -> None:
    with pytest.raises(ValueError, match="cannot be stored"):
        await database.log.append(
            "a", [NewEvent("Good", {}), NewEvent("Bad", {"value": float("nan")})], expected=0, at=now
        )
    assert await database.log.last_position() == 0


async def test_newest_snapshot_stays(database: Database, now: datetime) -> None:
    assert await database.log.snapshot("a") is None
    for version in (2, 5, 3):
        await database.log.save_snapshot(Snapshot("a", version, {"at version": version}, now))
    assert await database.log.snapshot("a") == Snapshot("a", 5, {"at version": 5}, now)
