"""What may be done to a silence, against a table taken from Alertmanager 0.28."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.routing.matcher import Matcher, Op
from alerting.silences import rules
from alerting.silences.errors import InvalidSilence
from alerting.silences.silence import SYSTEM, Silence, SilenceId, State

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
NEW = SilenceId("new")
DOWN = (Matcher("alertname", Op.EQUAL, "Down"),)
OTHER = (Matcher("alertname", Op.EQUAL, "Slow"),)


def silence(start: timedelta, end: timedelta, **more: object) -> Silence:
    made = Silence(SilenceId("old"), DOWN, NOW + start, NOW + end, NOW - HOUR, "ada", "upgrade")
    return replace(made, **more)  # type: ignore[arg-type]


ACTIVE = silence(-HOUR, HOUR)
PENDING = silence(HOUR, 2 * HOUR)
EXPIRED = silence(-2 * HOUR, -HOUR)


@pytest.mark.parametrize(
    ("matchers", "message"),
    [
        ((), "invalid silence: at least one matcher required"),
        ((Matcher("a", Op.EQUAL, ""),), "invalid silence: at least one matcher must not match the empty string"),
        ((Matcher("a", Op.REGEX, ".*"),), "invalid silence: at least one matcher must not match the empty string"),
        ((Matcher("", Op.EQUAL, "b"),), 'invalid silence: invalid label matcher 0: invalid label name ""'),
    ],
)
def test_matchers_that_alertmanager_refuses(matchers: tuple[Matcher, ...], message: str) -> None:
    with pytest.raises(InvalidSilence) as wrong:
        rules.check(replace(ACTIVE, matchers=matchers), NOW)
    assert wrong.value.reason == message


@pytest.mark.parametrize(
    "matchers",
    [
        (Matcher("a", Op.NOT_EQUAL, "b"),),  # also passes where there is no label, yet Alertmanager takes it
        (Matcher("a", Op.NOT_REGEX, "b.*"),),
        (Matcher("a", Op.EQUAL, ""), Matcher("b", Op.REGEX, ".+")),
    ],
)
def test_matchers_that_alertmanager_takes(matchers: tuple[Matcher, ...]) -> None:
    rules.check(replace(ACTIVE, matchers=matchers), NOW)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (-HOUR, -HOUR, "Failed to create silence: start time must be before end time"),
        (HOUR, SECOND, "Failed to create silence: start time must be before end time"),
        (-HOUR, -SECOND, "Failed to create silence: end time can't be in the past"),
    ],
)
def test_times_that_alertmanager_refuses(start: timedelta, end: timedelta, message: str) -> None:
    with pytest.raises(InvalidSilence) as wrong:
        rules.check(silence(start, end), NOW)
    assert wrong.value.reason == message


@pytest.mark.parametrize(
    ("before", "wanted", "in_place"),
    [
        (ACTIVE, replace(ACTIVE, ends_at=NOW + 9 * HOUR), True),
        (ACTIVE, replace(ACTIVE, ends_at=NOW + SECOND), True),
        (ACTIVE, replace(ACTIVE, comment="longer", created_by="ben"), True),
        (ACTIVE, replace(ACTIVE, starts_at=ACTIVE.starts_at + timedelta(microseconds=5)), True),
        (ACTIVE, replace(ACTIVE, starts_at=ACTIVE.starts_at + SECOND), False),
        (ACTIVE, replace(ACTIVE, ends_at=NOW - SECOND), False),
        (ACTIVE, replace(ACTIVE, matchers=OTHER), False),
        (ACTIVE, replace(ACTIVE, matchers=DOWN + OTHER), False),
        (PENDING, replace(PENDING, starts_at=NOW + SECOND, ends_at=NOW + 5 * HOUR), True),
        (PENDING, replace(PENDING, starts_at=NOW), True),
        (PENDING, replace(PENDING, starts_at=NOW - SECOND), False),
        (PENDING, replace(PENDING, matchers=OTHER), False),
        (EXPIRED, EXPIRED, False),
        (EXPIRED, replace(EXPIRED, ends_at=NOW + HOUR), False),
    ],
)
def test_what_may_change_in_place(before: Silence, wanted: Silence, in_place: bool) -> None:
    assert rules.may_update(before, wanted, NOW) is in_place
    changed = rules.written(before, wanted, new=NEW, now=NOW)
    assert (changed[-1].id == before.id) is in_place
    assert changed[-1].updated_at == NOW


@pytest.mark.parametrize("before", [ACTIVE, PENDING])
def test_what_may_not_change_in_place_ends_and_begins_anew(before: Silence) -> None:
    old, new = rules.written(before, replace(before, matchers=OTHER, created_by="ben"), new=NEW, now=NOW)
    assert (old.id, old.state(NOW), old.matchers, old.ended_by) == (before.id, State.EXPIRED, DOWN, "ben")
    assert (new.id, new.matchers, new.starts_at) == (NEW, OTHER, max(before.starts_at, NOW))


def test_an_expired_one_begins_anew_and_stays_as_it_was() -> None:
    (new,) = rules.written(EXPIRED, replace(EXPIRED, ends_at=NOW + HOUR), new=NEW, now=NOW)
    assert (new.id, new.starts_at, new.ends_at) == (NEW, NOW, NOW + HOUR)


def test_a_new_one_begins_no_earlier_than_now() -> None:
    (made,) = rules.written(None, replace(ACTIVE, id=SilenceId("")), new=NEW, now=NOW)
    assert (made.id, made.starts_at) == (NEW, NOW)


def test_what_only_we_know_stays_when_another_client_updates() -> None:
    ours = replace(ACTIVE, channel="ops", incident="i-1", until_resolved=True)
    (same_end,) = rules.written(ours, replace(ACTIVE, comment="x"), new=NEW, now=NOW)
    assert (same_end.channel, same_end.incident, same_end.until_resolved) == ("ops", "i-1", True)
    (moved,) = rules.written(ours, replace(ACTIVE, ends_at=NOW + 3 * HOUR), new=NEW, now=NOW)
    assert (moved.channel, moved.until_resolved) == ("ops", False)


@pytest.mark.parametrize(
    ("before", "start", "end"),
    [(ACTIVE, ACTIVE.starts_at, NOW), (PENDING, NOW, NOW), (EXPIRED, EXPIRED.starts_at, EXPIRED.ends_at)],
)
def test_ending(before: Silence, start: datetime, end: datetime) -> None:
    ended = rules.expired(before, "ben", NOW)
    assert (ended.starts_at, ended.ends_at) == (start, end)
    assert ended.state(NOW) is State.EXPIRED
    assert rules.expired(ended, "eve", NOW + HOUR) == ended


def test_an_ended_one_is_remembered_for_five_days() -> None:
    assert not rules.forgotten(EXPIRED, EXPIRED.ends_at + timedelta(hours=120) - SECOND)
    assert rules.forgotten(EXPIRED, EXPIRED.ends_at + timedelta(hours=120))


def test_the_order_people_read() -> None:
    later = silence(-HOUR, 3 * HOUR)
    older = silence(-9 * HOUR, -8 * HOUR)
    assert rules.in_order([older, EXPIRED, PENDING, later, ACTIVE], NOW) == [ACTIVE, later, PENDING, EXPIRED, older]


def test_a_filter_asks_for_the_matcher_itself() -> None:
    assert rules.holds_filter(ACTIVE, DOWN)
    assert not rules.holds_filter(ACTIVE, [Matcher("alertname", Op.REGEX, "Down")])
    assert not rules.holds_filter(ACTIVE, [*DOWN, *OTHER])
    assert rules.holds_filter(ACTIVE, [])


def test_until_resolved() -> None:
    until = replace(ACTIVE, until_resolved=True)
    fires, others = {"alertname": "Down", "instance": "a"}, {"alertname": "Slow"}
    assert not rules.idle(until, [others, fires], NOW)
    assert rules.idle(until, [others], NOW)
    assert rules.idle(until, [], NOW)
    assert not rules.idle(ACTIVE, [], NOW)
    assert not rules.idle(replace(PENDING, until_resolved=True), [], NOW)
    assert rules.expired(until, SYSTEM, NOW).ended_by == SYSTEM
