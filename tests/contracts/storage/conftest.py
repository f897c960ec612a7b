"""One suite, three databases: `database` is each of them, `url` each of the real ones."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from storage.database import Database, open_database
from tests.fakes import postgres
from tests.fakes.memory_storage import MemoryDatabase

NOW: Final = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database."""
    if reason := postgres.missing():
        pytest.skip(reason)
    server = postgres.shared_server()
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each real kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/storage.db"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An open, empty database of each kind."""
    match request.param:
        case "memory":
            opened: Database = MemoryDatabase()
        case "sqlite":
            opened = await open_database(f"sqlite:///{tmp_path}/storage.db")
        case _:
            opened = await open_database(request.getfixturevalue("postgres_url"))
    yield opened
    await opened.close()
