"""Rotations have no gap, no overlap and no favourite, whatever the clocks do."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerting.incidents.incident import PersonId
from alerting.oncall.rotation import Length, Override, Rotation, Shift, next_on_call, on_call, shifts

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
EPOCH = datetime(2011, 1, 1, tzinfo=UTC)  # the year Apia left out a day

moments = st.integers(0, 400 * 24 * 60).map(lambda minutes: EPOCH + timedelta(minutes=minutes))
people = st.lists(st.sampled_from(["ada", "bob", "cy", "dee"]), min_size=1, max_size=4, unique=True)
lengths: st.SearchStrategy[Length] = st.one_of(
    st.sampled_from(["daily", "weekly"]), st.integers(1, 24 * 14).map(lambda hours: timedelta(hours=hours))
)
clocks = st.none() | st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 30]))


@st.composite
def overrides(draw: st.DrawFn) -> Override:
    since = draw(moments)
    length = timedelta(minutes=draw(st.integers(1, 20 * 24 * 60)))
    return Override(PersonId(draw(st.sampled_from(["ada", "eve"]))), since, since + length)


@st.composite
def rotations(draw: st.DrawFn, most_overrides: int = 0) -> Rotation:
    return Rotation(
        name="shop",
        people=tuple(PersonId(one) for one in draw(people)),
        starts_at=draw(moments),
        length=draw(lengths),
        handoff=draw(clocks),
        timezone=draw(st.sampled_from(ZONES)),
        overrides=tuple(draw(st.lists(overrides(), max_size=most_overrides))),
    )


@settings(deadline=None)
@given(rotations(most_overrides=4), st.integers(0, 60), st.integers(1, 40))
def test_shifts_follow_one_another_without_gap_or_overlap(rotation: Rotation, after: int, days: int) -> None:
    since = rotation.starts_at + timedelta(days=after)
    until = since + timedelta(days=days)
    found = list(islice(shifts(rotation, since, until), 2000))
    assert found[0].since <= since < found[0].until
    assert all(one.until == other.since for one, other in pairwise(found))
    assert all(one.since < one.until for one in found)
    assert len(found) == 2000 or found[-1].since < until <= found[-1].until


@settings(deadline=None)
@given(rotations(most_overrides=4), moments)
def test_everywhere_in_a_shift_the_answer_is_that_shift(rotation: Rotation, at: datetime) -> None:
    shift = on_call(rotation, at)
    if shift is None:
        assert at < rotation.starts_at
        return
    last = shift.until - timedelta(microseconds=1)
    middle = shift.since + (shift.until - shift.since) / 2
    assert {on_call(rotation, one) for one in (shift.since, middle, last, at)} == {shift}


@settings(deadline=None)
@given(rotations(most_overrides=4), moments)
def test_the_last_override_that_covers_the_time_names_the_person(rotation: Rotation, at: datetime) -> None:
    covering = [one for one in rotation.overrides if one.since <= at < one.until]
    shift = on_call(rotation, at)
    if covering:
        assert shift is not None
        assert shift.person == covering[-1].person
    elif at >= rotation.starts_at:
        assert shift is not None
        assert shift.person in rotation.people


@settings(deadline=None)
@given(rotations())
def test_everybody_has_the_same_number_of_turns(rotation: Rotation) -> None:
    assume(rotation.timezone != "Pacific/Apia")  # a turn that falls on the day it left out has no length
    rounds = 3
    found = islice(_all(rotation), rounds * len(rotation.people))
    assert Counter(shift.person for shift in found) == dict.fromkeys(rotation.people, rounds)


@settings(deadline=None)
@given(rotations())
def test_local_handoffs_keep_the_clock_on_the_wall(rotation: Rotation) -> None:
    assume(rotation.timezone != "Pacific/Apia")
    assume(not isinstance(rotation.length, timedelta))
    zone = ZoneInfo(rotation.timezone)
    wanted = time.fromisoformat(rotation.handoff or f"{rotation.starts_at.astimezone(zone):%H:%M}")
    for shift in islice(_all(rotation), 1, 60):
        local = shift.since.astimezone(zone)
        assert local.replace(tzinfo=None) == _on_the_wall(datetime.combine(local.date(), wanted, zone))


@settings(deadline=None)
@given(rotations(most_overrides=4), moments)
def test_the_next_person_is_another_unless_there_is_none(rotation: Rotation, at: datetime) -> None:
    now, coming = on_call(rotation, at), next_on_call(rotation, at)
    if now is None:
        assert coming is None
    elif len(rotation.people) > 1:
        assert coming != now.person


def _all(rotation: Rotation) -> Iterator[Shift]:
    return shifts(rotation, rotation.starts_at, rotation.starts_at + timedelta(days=5000))


def _on_the_wall(local: datetime) -> datetime:
    """A local time that the change of the clocks leaves out comes back as the one the clock shows instead."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None)
