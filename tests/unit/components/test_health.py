"""Health from checks in a row."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.catalog import HealthCheck
from engine.components.health import HealthBook, Outcome
from engine.ports import Instance, InstanceHealth
from tests.fakes.clock import VirtualClock
from tests.unit.components.house import PLACE, V1, name

WELL, ILL = Outcome(well=True), Outcome(well=False, reason="503")
CHECK = HealthCheck(interval=timedelta(seconds=1), healthy_after=2, unhealthy_after=3, grace=timedelta(seconds=10))


def instance(clock: VirtualClock) -> Instance:
    return Instance(
        name("v1", 0), PLACE.service, PLACE.environment, V1, "127.0.0.1:1", 7, clock(), InstanceHealth.STARTING
    )


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ("", "starting"),
        ("+", "starting"),
        ("++", "healthy"),
        ("+-+", "starting"),
        ("++--", "healthy"),
        ("++---", "unhealthy"),
        ("++--+--", "healthy"),
        ("++---+", "unhealthy"),
        ("++---++", "healthy"),
        ("---------", "starting"),  # nine seconds: still excused
        ("-----------", "unhealthy"),
        ("--------++", "healthy"),
    ],
)
def test_checks_in_a_row_decide(clock: VirtualClock, checks: str, expected: str) -> None:
    book, one = HealthBook(), instance(clock)
    for sign in checks:
        clock.advance(timedelta(seconds=1))
        book.note(one, WELL if sign == "+" else ILL, CHECK, now=clock())
    tally = book.tally(one)
    assert (InstanceHealth.STARTING if tally is None else tally.health) == expected


def test_a_process_started_anew_begins_anew(clock: VirtualClock) -> None:
    book, one = HealthBook(), instance(clock)
    book.note_dead(one, now=clock())
    again = replace(one, pid=8)
    assert book.tally(again) is None
    assert book.note(again, WELL, replace(CHECK, healthy_after=1), now=clock()).health is InstanceHealth.HEALTHY


def test_the_dead_are_told_in_the_platforms_words_and_since_when(clock: VirtualClock) -> None:
    book, one = HealthBook(), replace(instance(clock), note="Ended by SIGKILL.")
    since = clock()
    book.note_dead(one, now=since)
    tally = book.note_dead(one, now=clock.advance(timedelta(seconds=5)))
    assert (tally.health, tally.reason, tally.dead_since) == (InstanceHealth.DEAD, "Ended by SIGKILL.", since)


def test_a_look_is_due_after_the_interval(clock: VirtualClock) -> None:
    book, one = HealthBook(), instance(clock)
    check = replace(CHECK, healthy_after=1)
    assert book.due(one, check, now=clock())
    book.note(one, WELL, check, now=clock())
    assert not book.due(one, check, now=clock.advance(timedelta(milliseconds=999)))
    assert book.due(one, check, now=clock.advance(timedelta(milliseconds=1)))


def test_one_that_starts_is_looked_at_more_often(clock: VirtualClock) -> None:
    book, one = HealthBook(), instance(clock)
    book.note(one, ILL, CHECK, now=clock())
    assert not book.due(one, CHECK, now=clock.advance(timedelta(milliseconds=249)))
    assert book.due(one, CHECK, now=clock.advance(timedelta(milliseconds=1)))


def test_what_is_gone_is_forgotten(clock: VirtualClock) -> None:
    book, one = HealthBook(), instance(clock)
    book.note(one, WELL, CHECK, now=clock())
    book.forget([one.id, name("v1", 1)])
    assert book.tally(one) is None
