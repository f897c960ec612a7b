"""Cron's slots against a plain reading of the expression, minute by minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.settings.cron import parse_cron

MINUTE = timedelta(minutes=1)


def field(low: int, high: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """A field of an expression, and the numbers it means."""
    number = st.integers(low, high)
    spans = st.tuples(number, number).map(sorted).map(lambda two: (f"{two[0]}-{two[1]}", range(two[0], two[1] + 1)))
    steps = st.integers(1, high).map(lambda step: (f"*/{step}", range(low, high + 1, step)))
    single = number.map(lambda one: (str(one), range(one, one + 1)))
    several = st.lists(st.one_of(spans, single), min_size=1, max_size=3)
    return st.one_of(
        st.just(("*", frozenset(range(low, high + 1)))),
        steps.map(lambda one: (one[0], frozenset(one[1]))),
        several.map(lambda all_: (",".join(one[0] for one in all_), frozenset(n for one in all_ for n in one[1]))),
    )


@settings(max_examples=150, deadline=None)
@given(
    minute=field(0, 59),
    hour=field(0, 23),
    week=field(0, 7),
    after=st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001  # hypothesis adds the zone
)
def test_the_next_slot_is_the_first_minute_that_fits(
    minute: tuple[str, frozenset[int]],
    hour: tuple[str, frozenset[int]],
    week: tuple[str, frozenset[int]],
    after: datetime,
) -> None:
    after = after.replace(tzinfo=UTC)
    days = {day % 7 for day in week[1]}
    at = after.replace(second=0, microsecond=0) + MINUTE
    while not (at.minute in minute[1] and at.hour in hour[1] and at.isoweekday() % 7 in days):
        at += MINUTE
    assert parse_cron(f"{minute[0]} {hour[0]} * * {week[0]}", "UTC").next_after(after) == at
