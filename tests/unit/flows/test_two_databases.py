"""The transaction over two databases: both or neither, whatever dies or fails, and a true word where that fails."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from engine.flows.saga import Outcome, Saga, State
from storage.database import Database, open_database
from tests.fakes.clock import VirtualClock
from tests.unit.deployments.world import MortalLog
from tests.unit.flows.two_databases import STREAM, Ledger, Shop

ROOT = Path(__file__).parents[3]
NEITHER: tuple[list[tuple[str, int]], int] = ([], 2)
STEPS = [
    "SagaBegun",
    "OperationBegun",
    "OperationDone",
    "OperationBegun",
    "OperationFailed",
    "SagaTurnedBack",
    "UndoBegun",
    "OperationUndone",
    "SagaEnded",
]


class Killed(Exception):
    """The process ends here."""


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Database]:
    """The product's own event log."""
    database = await open_database(f"sqlite:///{tmp_path / 'log.sqlite'}")
    yield database
    await database.close()


@pytest.fixture
def shop(tmp_path: Path, postgres_url: str) -> Shop:
    """Two goods in stock where three are wanted."""
    made = Shop(tmp_path / "orders.sqlite", postgres_url)
    made.open(2)
    return made


async def finish(ledger: Ledger, shop: Shop, clock: VirtualClock, before: Callable[[], None] = lambda: None) -> Saga:
    """Take turns to the end; whatever dies is begun anew. `before` is called ahead of each turn."""
    for _ in range(200):
        try:
            before()
            await ledger.begin()
            wait = await ledger.turn(shop)
        except Killed:
            continue
        if wait is None:
            found = await ledger.load()
            assert found is not None
            return found
        clock.advance(wait)
    raise AssertionError("It does not end.")


async def steps(log: Database) -> list[str]:
    return [one.type for one in await log.log.read(STREAM)]


async def test_both_databases_are_written_when_both_can_be(log: Database, shop: Shop) -> None:
    clock = VirtualClock()
    ended = await finish(Ledger(log.log, clock), replace(shop, wanted=2), clock)
    assert ended.outcome is Outcome.DONE
    assert shop.state() == ([("order-7", 2)], 0)


async def test_what_the_second_refuses_is_taken_back_from_the_first(log: Database, shop: Shop) -> None:
    clock = VirtualClock()
    ended = await finish(Ledger(log.log, clock), shop, clock)
    assert ended.outcome is Outcome.UNDONE
    assert 'violates check constraint "stock_goods_check"' in ended.turned_back
    assert [ended.operations[name].state for name in ("order", "goods")] == [State.UNDONE, State.FAILED]
    assert shop.state() == NEITHER
    assert await steps(log) == STEPS


async def ride(log: Database, shop: Shop, kill_at: int | None) -> int:
    """Run it with a kill at a moment: on either side of every write to the log and of every transaction."""
    clock, moments = VirtualClock(), 0

    def moment() -> None:
        nonlocal moments
        moments += 1
        if moments == kill_at:
            raise Killed

    mortal = MortalLog(log.log, moment)
    await finish(Ledger(mortal, clock), replace(shop, moment=moment), clock)  # type: ignore[arg-type]
    return moments


async def test_a_kill_at_any_moment_leads_to_the_same_end(tmp_path: Path, postgres_url: str) -> None:
    moments = 1
    for kill_at in range(100):  # 0 is the ride without a kill
        if kill_at > moments:
            break
        log = await open_database(f"sqlite:///{tmp_path / f'log-{kill_at}.sqlite'}")
        shop = Shop(tmp_path / f"orders-{kill_at}.sqlite", postgres_url)
        _fresh(postgres_url)
        shop.open(2)
        taken = await ride(log, shop, kill_at or None)
        moments = moments if kill_at else taken
        assert shop.state() == NEITHER, kill_at
        assert await steps(log) == STEPS, kill_at
        await log.close()
    assert moments > 2 * len(STEPS) - 4


def _fresh(url: str) -> None:
    with psycopg.connect(url) as server:
        server.execute("DROP TABLE IF EXISTS stock, steps")


def fall(shop: Shop, log: str, last: int) -> None:
    """Run it in a process of its own, and kill -9 that as soon as so many steps are written down."""
    program = [sys.executable, str(Path(__file__).with_name("two_databases.py"))]
    child = subprocess.Popen(
        [*program, str(shop.orders), shop.stock, log, str(shop.wanted)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    for number, step in enumerate(STEPS[:last], 1):
        assert child.stdout.readline().strip() == step
        if number < last:
            child.stdin.write("\n")
            child.stdin.flush()
    child.kill()
    child.communicate()


@pytest.mark.parametrize("last", [2, 3, 5, 7], ids=lambda last: STEPS[last - 1])
async def test_after_kill_minus_nine_another_process_ends_it(tmp_path: Path, shop: Shop, last: int) -> None:
    url = f"sqlite:///{tmp_path / 'log.sqlite'}"
    fall(shop, url, last)
    clock, log = VirtualClock(), await open_database(url)
    ended = await finish(Ledger(log.log, clock), shop, clock)
    assert ended.outcome is Outcome.UNDONE
    assert shop.state() == NEITHER
    assert await steps(log) == STEPS
    await log.close()


async def locked(log: Database, shop: Shop, times: int | None) -> Saga:
    """Run it while another program holds the first database from the way back on, for so many turns."""
    clock, tries, holder = VirtualClock(), 0, sqlite3.connect(shop.orders, isolation_level=None)

    def told(step: str) -> None:
        if step == "SagaTurnedBack":
            holder.execute("BEGIN EXCLUSIVE")

    def before() -> None:
        nonlocal tries
        tries += holder.in_transaction
        if holder.in_transaction and times is not None and tries >= times:
            holder.execute("ROLLBACK")

    with closing(holder):
        return await finish(Ledger(log.log, clock, told), shop, clock, before)


async def test_a_compensation_that_fails_for_a_while_is_tried_until_it_works(log: Database, shop: Shop) -> None:
    ended = await locked(log, shop, 4)
    assert ended.outcome is Outcome.UNDONE
    assert shop.state() == NEITHER
    troubles = [one for one in await log.log.read(STREAM) if one.type == "OperationTroubled"]
    assert [one.data["reason"] for one in troubles] == ["The orders: database is locked."] * 4
    pauses = [after.at - one.at for one, after in pairwise(troubles)]
    assert pauses == [timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)]


async def test_a_compensation_that_never_works_is_reported_and_can_be_tried_again(log: Database, shop: Shop) -> None:
    ended = await locked(log, shop, None)
    assert ended.outcome is Outcome.STUCK
    stuck = ended.operations["order"]
    assert (stuck.state, stuck.reason) == (State.STUCK, "The orders: database is locked.")
    assert shop.state() == ([("order-7", 3)], 2)
    assert (await steps(log))[-2:] == ["UndoGivenUp", "SagaEnded"]


async def test_a_database_that_is_away_is_waited_for_and_then_taken_back_unseen(log: Database, shop: Shop) -> None:
    clock = VirtualClock()
    away = replace(shop, stock="postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    ended = await finish(Ledger(log.log, clock), away, clock)
    # Nobody knows whether the goods were reserved, so they have to be looked at; and the order waits for that.
    assert [ended.operations[name].state for name in ("order", "goods")] == [State.KEPT, State.STUCK]
    assert ended.outcome is Outcome.STUCK
    assert ended.turned_back == "goods: The stock does not answer."
