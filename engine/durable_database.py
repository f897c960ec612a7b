"""The database that DBOS keeps its loops in: how it is opened, and how seldom DBOS asks it.

Some of it reaches into DBOS, where no setting does.
"""

import sqlite3
from contextlib import closing
from typing import Any, Final
from urllib.parse import urlsplit


class _Connection(sqlite3.Connection):
    """Waits for the disk as our own database does: what a loss of power takes, `start` and the journals bring back."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.execute("PRAGMA synchronous=NORMAL")


SQLITE: Final[Any] = {"connect_args": {"factory": _Connection}, "pool_pre_ping": False}


def on_sqlite(url: str) -> bool:
    """Whether it is a file, of which this process is the only user."""
    return urlsplit(url).scheme == "sqlite"


def with_driver(url: str) -> str:
    """PostgreSQL by psycopg, whose errors DBOS knows how to retry."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else url


def prepare(url: str) -> None:
    """SQLite in WAL mode, so that readers and the writer do not block one another."""
    if on_sqlite(url):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def ask_less(database: Any, url: str) -> None:
    """Spare DBOS's `database` (its SystemDatabase) the looks that find nothing here."""
    database.list_queues = lambda **_: []  # each second it looks for queues of users; we have none
    if on_sqlite(url):
        # Its listener asks for each waiting loop at every poll. Nobody else wakes them, and `signal_here` tells ours.
        database.notifications_map.snapshot = list


def signal_here(database: Any, workflow: str, topic: str) -> None:
    """Tell a loop that waits in this process of what was just sent to it."""
    waiter, _ = database._waiter(workflow, topic)  # noqa: SLF001
    signal = database.notifications_map.get(waiter)
    if signal is not None:
        signal.set()
