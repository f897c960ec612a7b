"""One suite, three databases: `database` is each of them, `url` each of the real ones."""

import asyncio
import shutil
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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each real kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/storage.db"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite file with its tables: copying it is quicker than migrating again."""
    path = tmp_path_factory.mktemp("migrated") / "storage.db"
    asyncio.run(make(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgres() -> str:
    """The name of a PostgreSQL database with its tables, to be copied."""
    if reason := postgres.missing():
        pytest.skip(reason)
    url = postgres.shared_server().new_database()
    asyncio.run(make(url))
    return url.rpartition("/")[2]


async def make(url: str) -> None:
    await (await open_database(url)).close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def database_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database of each kind, its tables made."""
    match request.param:
        case "memory":
            yield "memory"
        case "sqlite":
            shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "storage.db")
            yield f"sqlite:///{tmp_path}/storage.db"
        case _:
            template = request.getfixturevalue("migrated_postgres")
            url = postgres.shared_server().new_database(template)
            yield url
            postgres.shared_server().drop_database(url)


@pytest.fixture
async def database(database_of: str) -> AsyncIterator[Database]:
    """An open, empty database of each kind."""
    opened = MemoryDatabase() if database_of == "memory" else await open_database(database_of)
    yield opened
    await opened.close()
