"""Merging as types.Alert.Merge and mem.Put of Alertmanager do; the cases follow their code, not ours."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from alerting.alerts.alert import ReceivedAlert
from alerting.alerts.merge import merged, same
from tests.fakes.dispatch import alert

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NOW + timedelta(minutes=minute)


def told(starts: float, ends: float | None, updated: float, *, expires: bool = False) -> ReceivedAlert:
    one = alert(at(starts))
    ends_at = None if ends is None else at(ends)
    return replace(one, starts_at=at(starts), ends_at=ends_at, updated_at=at(updated), expires=expires)


@pytest.mark.parametrize(
    ("known", "new", "expected"),
    [
        # Later word with a later end, same start: it replaces.
        (told(0, 5, 0), told(0, 6, 1), (0, 6)),
        # An earlier end of an alert that fires on does not shorten it.
        (told(0, 5, 0), told(0, 3, 1), (0, 5)),
        # Unless the known end was only a timeout.
        (told(0, 5, 0, expires=True), told(0, 3, 1), (0, 3)),
        # The end is told: it counts.
        (told(0, 5, 0), told(0, 2, 2), (0, 2)),
        # Open end, then over.
        (told(0, None, 0), told(0, 2, 2), (0, 2)),
        # It began within the known time: the earlier start stays.
        (told(0, 5, 0), told(2, 8, 2), (0, 8)),
        # It was over before the new start: a new alert.
        (told(0, 2, 2), told(4, 8, 4), (4, 8)),
        # Both over, and they overlap: the latest end.
        (told(0, 5, 6), told(2, 4, 7), (0, 5)),
        # Older word that comes later: the younger one rules.
        (told(1, 5, 3), told(0, 3, 2), (0, 5)),
        # Open ends told twice.
        (told(0, None, 0), told(0, None, 1), (0, None)),
    ],
)
def test_merging(known: ReceivedAlert, new: ReceivedAlert, expected: tuple[float, float | None]) -> None:
    result = merged(known, new)
    starts, ends = expected
    assert (result.starts_at, result.ends_at) == (at(starts), None if ends is None else at(ends))


def test_the_younger_word_counts() -> None:
    known = replace(told(0, 5, 3), annotations={"note": "young"})
    old = replace(told(1, 4, 2), annotations={"note": "old"})
    assert merged(known, old).annotations == {"note": "young"}


def test_what_makes_no_difference() -> None:
    one = told(0, 5, 0)
    assert same(one, replace(one, ends_at=at(9), updated_at=at(1), value=3.0))
    assert not same(one, replace(one, generator_url="http://x"))
    assert not same(one, replace(one, starts_at=at(1)))
