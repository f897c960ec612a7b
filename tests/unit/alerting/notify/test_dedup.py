"""When a group must be told again: the table of Alertmanager's notify_test, and what is owed."""

from datetime import UTC, datetime, timedelta

import pytest

from alerting.notify.dedup import Seen, Target, Told, after, needs_update, telling_key, unowed
from alerting.notify.notification import Reason

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seen(firing: str = "", resolved: str = "") -> Seen:
    return Seen(frozenset(firing), frozenset(resolved))


def told(firing: str = "", resolved: str = "", *, ago: timedelta = timedelta(0), owed: str = "") -> Told:
    return Told(frozenset(firing), frozenset(resolved), frozenset(owed), NOW - ago, 1)


@pytest.mark.parametrize(
    ("known", "now", "send_resolved", "expected"),
    [
        (None, seen("1"), True, Reason.FIRST),
        (None, seen("", "1"), True, None),
        (told("123"), seen("12"), True, None),
        (told("12"), seen("123"), True, Reason.NEW_FIRING),
        (told("", "1"), seen("1"), True, Reason.FIRST),
        (told("12"), seen("", "12"), True, Reason.ALL_RESOLVED),
        (told("12"), seen("", "12"), False, Reason.ALL_RESOLVED),
        (told("", "12"), seen("", "12"), True, None),
        (told("", "1"), seen("", "12"), True, None),
        (told("12"), seen("1", "2"), True, Reason.NEW_RESOLVED),
        (told("12"), seen("1", "2"), False, None),
        (told("1", "23"), seen("1", "2"), True, None),
        (told("1", ago=HOUR), seen("1"), True, None),
        (told("1", ago=HOUR + timedelta(microseconds=1)), seen("1"), True, Reason.REPEAT),
        (told("", "1", ago=2 * HOUR), seen("", "1"), True, None),
        (told("", "2", owed="1"), seen("", "1"), True, Reason.ALL_RESOLVED),
    ],
)
def test_needs_update(known: Told | None, now: Seen, *, send_resolved: bool, expected: Reason | None) -> None:
    assert needs_update(known, now, send_resolved=send_resolved, repeat=HOUR, now=NOW) == expected


def test_what_fires_is_owed_until_its_end_was_told() -> None:
    first = after(None, seen("12"), NOW)
    second = after(first, seen("2"), NOW)
    assert (second.firing, second.owed, second.count) == (frozenset("2"), frozenset("12"), 2)
    assert after(second, seen("2", "1"), NOW).owed == frozenset("2")


def test_who_hears_no_ends_is_owed_none_once_they_were_seen() -> None:
    known = told("12", owed="12")
    assert unowed(known, seen("2", "1")) == told("12", owed="2")
    assert unowed(known, seen("12")) is None
    assert unowed(None, seen("", "1")) is None


def test_the_key_says_what_is_told_after_what() -> None:
    here, there = Target("team", 0), Target("team", 1)
    known, both = told("1"), seen("12")

    def key(target: Target = here, known: Told | None = known, now: Seen = both) -> str:
        return telling_key("{}:{}", target, known, now, Reason.NEW_FIRING)

    assert key() == key(now=seen("21"))
    assert len({key(), key(there), key(known=None), key(now=seen("1")), key(known=after(known, seen("1"), NOW))}) == 5
