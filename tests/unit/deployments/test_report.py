"""The four key figures, from deployments and incidents told in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import pytest

from engine.catalog import EnvironmentName, ServiceName, Version
from engine.deployments.deployment import DeploymentId, PersonId, Purpose, State
from engine.deployments.journal import Summary
from engine.deployments.report import DAY, Outage, report

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NUMBERS = count(1)


def one(
    ago: timedelta,
    state: State = State.SUCCEEDED,
    *,
    took: timedelta = 10 * MINUTE,
    purpose: Purpose = Purpose.DEPLOY,
    service: str = "shop",
    environment: str = "production",
    id: str = "",  # noqa: A002
    begun: bool = True,
) -> Summary:
    """A deployment that was asked for so long ago and ended `took` later."""
    at = NOW - ago
    open_ = state in {State.RUNNING, State.PLANNED}
    return Summary(
        id=DeploymentId(id or f"d-{next(NUMBERS)}"),
        service=ServiceName(service),
        environment=EnvironmentName(environment),
        version=Version("v2"),
        previous=Version("v1"),
        purpose=purpose,
        state=state,
        outcome=None,
        reason="",
        requested_by=PersonId("ada"),
        requested_at=at,
        started_at=at + MINUTE if begun else None,
        ended_at=None if open_ else at + took,
        updated_at=at,
        step=0,
        steps=1,
        weight=0,
    )


def back(ago: timedelta, **more: object) -> Summary:
    return one(ago, purpose=Purpose.ROLL_BACK, **more)  # type: ignore[arg-type]


def test_nothing_is_no_figure_and_no_fault() -> None:
    found = report([], [], now=NOW, days=30)
    assert found.places == ()
    assert (found.figures.deployments, found.figures.per_day, found.figures.failure_rate) == (0, 0.0, None)
    assert (found.figures.lead_time, found.figures.restore_time) == (None, None)
    assert [round((period.end - period.start) / DAY) for period in found.periods] == [2, 7, 7, 7, 7]


def test_frequency_and_lead_time_are_of_what_succeeded() -> None:
    done = [one(3 * DAY, took=took * MINUTE) for took in (10, 20, 90)]
    others = [one(2 * DAY, State.CANCELLED, begun=False), one(HOUR, State.RUNNING), one(40 * DAY)]
    found = report([*others, *done], [], now=NOW, days=30).figures
    assert (found.deployments, found.per_day, found.lead_time) == (3, 0.1, 20 * MINUTE)
    assert (found.changes, found.failures, found.failure_rate) == (3, 0, 0.0)


@pytest.mark.parametrize("state", [State.FAILED, State.ROLLED_BACK])
def test_what_failed_or_was_rolled_back_is_a_failure_until_the_next_success(state: State) -> None:
    found = report([one(5 * HOUR, state), one(3 * HOUR), one(2 * HOUR)], [], now=NOW, days=7).figures
    assert (found.changes, found.failures, found.deployments) == (3, 1, 2)
    assert (found.restored, found.unrestored, found.restore_time) == (1, 0, 2 * HOUR)


def test_a_success_that_is_taken_back_is_a_failure_from_when_the_way_back_was_asked_for() -> None:
    found = report([back(2 * HOUR, took=4 * MINUTE), one(5 * HOUR)], [], now=NOW, days=7).figures
    assert (found.deployments, found.changes, found.failures) == (1, 1, 1)  # the way back is no change
    assert found.restore_time == 4 * MINUTE


def test_going_back_later_blames_only_the_deployment_before_it() -> None:
    found = report([one(9 * HOUR), one(6 * HOUR), back(HOUR)], [], now=NOW, days=7).figures
    assert (found.changes, found.failures) == (2, 1)


def test_a_way_back_that_fails_restores_nothing() -> None:
    broken = one(2 * HOUR, State.FAILED, purpose=Purpose.ROLL_BACK)
    found = report([one(5 * HOUR), broken], [], now=NOW, days=7).figures
    assert (found.failures, found.restored, found.unrestored) == (1, 0, 1)


def outage(ago: timedelta, resolved: timedelta | None, deployment: str = "d-x") -> Outage:
    return Outage("shop", "production", deployment, NOW - ago, None if resolved is None else NOW - resolved)


@pytest.mark.parametrize(
    ("outages", "restored", "time"),
    [
        ([outage(5 * HOUR, 4 * HOUR)], 1, HOUR),  # it was resolved
        ([outage(5 * HOUR, None)], 1, 5 * HOUR - 2 * HOUR + 10 * MINUTE),  # the next deployment ended it
        ([outage(5 * HOUR, HOUR)], 1, 5 * HOUR - 2 * HOUR + 10 * MINUTE),  # which came before the resolution
        ([outage(HOUR, None)], 0, None),
    ],
)
def test_an_incident_with_a_suspect_is_over_at_the_next_success_or_when_it_is_resolved(
    outages: list[Outage], restored: int, time: timedelta | None
) -> None:
    suspect, repair = one(6 * HOUR, id="d-x"), one(2 * HOUR)
    found = report([suspect, repair], outages, now=NOW, days=7).figures
    assert (found.restored, found.unrestored, found.restore_time) == (restored, 1 - restored, time)
    assert found.failures == 0  # whether the deployment is to blame nobody said


def test_the_suspect_that_succeeds_after_all_ends_nothing() -> None:
    found = report([one(6 * HOUR, id="d-x", took=2 * HOUR)], [outage(5 * HOUR, None)], now=NOW, days=7).figures
    assert (found.restored, found.unrestored) == (0, 1)


def test_an_incident_and_the_roll_back_of_its_suspect_are_one_failure() -> None:
    told = [one(6 * HOUR, State.ROLLED_BACK, id="d-x"), one(2 * HOUR)]
    found = report(told, [outage(6 * HOUR - 5 * MINUTE, None)], now=NOW, days=7).figures
    assert (found.restored, found.restore_time) == (1, 4 * HOUR + 5 * MINUTE)


def test_places_are_told_apart() -> None:
    told = [
        one(5 * HOUR, State.FAILED),
        one(4 * HOUR, environment="staging"),
        one(3 * HOUR, service="cart"),
        one(90 * DAY, service="old"),
    ]
    found = report(told, [], now=NOW, days=7)
    assert [(each.service, each.environment) for each in found.places] == [
        ("cart", "production"),
        ("shop", "production"),
        ("shop", "staging"),
    ]
    assert [each.figures.failures for each in found.places] == [0, 1, 0]
    assert found.places[1].figures.unrestored == 1  # a success in staging restores nothing in production
    assert (found.figures.changes, found.figures.failures) == (3, 1)


@pytest.mark.parametrize(("days", "periods"), [(1, 1), (7, 7), (14, 14), (15, 3), (30, 5), (90, 13)])
def test_periods_add_up_whatever_the_order(days: int, periods: int) -> None:
    random = Random(days)
    states = (State.SUCCEEDED, State.SUCCEEDED, State.FAILED, State.ROLLED_BACK)
    told = [one(random.randrange(1, 120 * 24) * HOUR, random.choice(states)) for _ in range(300)]
    found = report(told, [], now=NOW, days=days)
    assert len(found.periods) == periods
    assert found.periods[0].start == found.since
    assert found.periods[-1].end == NOW
    for name in ("deployments", "changes", "failures", "restored", "unrestored"):
        assert sum(getattr(each.figures, name) for each in found.periods) == getattr(found.figures, name)
    random.shuffle(told)
    assert report(told, [], now=NOW, days=days) == found
