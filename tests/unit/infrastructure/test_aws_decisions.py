"""The pure parts: names, seats of tasks, shares."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import Version
from engine.errors import PermanentFailure
from engine.infrastructure.aws.ecs_tasks import Task, seats
from engine.infrastructure.aws.names import format_ordinals, parse_ordinals
from engine.infrastructure.aws.shares import grantable

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = Version("a"), Version("b"), Version("c")


@given(st.sets(st.integers(1, 1000)))
def test_ordinals_survive_their_text(ordinals: set[int]) -> None:
    assert parse_ordinals(format_ordinals(ordinals)) == ordinals


@pytest.mark.parametrize("text", ["", "x", "1-", "-3", "١", "99999999", "3-1"])
def test_a_tag_that_somebody_wrote_names_nobody(text: str) -> None:
    assert parse_ordinals(text) == frozenset()


def test_a_thousand_fit_into_a_tag() -> None:
    assert format_ordinals(range(1, 1001)) == "1-1000"


def task(number: int, ordinal: int | None, status: str) -> Task:
    return Task(f"arn-{number}", status, status == "STOPPED", EPOCH + timedelta(seconds=number), ordinal)


tasks = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(1, 6)), st.sampled_from(["PROVISIONING", "RUNNING", "STOPPED"])),
    max_size=8,
).map(lambda rows: [task(number, *row) for number, row in enumerate(rows)])


@given(st.sets(st.integers(1, 6)), tasks)
def test_seats_are_for_one_and_stay(ordinals: set[int], present: list[Task]) -> None:
    found = seats(ordinals, present)
    assert found.keys() <= ordinals
    assert len({one.arn for one in found.values()}) == len(found)
    alive = [one for one in present if one.alive]
    assert len([one for one in found.values() if one.alive]) == min(len(ordinals), len(alive))
    for one in alive:
        older = [other for other in alive if other.ordinal == one.ordinal and other.created_at < one.created_at]
        if one.ordinal in ordinals and not older:
            assert found[one.ordinal] == one


@given(st.sets(st.integers(1, 6)), tasks)
def test_once_tagged_a_seat_is_kept_whoever_comes_later(ordinals: set[int], present: list[Task]) -> None:
    found = {ordinal: one for ordinal, one in seats(ordinals, present).items() if one.alive}
    tagged = [replace(one, ordinal=ordinal) for ordinal, one in found.items()]
    later = task(99, None, "RUNNING")
    again = seats(ordinals, [*tagged, later])
    assert {ordinal: again[ordinal].arn for ordinal in found} == {ordinal: one.arn for ordinal, one in found.items()}


shares = st.integers(0, 100).map(lambda first: {A: first, B: 100 - first})
some = st.sets(st.sampled_from([A, B, C]))


@given(shares, some, shares, some)
def test_shares_are_percent_of_those_who_can(
    asked: dict[Version, int], ready: set[Version], former: dict[Version, int], named: set[Version]
) -> None:
    granted = grantable(asked, ready, former, named)
    assert sum(granted.values()) == 100
    wanted = {version for version, share in asked.items() if share}
    if wanted & ready:
        assert granted.keys() <= wanted & ready
    if wanted <= ready:
        assert granted == {version: share for version, share in asked.items() if share}


@given(some, shares, some)
def test_nothing_asked_is_nothing_granted(ready: set[Version], former: dict[Version, int], named: set[Version]) -> None:
    assert grantable({}, ready, former, named) == grantable({A: 0}, ready, former, named) == {}


def test_who_had_it_keeps_it_while_the_new_one_cannot() -> None:
    assert grantable({B: 100}, {A}, {A: 100}, {A, B}) == {A: 100}
    assert grantable({B: 100}, {A}, {A: 100}, {B}) == {B: 100}
    assert grantable({A: 90, B: 10}, {A}, {A: 100}, {A, B}) == {A: 100}


@pytest.mark.parametrize("wrong", [{A: 99}, {A: 101}, {A: 120, B: -20}, {A: 50, B: 60}])
def test_other_sums_are_refused(wrong: dict[Version, int]) -> None:
    with pytest.raises(PermanentFailure, match="sum to 100"):
        grantable(wrong, {A, B}, {}, {A, B})
