"""What DbosDurable does over the ends of processes, closed workflows and long loops."""

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

import engine.durable_dbos
from engine.durable_dbos import DbosDurable
from tests.contracts.durable.conftest import Turns, eventually, make_dbos

LONG = timedelta(hours=1)
CHILD = Path(__file__).with_name("child.py")
ROOT = Path(__file__).parents[3]


async def test_a_wait_goes_on_in_the_next_process_life(url: str) -> None:
    turns = Turns()
    turns.answers["a"] = [LONG]
    for life in ("one", "two", "three"):
        before = len(turns.taken)
        durable = make_dbos(url, turns, life)
        await durable.launch()
        await durable.start("a")
        await eventually(lambda before=before: len(turns.taken) > before)  # type: ignore[misc]
        await durable.close()
    assert turns.most_at_once == 1
    assert len(turns.taken) == 3


async def test_closing_leaves_no_thread_and_ends_in_time(url: str) -> None:
    turns = Turns()
    turns.answers["a"] = [LONG]
    before = {thread.name for thread in threading.enumerate()}
    durable = make_dbos(url, turns, "one")
    await durable.launch()
    await durable.start("a")
    await eventually(lambda: turns.taken == ["a"])
    async with asyncio.timeout(5):
        await durable.close()
    left = {thread.name for thread in threading.enumerate()} - before
    assert not {name for name in left if not name.startswith("asyncio_")}


async def test_the_loop_of_a_living_executor_is_left_to_it(url: str) -> None:
    turns = Turns()
    turns.answers["a"] = [LONG]
    first = make_dbos(url, turns, "one")
    await first.launch()
    await first.start("a")
    await eventually(lambda: turns.taken == ["a"])
    await first.close()

    async def all_live(executor: str) -> bool:
        return executor == "one"

    second = engine.durable_dbos.DbosDurable(url, turns, executor_id="two", alive=all_live)
    await second.launch()
    await second.start("a")
    turns.answers["b"] = [None]
    await second.start("b")
    await eventually(lambda: "b" in turns.taken)
    assert turns.taken == ["a", "b"]
    await second.close()


async def test_a_long_loop_goes_on_as_the_next_generation(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.durable_dbos, "TURNS", 3)
    monkeypatch.setattr(engine.durable_dbos, "STRETCH", timedelta(seconds=-1))
    turns = Turns()
    turns.answers["a"] = [*[timedelta(0)] * 7, LONG]
    durable = make_dbos(url, turns, "one")
    await durable.launch()
    await durable.start("a")
    await eventually(lambda: len(turns.taken) == 8)
    await durable.wake("a")
    await eventually(lambda: len(turns.taken) == 9)
    await durable.close()
    assert turns.most_at_once == 1


async def test_short_waits_are_one_step_of_dbos_and_a_wake_ends_them(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.durable_dbos, "SHORT", timedelta(hours=2))
    turns = Turns()
    turns.answers["a"] = [LONG, LONG, None]
    durable = make_dbos(url, turns, "one")
    await durable.launch()
    await durable.start("a")
    for taken in (1, 2):
        await eventually(lambda taken=taken: len(turns.taken) == taken)  # type: ignore[misc]
        await durable.wake("a")
    await eventually(lambda: len(turns.taken) == 3)
    await eventually(lambda: "a" not in durable._generations)
    steps = await durable._there(durable._dbos.list_workflow_steps_async("a#1"))
    assert [step["function_name"] for step in steps] == ["turn"]
    await durable.close()


async def test_a_wake_during_a_turn_is_kept_for_after_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.durable_dbos, "SHORT", timedelta(hours=2))
    turns = Turns()
    turns.answers["a"] = [LONG, None]
    durable = make_dbos(url, turns, "one")

    async def decided_meanwhile() -> None:
        if not turns.taken:
            await durable.wake("a")

    turns.meanwhile["a"] = decided_meanwhile
    await durable.launch()
    await durable.start("a")
    await eventually(lambda: turns.taken == ["a", "a"])
    await durable.close()


async def test_our_own_wake_waits_for_no_look_into_the_database(url: str) -> None:
    turns = Turns()
    turns.answers["a"] = [LONG, None]
    durable = engine.durable_dbos.DbosDurable(url, turns, executor_id="one", poll=timedelta(seconds=1))
    await durable.launch()
    await durable.start("a")
    await eventually(lambda: turns.taken == ["a"])
    await durable.wake("a")
    await eventually(lambda: turns.taken == ["a", "a"])
    await durable.close()


async def test_a_workflow_that_was_closed_can_be_started_anew(url: str) -> None:
    turns = Turns()
    turns.answers["a"] = [LONG]
    durable = make_dbos(url, turns, "one")
    await durable.launch()
    await durable.start("a")
    await eventually(lambda: turns.taken == ["a"])
    await durable._there(durable._dbos.cancel_workflow_async("a#1"))
    await durable.wake("a")

    for _ in range(500):
        await durable.start("a")
        if len(turns.taken) > 1:
            break
        await asyncio.sleep(0.02)
    assert turns.taken == ["a", "a"]
    await durable.close()


UNRECORDED = pytest.mark.parametrize(
    "full",
    [
        ("operation_outputs",),  # the loop's row says ERROR then
        ("operation_outputs", "workflow_status"),  # its row stays PENDING
    ],
)


@contextmanager
def full_disk(tables: tuple[str, ...]) -> Iterator[None]:
    """Nothing can be written to these tables of DBOS."""

    def refuse(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if any(re.search(rf"(INSERT INTO|UPDATE) \S*{table}", statement) for table in tables):
            raise OperationalError(statement, {}, Exception("database or disk is full"))

    event.listen(Engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", refuse)


async def fall(durable: DbosDurable, turns: Turns, full: tuple[str, ...]) -> None:
    """Run the loop of "a" into a full disk; answers when its task has ended and there is room again."""
    turns.answers["a"] = [LONG]
    await durable.start("a")
    await eventually(lambda: turns.taken == ["a"])
    with full_disk(full):
        await durable.wake("a")
        await eventually(lambda: "a" in durable._fallen)


@UNRECORDED
async def test_a_loop_that_could_not_be_recorded_is_begun_anew_by_start(
    url: str, full: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.durable_dbos, "AGAIN", LONG)
    turns = Turns()
    durable = make_dbos(url, turns, "one")
    await durable.launch()
    await fall(durable, turns, full)
    before = len(turns.taken)
    await durable.start("a")  # the task that fell may still be writing down that it did
    for _ in range(500):
        if "a" not in durable._fallen:
            break
        await asyncio.sleep(0.02)
        await durable.start("a")
    await durable.wake("a")
    await eventually(lambda: len(turns.taken) > before)
    await durable.close()
    assert turns.most_at_once == 1


@UNRECORDED
async def test_a_loop_that_could_not_be_recorded_comes_back_by_itself(
    url: str, full: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.durable_dbos, "AGAIN", timedelta(milliseconds=50))
    turns = Turns()
    durable = make_dbos(url, turns, "one")
    await durable.launch()
    await fall(durable, turns, full)
    await eventually(lambda: "a" not in durable._fallen)
    before = len(turns.taken)
    await durable.wake("a")
    await eventually(lambda: len(turns.taken) > before)
    await durable.close()
    assert turns.most_at_once == 1


async def test_what_ended_is_forgotten_and_what_runs_is_kept(url: str) -> None:
    turns = Turns()
    turns.answers["b"] = [LONG]
    durable = make_dbos(url, turns, "one")
    await durable.launch()
    await durable.start("a")
    await durable.start("b")

    async def known() -> set[str]:
        await durable.forget(datetime.now(UTC) + timedelta(days=1))
        return {one.workflow_id for one in await durable._there(durable._statuses())}

    for _ in range(500):
        if await known() == {"b#1"}:
            break
        await asyncio.sleep(0.02)
    assert await known() == {"b#1"}
    await durable.close()


async def test_an_unreachable_database_is_said_at_launch(tmp_path: Path) -> None:
    durable = make_dbos(f"sqlite:///{tmp_path}/no/such/folder/x.sqlite", Turns(), "one")
    with pytest.raises(Exception, match="unable to open database file"):
        await durable.launch()
    await durable.close()


Births = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def born(url: str, tmp_path: Path) -> Iterator[Births]:
    """Starts processes of child.py; none outlives the test."""
    children: list[subprocess.Popen[bytes]] = []

    def bear(executor: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(CHILD), url, executor, str(tmp_path)]
        children.append(subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL))
        return children[-1]

    yield bear
    for child in children:
        child.kill()
        child.wait()


@pytest.mark.chaos
async def test_killed_in_a_turn_it_goes_on_in_a_new_process(born: Births, tmp_path: Path) -> None:
    (tmp_path / "turns").touch()
    (tmp_path / "hold").touch()

    def taken() -> list[str]:
        return (tmp_path / "turns").read_text().splitlines()

    first = born("one")
    await eventually(lambda: len(taken()) == 3)
    first.kill()
    first.wait()
    (tmp_path / "hold").unlink()
    born("two")
    await eventually(lambda: len(taken()) >= 5)
    assert taken()[:3] == ["deployment/a 0", "deployment/a 1", "deployment/a 2"]
    assert taken()[3:] == ["deployment/a 3", "deployment/a 4"]  # the turn cut off was taken again, no other
