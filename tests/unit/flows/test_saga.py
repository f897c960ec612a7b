"""What a saga does whatever its graph and whatever fails: it ends, in order, and says what is left."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import IllegalMove, Invalid, NotNow, PermanentFailure, TemporaryFailure
from engine.flows import saga
from engine.flows.advance import Broken, Finished, Underway, advance
from engine.flows.saga import (
    MOVES,
    Operation,
    OperationBegun,
    OperationDone,
    Outcome,
    Patience,
    Saga,
    SagaBegun,
    SagaEvent,
    SagaTurnedBack,
    State,
    UndoRetried,
)
from tests.fakes.clock import VirtualClock

SECOND = timedelta(seconds=1)
FORWARD = ("ok", "slow", "moment", "never", "no", "refused", "broken")
BACK = ("ok", "slow", "moment", "never", "no")


class Script:
    """Deeds that do what they are told: what is there is in `there`, and the order of it all in `told`."""

    def __init__(self, forward: Mapping[str, str], back: Mapping[str, str]) -> None:
        self.forward, self.back = forward, back
        self.there: set[str] = set()
        self.told: list[str] = []
        self.asked: dict[str, int] = {}

    async def act(self, operation: Operation) -> Finished | Underway | Broken:
        how = self.forward.get(operation.name, "ok")
        answer = self._answer(f"do {operation.name}", how)
        if how == "broken":
            self.there.add(operation.name)
            return Broken("half of it")
        if isinstance(answer, Finished):
            self.there.add(operation.name)
            self.told.append(f"do {operation.name}")
        return answer

    async def undo(self, operation: Operation) -> Finished | Underway:
        answer = self._answer(f"undo {operation.name}", self.back.get(operation.name, "ok"))
        if isinstance(answer, Finished):
            self.there.discard(operation.name)
            self.told.append(f"undo {operation.name}")
        return answer

    def _answer(self, what: str, how: str) -> Finished | Underway:
        times = self.asked[what] = self.asked.get(what, 0) + 1
        match how:
            case "slow" if times < 3:
                return Underway(f"part {times}", SECOND)
            case "moment" if times < 3:
                raise TemporaryFailure("not now", retry_after=5 * SECOND)
            case "never":
                raise TemporaryFailure("never")
            case "no":
                raise PermanentFailure("no")
            case "refused":
                raise NotNow("refused")
        return Finished("there it is", f"effect of {what}")


async def run(needs: Mapping[str, Sequence[str]], script: Script, events: Sequence[SagaEvent] = ()) -> Saga:
    clock = VirtualClock()
    begun = SagaBegun(
        tuple((name, tuple(needed)) for name, needed in needs.items()), Patience(3, SECOND), Patience(4, SECOND)
    )
    present = saga.begin(begun)

    async def record(new: Sequence[SagaEvent]) -> Saga:
        nonlocal present
        for event in new:
            present = saga.apply(present, event, at=clock())
        return present

    await record(events)
    for _ in range(300):
        wait = await advance(present, script, record, now=clock)
        if wait is None:
            return present
        assert wait > timedelta(0)
        clock.advance(wait)
    raise AssertionError(f"It does not end: {present}")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
    names = "abcdef"[: draw(st.integers(1, 6))]
    needs = {
        name: draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        for number, name in enumerate(names)
    }
    forward = draw(st.dictionaries(st.sampled_from(names), st.sampled_from(FORWARD)))
    return needs, forward, draw(st.dictionaries(st.sampled_from(names), st.sampled_from(BACK)))


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_it_ends_with_all_or_none_and_says_what_is_left(
    world: tuple[dict[str, list[str]], dict[str, str], dict[str, str]],
) -> None:
    needs, forward, back = world
    script = Script(forward, back)
    ended = asyncio.run(run(needs, script))
    bad = [one for one in needs if forward.get(one) in {"never", "no", "refused", "broken"}]
    done, undone = ([one.split()[1] for one in script.told if one.startswith(f"{verb} ")] for verb in ("do", "undo"))
    assert (ended.outcome is Outcome.DONE) == (not bad)
    assert all(done.index(needed) < done.index(name) for name in done for needed in needs[name])
    assert all(
        undone.index(name) < undone.index(needed) for name in undone for needed in needs[name] if needed in undone
    )
    left = {one.name for one in ended.of(State.STUCK, State.KEPT, State.DONE)}
    assert script.there <= left
    if ended.outcome is Outcome.UNDONE:
        assert not script.there
    for one in ended.of(State.KEPT):  # nothing is taken from under what is still there
        assert any(one.name in other.needs for other in ended.of(State.STUCK, State.KEPT))


async def test_what_begun_beside_a_failure_is_taken_back_too() -> None:
    script = Script({"a": "no", "b": "slow"}, {})
    ended = await run({"a": [], "b": [], "c": ["a"]}, script)
    assert [one.state for one in ended.operations.values()] == [State.FAILED, State.UNDONE, State.WAITING]
    assert ended.turned_back == "a: no"


async def test_what_was_given_up_without_an_answer_is_taken_back_for_it_may_be_there() -> None:
    script = Script({"a": "never"}, {})
    ended = await run({"a": []}, script)
    assert (ended.outcome, script.told) == (Outcome.UNDONE, ["undo a"])
    assert script.asked["do a"] == 3


async def test_an_end_by_hand_takes_back_the_last_first() -> None:
    script = Script({"b": "slow"}, {})
    events: list[SagaEvent] = [OperationBegun("a"), OperationDone("a"), OperationBegun("b"), SagaTurnedBack("by hand")]
    ended = await run({"a": [], "b": ["a"]}, script, events)
    assert (ended.outcome, script.told) == (Outcome.UNDONE, ["undo b", "undo a"])


async def test_going_back_can_be_tried_once_more() -> None:
    script = Script({"b": "no"}, {"a": "no"})
    ended = await run({"a": [], "b": ["a"]}, script)
    assert ended.outcome is Outcome.STUCK
    again = saga.apply(ended, UndoRetried(), at=VirtualClock()())
    assert again.operations["a"].state is State.UNDOING
    assert again.outcome is None


def test_moves_that_are_not_in_the_table_are_refused() -> None:
    begun = saga.begin(SagaBegun((("a", ()),)))
    assert set(MOVES) == set(State)
    with pytest.raises(IllegalMove, match="Operation a cannot move from waiting to done"):
        saga.apply(begun, OperationDone("a"), at=VirtualClock()())
    with pytest.raises(Invalid, match="a needs a"):
        saga.begin(SagaBegun((("a", ("a",)),)))


def test_pauses_double_up_to_the_longest() -> None:
    patience = Patience(first=SECOND, longest=10 * SECOND)
    assert [patience.pause(times) / SECOND for times in (1, 2, 3, 4, 5, 1000)] == [1, 2, 4, 8, 10, 10]
