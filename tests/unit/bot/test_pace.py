"""How often a value that moves is told again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.watch.pace import LEAST, due, pace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_few_incidents_are_shown_every_ten_seconds_and_many_as_a_quarter_of_what_chat_can_take() -> None:
    assert pace(0) == pace(1) == LEAST
    assert pace(200) == timedelta(minutes=16)


@given(st.text(max_size=20), st.integers(1, 600), st.integers(1, 60))
def test_a_rule_is_due_once_a_window_however_often_it_is_evaluated(rule: str, every: int, interval: int) -> None:
    told, last = 0, NOON
    for n in range(1, 1200 // interval):
        now = NOON + n * timedelta(seconds=interval)
        if due(rule, last, now, timedelta(seconds=every)):
            told, last = told + 1, now
    assert told <= 1200 / every + 1
    assert told >= min(1200 // every, 1200 // interval) - 2


def test_rules_are_not_all_due_at_once() -> None:
    every = timedelta(minutes=4)
    due_now = [n for n in range(1000) if due(f"Rule{n}", NOON, NOON + timedelta(seconds=24), every)]
    assert 50 < len(due_now) < 150
