"""What every durable engine promises."""

from datetime import timedelta

from tests.contracts.durable.conftest import Bench

LONG = timedelta(hours=1)
AT_ONCE = timedelta(0)


async def test_turns_are_taken_until_one_answers_none(bench: Bench) -> None:
    bench.turns.answers["a"] = [AT_ONCE, AT_ONCE, None]
    await bench.durable.start("a")
    await bench.until(lambda: len(bench.turns.taken) == 3)


async def test_starting_what_runs_changes_nothing(bench: Bench) -> None:
    bench.turns.answers["a"] = [LONG]
    for _ in range(3):
        await bench.durable.start("a")
    bench.turns.answers["b"] = [None]
    await bench.durable.start("b")
    await bench.until(lambda: "b" in bench.turns.taken)
    assert bench.turns.taken.count("a") == 1
    assert bench.turns.most_at_once == 1


async def test_a_wake_ends_the_wait(bench: Bench) -> None:
    bench.turns.answers["a"] = [LONG]
    await bench.durable.start("a")
    await bench.until(lambda: bench.turns.taken == ["a"])
    await bench.durable.wake("a")
    await bench.until(lambda: bench.turns.taken == ["a", "a"])


async def test_a_turn_that_raises_is_taken_again(bench: Bench) -> None:
    bench.turns.answers["a"] = [RuntimeError("once"), None]
    await bench.durable.start("a")
    await bench.until(lambda: bench.turns.taken == ["a", "a"])


async def test_what_has_ended_can_be_started_again(bench: Bench) -> None:
    bench.turns.answers["a"] = [None]
    await bench.durable.start("a")
    await bench.until(lambda: bench.turns.taken == ["a"])

    for _ in range(1000):  # the first loop may still be closing its books, and then runs as far as we can tell
        await bench.durable.start("a")
        await bench.until(lambda: True)
        if len(bench.turns.taken) == 2:
            break
    assert bench.turns.taken == ["a", "a"]


async def test_waking_what_does_not_run_is_no_error(bench: Bench) -> None:
    await bench.durable.wake("never")
    assert bench.turns.taken == []


async def test_subjects_do_not_wait_for_one_another(bench: Bench) -> None:
    subjects = [f"deployment/{number}" for number in range(12)]
    for subject in subjects:
        bench.turns.answers[subject] = [LONG]
        await bench.durable.start(subject)
    await bench.until(lambda: sorted(bench.turns.taken) == sorted(subjects))
    for subject in subjects:
        await bench.durable.wake(subject)
    await bench.until(lambda: len(bench.turns.taken) == 2 * len(subjects))


async def test_a_turn_may_start_and_wake_another_subject(bench: Bench) -> None:
    async def begin() -> None:
        await bench.durable.start("b")
        await bench.durable.wake("c")

    bench.turns.meanwhile["a"] = begin
    bench.turns.answers["c"] = [LONG]
    await bench.durable.start("c")
    await bench.until(lambda: bench.turns.taken == ["c"])
    await bench.durable.start("a")
    await bench.until(lambda: sorted(bench.turns.taken) == ["a", "b", "c", "c"])
