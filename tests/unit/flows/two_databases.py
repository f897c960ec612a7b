"""An order over two databases, as one: the order in SQLite, its goods reserved in PostgreSQL. Real ones, both.

Each database notes the keys of what was done and undone in the same transaction as the effect. Run as a program it
takes an order forward step by step: it says each step that was written down and waits for a line to go on.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg

from engine.errors import PermanentFailure, TemporaryFailure
from engine.flows import saga
from engine.flows.advance import Finished, advance
from engine.flows.saga import Operation, Patience, Saga, SagaBegun, SagaEvent
from storage.database import open_database
from storage.errors import Conflict
from storage.events import EventLog, NewEvent

STREAM = "saga/order-7"
TYPES = {kind.__name__: kind for kind in SagaEvent.__args__}
BEGUN = SagaBegun(
    (("order", ()), ("goods", ("order",))),
    forward=Patience(tries=4, first=timedelta(seconds=1)),
    back=Patience(tries=6, first=timedelta(seconds=1)),
)
INSERT = "INSERT INTO orders VALUES ('order-7', {})"
TAKE = "UPDATE stock SET goods = goods - ({})"
NOTES = "CREATE TABLE IF NOT EXISTS steps (key TEXT PRIMARY KEY)"


@dataclass(frozen=True, slots=True)
class Shop:
    """Both databases. `moment` is called on both sides of every transaction; a kill may strike there."""

    orders: Path
    stock: str
    wanted: int = 3
    moment: Callable[[], None] = lambda: None

    def open(self, goods: int) -> None:
        """Make the tables, with so many goods in stock."""
        with closing(sqlite3.connect(self.orders)) as file, file:
            file.execute(NOTES)
            file.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, amount INTEGER)")
        with psycopg.connect(self.stock) as server:
            server.execute(NOTES)
            server.execute("CREATE TABLE stock (goods INTEGER NOT NULL CHECK (goods >= 0))")
            server.execute("INSERT INTO stock VALUES (%s)", (goods,))

    def state(self) -> tuple[list[tuple[str, int]], int]:
        """The orders, and the goods that are left."""
        with closing(sqlite3.connect(self.orders)) as file:
            orders = file.execute("SELECT id, amount FROM orders").fetchall()
        with psycopg.connect(self.stock) as server:
            row = server.execute("SELECT goods FROM stock").fetchone()
        assert row is not None
        return orders, row[0]

    async def act(self, operation: Operation) -> Finished:
        self.moment()
        if operation.name == "order":
            self._order("done", INSERT.format(self.wanted), unless="undone")
        else:
            self._goods("done", TAKE.format(self.wanted), unless="undone")
        self.moment()
        return Finished()

    async def undo(self, operation: Operation) -> Finished:
        self.moment()
        if operation.name == "order":
            self._order("undone", "DELETE FROM orders WHERE id = 'order-7'", only="done")
        else:
            self._goods("undone", TAKE.format(-self.wanted), only="done")
        self.moment()
        return Finished("nothing is left of it")

    def _order(self, key: str, statement: str, *, unless: str = "", only: str = "") -> None:
        try:
            with closing(sqlite3.connect(self.orders, timeout=0)) as file, file:
                seen = {row[0] for row in file.execute("SELECT key FROM steps")}
                for one in _due(seen, key, statement, unless, only):
                    file.execute(one)
        except sqlite3.OperationalError as error:
            raise TemporaryFailure(f"The orders: {error}.") from error

    def _goods(self, key: str, statement: str, *, unless: str = "", only: str = "") -> None:
        try:
            with psycopg.connect(self.stock) as server:
                seen = {row[0] for row in server.execute("SELECT key FROM steps")}
                for one in _due(seen, key, statement, unless, only):
                    server.execute(one.encode())
        except psycopg.errors.CheckViolation as error:
            raise PermanentFailure(f"The stock: {error.diag.message_primary}.") from error
        except psycopg.OperationalError as error:
            raise TemporaryFailure("The stock does not answer.") from error


def _due(seen: set[str], key: str, statement: str, unless: str, only: str) -> list[str]:
    """What is to be executed in one transaction: a step is taken once, and never after it was undone."""
    note = f"INSERT INTO steps VALUES ('{key}')"  # noqa: S608
    if key in seen or (unless and unless in seen):
        return []
    return [note] if only and only not in seen else [statement, note]


@dataclass(slots=True)
class Ledger:
    """Where the saga is kept: a stream of its own in the event log. `told` hears of each fact once it is written."""

    log: EventLog
    now: Callable[[], datetime]
    told: Callable[[str], None] = lambda _: None
    version: int = field(default=0, init=False)

    async def load(self) -> Saga | None:
        found: Saga | None = None
        for one in await self.log.read(STREAM):
            event: SagaEvent = msgspec.convert(one.data, TYPES[one.type])
            found = saga.begin(event) if isinstance(event, SagaBegun) else _after(found, event, one.at)
            self.version = one.version
        return found

    async def begin(self) -> None:
        """Write the order down; once."""
        try:
            await self._write([BEGUN], 0)
        except Conflict:
            await self.load()

    async def turn(self, shop: Shop) -> timedelta | None:
        present = await self.load()
        assert present is not None

        async def record(events: Sequence[SagaEvent]) -> Saga:
            nonlocal present
            await self._write(events, self.version)
            for event in events:
                present = _after(present, event, self.now())
            assert present is not None
            return present

        return await advance(present, shop, record, now=self.now)

    async def _write(self, events: Sequence[SagaEvent], expected: int) -> None:
        new = [NewEvent(type(one).__name__, msgspec.to_builtins(one)) for one in events]
        written = await self.log.append(STREAM, new, expected=expected, at=self.now())
        self.version = expected + len(written)
        for one in written:
            self.told(one.type)


def _after(found: Saga | None, event: SagaEvent, at: datetime) -> Saga:
    assert found is not None
    return saga.apply(found, event, at=at)


async def run(orders: Path, stock: str, log: str, wanted: int) -> None:
    """Take the order to its end, waiting for a line after each step that was written down."""

    def told(step: str) -> None:
        print(step, flush=True)
        sys.stdin.readline()

    database = await open_database(log)
    ledger = Ledger(database.log, lambda: datetime.now(UTC), told)
    await ledger.begin()
    assert await ledger.turn(Shop(orders, stock, wanted)) is None
    await database.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
