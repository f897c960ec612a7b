"""A connection to SQLite in a thread of its own, where a whole piece of work is done in one visit.

Through the pool every statement is several visits to the driver's thread and is put together anew; what is done many
times a second comes here instead.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Visits(Protocol):
    """Pieces of work on one file. Both raise what the work raises, and StorageUnavailable."""

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do what only reads."""
        ...

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in a transaction, which is undone when it raises."""
        ...


class Visitor:
    """`connect` opens a connection that begins no transaction by itself; it is called in the thread, named `thread`."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], thread: str) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=thread)

    async def visit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in the thread, after what came before. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    async def close(self) -> None:
        """End the thread, after what it was given to do; again does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._connect()
        return work(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
