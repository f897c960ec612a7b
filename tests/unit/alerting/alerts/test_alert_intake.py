"""What is said again costs little: it is told to the store as such, and what is remembered of it is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.fingerprint import shown_fingerprint
from alerting.alerts.intake import Intake
from storage.errors import StorageUnavailable
from tests.fakes.clock import VirtualClock

ENDS = "2026-01-05T10:00:00Z"
LATER = "2026-01-05T10:01:00Z"


@dataclass
class Keeper:
    """Writes down what it is told; knows only what it took."""

    taken: list[ReceivedAlert] = field(default_factory=list)
    touched: list[tuple[str, datetime]] = field(default_factory=list)
    full: bool = False

    async def take(self, alerts: Sequence[ReceivedAlert]) -> None:
        if self.full:
            raise StorageUnavailable("No space is left", "Free some")
        self.taken += alerts

    def touch(self, fingerprint: str, ends_at: datetime, updated_at: datetime) -> bool:
        known = any(one.fingerprint == fingerprint for one in self.taken)
        if known:
            self.touched.append((fingerprint, ends_at))
        return known


class World:
    def __init__(self, **given: Any) -> None:
        self.clock, self.keeper = VirtualClock(), Keeper()
        self.intake = Intake(self.keeper, resolve_timeout=lambda: timedelta(minutes=5), now=self.clock, **given)

    async def post(self, *alerts: dict[str, Any]) -> tuple[int, int]:
        """How many were taken and how many only touched."""
        before = len(self.keeper.taken), len(self.keeper.touched)
        await self.intake.post(msgspec.json.encode(alerts))
        return len(self.keeper.taken) - before[0], len(self.keeper.touched) - before[1]


def alert(**changes: Any) -> dict[str, Any]:
    given = {"labels": {"n": "1"}, "annotations": {"a": "x"}, "startsAt": "2026-01-05T09:00:00Z", "endsAt": ENDS}
    return {**given, "generatorURL": "http://one", **changes}


async def test_only_the_end_moves() -> None:
    world = World()
    assert await world.post(alert()) == (1, 0)
    assert await world.post(alert(endsAt=LATER)) == (0, 1)
    (taken,) = world.keeper.taken
    assert world.keeper.touched == [(taken.fingerprint, datetime.fromisoformat(LATER))]


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": {"a": "y"}},
        {"startsAt": "2026-01-05T08:00:00Z"},
        {"generatorURL": "http://two"},
        {"endsAt": None},
        {"endsAt": "2026-01-05T09:00:00Z"},
        {"labels": {"n": "2"}},
    ],
    ids=str,
)
async def test_anything_else_is_taken(changes: dict[str, Any]) -> None:
    world = World()
    await world.post(alert())
    assert await world.post(alert(**changes)) == (1, 0)


@pytest.mark.parametrize("apart", [{"generatorURL": "http://two"}, {"startsAt": "2026-01-05T09:00:07Z"}], ids=str)
async def test_two_senders_of_one_alert_do_not_disturb_each_other(apart: dict[str, Any]) -> None:
    world = World()
    ones, others = alert(annotations={"a": "1"}), alert(annotations={"a": "2"}, **apart)
    await world.post(ones, others)
    assert await world.post({**ones, "endsAt": LATER}, {**others, "endsAt": LATER}) == (0, 2)


async def test_an_alert_without_an_end_is_told_again_for_as_long_as_is_usual() -> None:
    world = World()
    await world.post({"labels": {"n": "1"}})
    world.clock.advance(timedelta(minutes=2))
    assert await world.post({"labels": {"n": "1"}}) == (0, 1)
    assert world.keeper.touched[0][1] == world.clock() + timedelta(minutes=5)


async def test_what_could_not_be_taken_is_taken_the_next_time() -> None:
    world = World()
    await world.post(alert())
    world.keeper.full = True
    with pytest.raises(StorageUnavailable):
        await world.post(alert(annotations={"a": "y"}))
    world.keeper.full = False
    assert await world.post(alert(annotations={"a": "y"})) == (1, 0)


async def test_what_the_store_forgot_is_taken_again() -> None:
    world = World()
    await world.post(alert())
    world.keeper.taken.clear()
    assert await world.post(alert(endsAt=LATER)) == (1, 0)


async def test_what_is_remembered_is_bounded_and_what_is_used_stays() -> None:
    world = World(remembered=20_000)
    await world.post(alert())
    for number in range(200):
        await world.post(alert(labels={"n": f"other {number}"}))
        assert await world.post(alert(endsAt=LATER)) == (0, 1)
    assert await world.post(alert(labels={"n": "other 0"})) == (1, 0)


async def test_an_alert_that_never_stays_away_is_known_after_many_others() -> None:
    world = World(remembered=20_000)
    for number in range(200):
        await world.post(alert(labels={"n": str(number)}))
    taken, touched = await world.post(*(alert(labels={"n": str(number)}) for number in range(200)))
    assert taken + touched == 200
    assert taken > 150


@pytest.mark.parametrize(
    "labels",
    [{}, {"a": ""}, {"a": "b"}, {"z": "1", "a": "é", "ä": "\U0001f600"}, {"a": "x" * 3_000, "b": "x" * 511}],
    ids=lambda one: str(one)[:30],
)
def test_fingerprints_are_those_of_alertmanager(labels: dict[str, str]) -> None:
    plain = 14695981039346656037
    for name in sorted(labels):
        for byte in b"%b\xff%b\xff" % (name.encode(), labels[name].encode()):
            plain = ((plain ^ byte) * 1099511628211) % 2**64
    assert shown_fingerprint(labels) == f"{plain:016x}"
