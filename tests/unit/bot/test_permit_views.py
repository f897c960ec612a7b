"""What is drawn of locks, freezes and releases: within the limits, outside text kept text, and what matters said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.inputs.slack.clicks import COMMANDS
from bot.views.permits import (
    AWAIT,
    UNFREEZE,
    UNLOCK,
    ShownWindow,
    render_free,
    render_freeze,
    render_lock,
    render_permits,
)
from bot.words.permits import ShowDiff, ShowFreezes, ShowHistory, ShowLocks
from engine.commands import AwaitUnlock, Unfreeze, Unlock
from engine.deployments.deployment import DeploymentId, PersonId, Purpose
from engine.deployments.differences import Difference
from engine.deployments.releases import Release
from engine.permits.freezes import FreezeState
from engine.permits.locks import LockState
from engine.permits.versions import VersionMark
from tests.fakes.blockkit import buttons, check, words
from tests.properties.bot import states
from tests.properties.bot.test_views import QUICK, mention
from tests.unit.deployments.test_releases import place

NOW = states.NOW
UNTIL = st.none() | st.just(NOW + timedelta(hours=2))
PEOPLE = st.sampled_from([PersonId("ann"), PersonId("<!here>")])
LOCKS = st.builds(
    LockState,
    service=states.SHORT,
    environment=states.SHORT,
    number=st.integers(1, 99),
    owner=PEOPLE,
    reason=states.LONG,
    since=st.just(NOW),
    until=UNTIL,
    cause=st.sampled_from([None, DeploymentId("d-1")]),
    waiters=st.lists(PEOPLE, max_size=30).map(tuple),
    ended=st.sampled_from([None, "unlocked", "broken", "expired", "deployed"]),
    ended_by=st.none() | PEOPLE,
    ended_at=st.just(NOW),
)
FREEZES = st.builds(
    FreezeState,
    service=states.SHORT,
    environment=states.SHORT,
    number=st.integers(1, 9),
    person=PEOPLE,
    reason=states.LONG,
    since=st.just(NOW),
    until=UNTIL,
    ended=st.sampled_from([None, "unfrozen", "expired"]),
    ended_by=st.none() | PEOPLE,
    ended_at=st.just(NOW),
)
WINDOWS = st.builds(ShownWindow, states.SHORT, states.SHORT, UNTIL)
MARKS = st.builds(VersionMark, states.SHORT, states.SHORT, st.just(True), PEOPLE, states.LONG, st.just(NOW))
RELEASES = st.builds(
    Release,
    revision=st.integers(1, 999),
    version=states.SHORT,
    digest=states.SHORT,
    placement=st.just(place()),
    deployment=st.just(DeploymentId("d-1")),
    purpose=st.sampled_from(Purpose),
    by=PEOPLE,
    at=st.just(NOW),
    returned_to=st.none() | st.integers(1, 99),
)
DIFFERENCES = st.builds(Difference, states.SHORT, states.LONG, states.LONG)


def lock(**changes: Any) -> LockState:
    made = LockState("shop", "production", 3, PersonId("ann"), "migration", NOW, None)  # type: ignore[arg-type]
    return replace(made, **changes)


@QUICK
@given(LOCKS)
def test_a_lock_is_drawn_within_the_limits(drawn: LockState) -> None:
    check(render_lock(drawn, mention=mention))
    check(render_free(drawn, 2))


@QUICK
@given(FREEZES)
def test_a_freeze_is_drawn_within_the_limits(drawn: FreezeState) -> None:
    check(render_freeze(drawn, mention=mention))


@QUICK
@given(states.many(LOCKS, 60), states.many(FREEZES, 40), states.many(WINDOWS, 40), states.many(MARKS, 40))
def test_lists_are_drawn_within_the_limits(locks: Any, freezes: Any, windows: Any, bad: Any) -> None:
    for command, data in (
        (ShowLocks(), {"locks": locks}),
        (ShowFreezes(), {"freezes": freezes, "windows": windows, "bad": bad}),
    ):
        message = render_permits(command, data, mention=mention)
        assert message is not None
        check(message)


@QUICK
@given(states.many(RELEASES, 60), states.many(DIFFERENCES, 60), RELEASES)
def test_releases_are_drawn_within_the_limits(releases: Any, found: Any, present: Release) -> None:
    where = {"service": "shop", "environment": "production"}
    history = render_permits(ShowHistory("shop", "production"), {**where, "releases": releases}, mention=mention)
    data = {**where, "present": present, "other": None, "differences": found}
    diff = render_permits(ShowDiff("shop", "production"), data, mention=mention)
    assert history is not None
    assert diff is not None
    check(history)
    check(diff)


def test_a_lock_that_holds_offers_to_end_it_and_one_that_does_not_says_how_it_ended() -> None:
    held = render_lock(lock(), mention=mention)
    assert set(buttons(held.blocks)) == {UNLOCK, AWAIT}
    assert "migration" in words(held.blocks)
    over = render_lock(lock(ended="broken", ended_by=PersonId("ben"), ended_at=NOW), mention=mention)
    assert not buttons(over.blocks)
    assert "Broken by an admin" in words(over.blocks)


def test_a_lock_that_came_by_itself_says_so() -> None:
    assert "after a roll-back" in words(render_lock(lock(cause=DeploymentId("d-1")), mention=mention).blocks)


def test_empty_lists_say_so() -> None:
    for command, data, said in (
        (ShowLocks(), {"locks": []}, "Nothing is locked."),
        (ShowFreezes(), {"freezes": [], "windows": [], "bad": []}, "Nothing is frozen"),
        (ShowHistory("a", "b"), {"releases": [], "service": "a", "environment": "b"}, "None yet"),
    ):
        message = render_permits(command, data, mention=mention)
        assert message is not None
        assert said in words(message.blocks)


def test_each_button_stands_for_a_command() -> None:
    assert COMMANDS[UNLOCK]("shop|production|3") == Unlock("shop", "production")
    assert COMMANDS[AWAIT]("shop|production|3") == AwaitUnlock("shop", "production")
    assert COMMANDS[UNFREEZE]("|production") == Unfreeze("", "production")
    assert COMMANDS[UNFREEZE]("shop|") == Unfreeze("shop", "")
