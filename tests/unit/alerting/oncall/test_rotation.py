"""Shifts around changes of the clocks, first shifts and overrides."""

from datetime import UTC, datetime, timedelta

import pytest

from alerting.incidents.incident import PersonId
from alerting.oncall.rotation import Override, Rotation, Shift, next_on_call, on_call, shifts

ADA, BOB = PersonId("ada"), PersonId("bob")


def utc(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_a_day_is_an_hour_shorter_when_the_clocks_go_forward() -> None:
    rotation = Rotation("r", (ADA, BOB), utc(3, 28, 8), "daily", "09:00", "Europe/Berlin")
    assert list(shifts(rotation, utc(3, 28, 8), utc(3, 30, 7))) == [
        Shift(ADA, utc(3, 28, 8), utc(3, 29, 7)),
        Shift(BOB, utc(3, 29, 7), utc(3, 30, 7)),
    ]


def test_a_week_hands_over_at_the_same_local_time_all_year() -> None:
    rotation = Rotation("r", (ADA, BOB), utc(1, 5, 8), "weekly", "09:00", "Europe/Berlin")
    summer = on_call(rotation, utc(7, 1))
    assert summer is not None
    assert (summer.since, summer.until) == (utc(6, 29, 7), utc(7, 6, 7))


def test_a_duration_is_elapsed_time() -> None:
    rotation = Rotation("r", (ADA, BOB), utc(3, 28, 8), timedelta(hours=24), timezone="Europe/Berlin")
    assert on_call(rotation, utc(3, 29, 9)) == Shift(BOB, utc(3, 29, 8), utc(3, 30, 8))


def test_a_handoff_in_the_hour_left_out_falls_on_the_clock_after_it() -> None:
    rotation = Rotation("r", (ADA, BOB), utc(3, 27, 12), "daily", "02:30", "Europe/Berlin")
    assert [shift.since for shift in shifts(rotation, utc(3, 28, 12), utc(3, 30, 12))][1:] == [
        utc(3, 29, 1, 30),
        utc(3, 30, 0, 30),
    ]


def test_the_first_person_has_the_time_before_the_first_handoff_too() -> None:
    rotation = Rotation("r", (ADA, BOB), utc(3, 2, 15), "daily", "09:00")
    assert next(shifts(rotation, utc(3, 2, 15), utc(3, 9))) == Shift(ADA, utc(3, 2, 15), utc(3, 4, 9))


def test_nobody_is_on_call_before_the_rotation_starts() -> None:
    rotation = Rotation("r", (ADA,), utc(3, 2), "daily")
    assert on_call(rotation, utc(3, 1)) is None
    assert next_on_call(rotation, utc(3, 1)) is None
    assert next(shifts(rotation, utc(3, 1), utc(3, 3))).since == utc(3, 2)


def test_an_override_cuts_the_shift_and_spans_handoffs_in_one_piece() -> None:
    cover = Override(BOB, utc(3, 2, 12), utc(3, 4, 12))
    rotation = Rotation("r", (ADA,), utc(3, 2), "daily", overrides=(cover,))
    assert [(one.person, one.since, one.until) for one in shifts(rotation, utc(3, 2), utc(3, 5))] == [
        (ADA, utc(3, 2), utc(3, 2, 12)),
        (BOB, utc(3, 2, 12), utc(3, 4, 12)),
        (ADA, utc(3, 4, 12), utc(3, 5)),
    ]


def test_alone_one_is_next_oneself() -> None:
    assert next_on_call(Rotation("r", (ADA,), utc(3, 2)), utc(3, 3)) == ADA


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"people": ()}, "has no people"),
        ({"starts_at": datetime(2026, 3, 2)}, "has no time zone"),  # noqa: DTZ001
        ({"length": timedelta(0)}, "must be above zero"),
        ({"length": "monthly"}, "use daily, weekly or a duration"),
        ({"handoff": "9:00"}, "write it as 09:00"),
        ({"handoff": "24:00"}, "write it as 09:00"),
        ({"timezone": "Berlin"}, "use a name such as Europe/Berlin"),
        ({"timezone": "../etc"}, "use a name such as Europe/Berlin"),
        ({"timezone": "Europe"}, "use a name such as Europe/Berlin"),
    ],
)
def test_pieces_that_do_not_fit_are_named(changes: dict[str, object], words: str) -> None:
    fitting: dict[str, object] = {"name": "r", "people": (ADA,), "starts_at": utc(3, 2)}
    with pytest.raises(ValueError, match=words):
        Rotation(**{**fitting, **changes})  # type: ignore[arg-type]  # wrong on purpose


def test_an_override_must_end_after_it_starts() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        Override(ADA, utc(3, 2), utc(3, 2))
