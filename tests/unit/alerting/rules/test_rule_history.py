"""A rule's past: what is written down, and the picture made of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.errors import PermanentFailure
from alerting.rules.history import KEPT, RuleHistory
from alerting.rules.load import parse_rules
from alerting.rules.state import Alert, State
from alerting.rules.status import Health, RuleStatus
from alerting.rules.timeline import MOST_MOVES, MOST_SERIES, Line, RuleDay
from tests.fakes.memory_storage import MemoryDatabase

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
(GROUP,) = parse_rules("r.yml", "groups: [{name: g, rules: [{alert: Down, expr: up == 0}]}]").groups
RULE = GROUP.alert_rules[0]


def alert(state: State, since: datetime, mark: str = "a", *, until: datetime | None = None) -> Alert:
    fired = since + MINUTE if state is not State.PENDING else None
    labels = {"alertname": "Down", "instance": mark}
    return Alert(labels, {}, 1.0, state, since, mark, fired_at=fired, resolved_at=until)


def status(at: datetime, *alerts: Alert, error: str | None = None) -> RuleStatus:
    return RuleStatus(GROUP, RULE, Health(last_error=error, last_evaluation=at), alerts)


class Past:
    """A history, and one rule that is noted every minute."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.history = RuleHistory(self.database.records)
        self.at = T0

    async def run(self, span: timedelta, *alerts: Alert, error: str | None = None) -> None:
        until = self.at + span
        while self.at < until:
            await self.history.note([status(self.at, *alerts, error=error)], at=self.at)
            self.at += MINUTE

    async def day(self) -> RuleDay:
        return await RuleHistory(self.database.records).day(RULE.id, self.at)


def states(day: RuleDay) -> list[tuple[str, int]]:
    """Each state with its minutes."""
    return [(one.state.value, round((one.end - one.start) / MINUTE)) for one in day.rule]


@pytest.fixture
def past() -> Past:
    return Past()


async def test_what_is_pending_fires_and_ends(past: Past) -> None:
    await past.run(30 * MINUTE)
    since = past.at
    await past.run(MINUTE, alert(State.PENDING, since))
    await past.run(10 * MINUTE, alert(State.FIRING, since))
    await past.run(5 * MINUTE, alert(State.INACTIVE, since, until=past.at))
    day = await past.day()
    assert states(day) == [("unknown", 1394), ("inactive", 30), ("pending", 1), ("firing", 10), ("inactive", 5)]
    (line,) = day.series
    assert (line.labels, [one.state for one in line.segments][1:]) == (
        {"instance": "a"},
        [Line.INACTIVE, Line.PENDING, Line.FIRING, Line.INACTIVE],
    )


async def test_times_are_those_of_the_alert_and_not_of_the_note(past: Past) -> None:
    await past.run(5 * MINUTE)
    since = past.at - timedelta(seconds=100)
    await past.run(5 * MINUTE, alert(State.FIRING, since))
    (line,) = (await past.day()).series
    starts = {one.state: one.start for one in line.segments}
    assert (starts[Line.PENDING], starts[Line.FIRING]) == (since, since + MINUTE)


async def test_a_pending_alert_that_goes_ends_without_a_word(past: Past) -> None:
    await past.run(5 * MINUTE, alert(State.PENDING, T0))
    await past.run(5 * MINUTE)
    assert states(await past.day())[1:] == [("pending", 5), ("inactive", 5)]


async def test_errors_and_times_without_evaluation_are_drawn_as_that(past: Past) -> None:
    await past.run(10 * MINUTE, alert(State.FIRING, T0 - MINUTE))
    await past.run(5 * MINUTE, alert(State.FIRING, T0 - MINUTE), error="timeout")
    past.at += HOUR
    past.history = RuleHistory(past.database.records)  # another process
    await past.run(10 * MINUTE, alert(State.FIRING, T0 - MINUTE))
    day = await past.day()
    assert states(day)[1:] == [("firing", 10), ("error", 4), ("unknown", 61), ("firing", 10)]
    assert [one.state.value for one in day.series[0].segments][1:] == ["firing", "unknown", "firing"]


async def test_midnight_and_a_restart_change_nothing(past: Past) -> None:
    past.at = T0.replace(hour=23, minute=0)
    since = past.at
    await past.run(30 * MINUTE, alert(State.FIRING, since))
    past.history = RuleHistory(past.database.records)
    await past.run(90 * MINUTE, alert(State.FIRING, since))
    day = await past.day()
    assert states(day)[1:] == [("firing", 120)]
    assert [one.state.value for one in day.series[0].segments][-2:] == ["pending", "firing"]


async def test_what_ended_over_midnight_does_not_go_on(past: Past) -> None:
    past.at = T0.replace(hour=23, minute=50)
    await past.run(10 * MINUTE, alert(State.FIRING, past.at))
    past.at += HOUR
    past.history = RuleHistory(past.database.records)
    await past.run(10 * MINUTE)
    assert [state for state, _ in states(await past.day())] == ["unknown", "firing", "unknown", "inactive"]


async def test_nothing_new_writes_nothing_but_the_time_of_evaluation(past: Past) -> None:
    await past.run(10 * MINUTE, alert(State.FIRING, T0))
    revision, _ = await past.database.records.changes("rule-history-2026-01-05", after=0)
    for second in range(0, 50, 10):
        at = past.at + timedelta(seconds=second)
        await past.history.note([status(at, alert(State.FIRING, T0))], at=at)
    after, _ = await past.database.records.changes("rule-history-2026-01-05", after=0)
    assert after - revision <= 1


async def test_what_could_not_be_saved_is_saved_later(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise ConnectionError

    await past.run(5 * MINUTE)
    with monkeypatch.context() as broken:
        broken.setattr(past.database.records, "put_many", away)
        with pytest.raises(ConnectionError):
            await past.run(MINUTE, alert(State.FIRING, past.at))
    await past.run(5 * MINUTE, alert(State.FIRING, T0 + 5 * MINUTE))
    assert states(await past.day())[-1] == ("firing", 5)


async def test_a_day_is_bounded_in_series_and_moves(past: Past) -> None:
    many = [alert(State.FIRING, T0, f"series-{n}") for n in range(MOST_SERIES + 10)]
    await past.run(5 * MINUTE, *many)
    day = await past.day()
    assert (len(day.series), day.more_series, day.cut) == (MOST_SERIES, 10, None)
    for n in range(2 * MOST_MOVES):
        at = past.at + timedelta(seconds=5 * n)
        await past.history.note([status(at, *(many if n % 2 else ()))], at=at)
    day = await RuleHistory(past.database.records).day(RULE.id, at)
    assert day.cut is not None
    kept = await past.database.records.get("rule-history-2026-01-05", RULE.id)
    assert kept is not None
    assert sum(len(moves) for _, _, moves in kept["series"]) + len(kept["rule"]) < MOST_MOVES + 2 * len(many)


async def test_old_days_are_deleted(past: Past) -> None:
    await past.run(MINUTE, alert(State.FIRING, T0))
    past.at += KEPT
    await past.run(MINUTE)
    assert await past.database.records.all("rule-history-2026-01-05")
    past.at += timedelta(days=3)
    await past.run(MINUTE)
    assert not await past.database.records.all("rule-history-2026-01-05")


async def test_two_replicas_in_turn_keep_one_past(past: Past) -> None:
    first, second = past.history, RuleHistory(past.database.records)
    await past.run(5 * MINUTE)
    past.history = second
    await past.run(5 * MINUTE, alert(State.FIRING, past.at - MINUTE))
    past.history = first
    await past.run(5 * MINUTE)
    assert states(await past.day())[1:] == [("inactive", 5), ("firing", 5), ("inactive", 5)]


async def test_a_record_that_nobody_can_read_is_named(past: Past) -> None:
    await past.database.records.put("rule-history-2026-01-05", RULE.id, {"rule": 5}, at=T0)
    with pytest.raises(PermanentFailure, match=str(RULE.id)):
        await past.history.day(RULE.id, T0 + HOUR)


async def test_a_rule_that_was_not_evaluated_again_costs_a_comparison(past: Past) -> None:
    same = status(T0, alert(State.FIRING, T0))
    await past.history.note([same], at=T0)
    past.at = T0 + timedelta(seconds=2)
    await past.history.note([replace(same, alerts=())], at=past.at)
    assert states(await past.day())[-1][0] == "firing"


SCRIPTS = st.lists(
    st.tuples(st.sampled_from(["quiet", "pending", "firing", "error", "away"]), st.integers(min_value=1, max_value=90)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=SCRIPTS, hour=st.integers(min_value=0, max_value=23))
def test_a_day_has_one_state_at_every_moment(script: list[tuple[str, int]], hour: int) -> None:
    async def live() -> RuleDay:
        past = Past()
        past.at = T0.replace(hour=hour)
        for what, minutes in script:
            span = minutes * MINUTE
            match what:
                case "away":
                    past.at += span
                case "error":
                    await past.run(span, error="timeout")
                case "quiet":
                    await past.run(span)
                case _:
                    await past.run(span, alert(State(what), past.at))
        return await past.day()

    day = asyncio.run(live())
    for line in (day.rule, *(one.segments for one in day.series)):
        assert (line[0].start, line[-1].end) == (day.start, day.end)
        for one, after in pairwise(line):
            assert one.start < one.end == after.start
            assert one.state is not after.state
