"""When which notice of a silence is due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.silences.notices import due_notices, warns_at
from alerting.silences.rules import expired
from alerting.silences.silence import Silence, SilenceId

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONG = Silence(SilenceId("s"), (), START, START + 120 * MINUTE, START, "ada", "x")
SHORT = replace(LONG, ends_at=START + 8 * MINUTE)


def kinds(silence: Silence, minute: float, told: tuple[str, ...] = ()) -> list[str]:
    return [one.kind.value for one in due_notices(silence, told, START + minute * MINUTE)]


@pytest.mark.parametrize(
    ("silence", "minute", "due"),
    [
        (LONG, -1, []),
        (LONG, 0, ["started"]),
        (LONG, 104.9, ["started"]),
        (LONG, 105, ["started", "ending"]),
        (LONG, 120, ["ended"]),
        (LONG, 9999, ["ended"]),
        (SHORT, 5.9, ["started"]),
        (SHORT, 6, ["started", "ending"]),
        (SHORT, 8, ["ended"]),
        (expired(LONG, "ben", START + MINUTE), 1, ["ended"]),
        (expired(LONG, "ben", START - MINUTE), 1, []),
    ],
)
def test_what_is_due(silence: Silence, minute: float, due: list[str]) -> None:
    assert kinds(silence, minute) == due


def test_nothing_is_due_twice() -> None:
    for minute in (0, 110, 130):
        told = tuple(one.key for one in due_notices(LONG, (), START + minute * MINUTE))
        assert not kinds(LONG, minute, told)


def test_an_end_that_moves_is_announced_anew() -> None:
    told = tuple(one.key for one in due_notices(LONG, (), START + 110 * MINUTE))
    longer = replace(LONG, ends_at=LONG.ends_at + 60 * MINUTE)
    assert not kinds(longer, 110, told)
    assert kinds(longer, 166, told) == ["ending"]


def test_a_short_one_warns_when_a_quarter_is_left() -> None:
    assert warns_at(SHORT) == START + 6 * MINUTE
    assert warns_at(LONG) == START + 105 * MINUTE
