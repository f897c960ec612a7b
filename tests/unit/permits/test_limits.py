"""Who may run, who waits, and where in the line."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import EnvironmentName
from engine.deployments.deployment import DeploymentId
from engine.permits.limits import InLine, Limits, Running, full
from tests.fakes.durable import VirtualClock

PRODUCTION, STAGING = EnvironmentName("production"), EnvironmentName("staging")
NOW = VirtualClock().at


def running(*places: EnvironmentName) -> list[Running]:
    return [Running(DeploymentId(f"r{number}"), place) for number, place in enumerate(places)]


def waiting(name: str, place: EnvironmentName = PRODUCTION, after: int = 0) -> InLine:
    return InLine(DeploymentId(name), place, NOW + timedelta(seconds=after))


def test_without_limits_everything_runs_at_once() -> None:
    assert full(waiting("a"), running(*[PRODUCTION] * 50), [], Limits()) is None


def test_who_waits_is_told_what_for_and_where_in_the_line() -> None:
    line = [waiting("a"), waiting("b", after=1), waiting("c", after=2)]
    limits, three = Limits(3), running(PRODUCTION, STAGING, STAGING)
    told = [full(one, three, line, limits) for one in line]
    assert [one and (one.text, one.place) for one in told] == [
        ("3 of 3 deployments run; it is the next.", 1),
        ("3 of 3 deployments run; it is number 2 in line.", 2),
        ("3 of 3 deployments run; it is number 3 in line.", 3),
    ]


def test_a_slot_goes_to_whoever_waits_longest() -> None:
    line = [waiting("b", after=1), waiting("a")]
    assert full(waiting("a"), running(PRODUCTION), line, Limits(2)) is None
    assert full(waiting("b", after=1), running(PRODUCTION), line, Limits(2)) is not None


def test_whoever_comes_last_stands_behind_the_line() -> None:
    assert full(waiting("new", after=9), [], [waiting("a")], Limits(1)) is not None


def test_an_environment_that_is_full_holds_up_no_other() -> None:
    line = [waiting("a", PRODUCTION), waiting("b", STAGING, after=1)]
    limits = Limits(2, {PRODUCTION: 1})
    held = full(line[0], running(PRODUCTION), line, limits)
    assert held is not None
    assert held.text == "1 of 1 deployments to production run; it is the next."
    assert full(line[1], running(PRODUCTION), line, limits) is None


@given(
    st.lists(st.sampled_from([PRODUCTION, STAGING]), max_size=8),
    st.lists(st.tuples(st.sampled_from([PRODUCTION, STAGING]), st.integers(0, 9)), max_size=8),
    st.none() | st.integers(1, 4),
    st.none() | st.integers(1, 4),
)
def test_whoever_is_let_in_together_never_goes_over_a_limit(
    taken: list[EnvironmentName], asking: list[tuple[EnvironmentName, int]], overall: int | None, here: int | None
) -> None:
    limits = Limits(overall, {} if here is None else {PRODUCTION: here})
    line = [waiting(f"w{number}", place, after) for number, (place, after) in enumerate(asking)]
    now = running(*taken)
    let_in: list[InLine] = [one for one in line if full(one, now, line, limits) is None]
    total = len(now) + len(let_in)
    assert overall is None or not let_in or total <= overall
    in_production = [*(one.environment for one in now), *(one.environment for one in let_in)].count(PRODUCTION)
    assert here is None or not any(one.environment == PRODUCTION for one in let_in) or in_production <= here
    room = overall is None or total < overall
    assert not (room and here is None and len(let_in) < len(line)), "a slot is left and somebody waits"
