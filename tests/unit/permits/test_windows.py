"""When a window of the settings holds, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.permits.windows import DAY, WEEK, DatedWindow, WeeklyWindow

WEEKEND = WeeklyWindow("weekend", 4 * DAY + 16 * 60, 8 * 60, "Europe/Paris")  # Friday 16:00 to Monday 08:00
NIGHT = WeeklyWindow("night", 22 * 60, DAY + 6 * 60)  # Monday 22:00 to Tuesday 06:00, UTC


def utc(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "at", "until"),
    [
        (WEEKEND, utc(9, 14, 59), None),  # a Friday, 15:59 in Paris
        (WEEKEND, utc(9, 15), utc(12, 7)),
        (WEEKEND, utc(11, 23, 30), utc(12, 7)),  # Monday 00:30 in Paris
        (WEEKEND, utc(12, 6, 59), utc(12, 7)),
        (WEEKEND, utc(12, 7), None),
        (WEEKEND, utc(28, 12, month=3), utc(30, 6, month=3)),  # summer time begins on the Sunday between
        (NIGHT, utc(5, 21, 59), None),
        (NIGHT, utc(5, 22), utc(6, 6)),
        (NIGHT, utc(6, 5, 59), utc(6, 6)),
        (NIGHT, utc(6, 6), None),
        (NIGHT, utc(7, 23), None),
    ],
)
def test_a_weekly_window_holds_by_its_own_clock(window: WeeklyWindow, at: datetime, until: datetime | None) -> None:
    assert window.until(at) == until


def test_a_window_holds_as_long_as_it_says_in_a_week_without_a_change_of_clocks() -> None:
    start = utc(5, 0)
    held = sum(WEEKEND.until(start + timedelta(minutes=minute)) is not None for minute in range(WEEK))
    assert held == 64 * 60


def test_a_dated_window_holds_once() -> None:
    window = DatedWindow("holidays", utc(5, 0), utc(7, 0))
    assert [window.until(at) for at in (utc(4, 23), utc(5, 0), utc(6, 23, 59), utc(7, 0))] == [
        None,
        utc(7, 0),
        utc(7, 0),
        None,
    ]
