"""The schema: what is there after a start, and what a start refuses."""

import asyncio
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import storage.migrations
from storage.database import open_database
from storage.errors import NewerSchema
from storage.events import NewEvent
from storage.migrations import HEAD, REVISIONS, VERSION_TABLE
from storage.sql.opened import SqlDatabase
from storage.tables import Stored


def differences(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, Stored.metadata))


async def test_migrated_schema_is_that_of_the_tables(url: str) -> None:
    database = await open_database(url)
    assert isinstance(database, SqlDatabase)
    async with database.backend.reading() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


def test_named_revisions_are_the_files() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(storage.migrations.__file__).parent))
    files = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in files)[::-1] == REVISIONS


def set_revision(url: str, revision: str) -> None:
    statement = f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'"  # noqa: S608
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            file.execute(statement)
        file.close()
    else:
        with psycopg.connect(url) as connection:
            connection.execute(statement.encode())


async def test_newer_schema_is_refused(url: str) -> None:
    await (await open_database(url)).close()
    set_revision(url, "9999")
    with pytest.raises(NewerSchema, match=f"9999.*{HEAD}.*newer version.*backup") as failure:
        await open_database(url)
    assert (failure.value.stored, failure.value.known) == ("9999", HEAD)


async def test_start_of_a_current_database_needs_no_alembic(url: str) -> None:
    await (await open_database(url)).close()
    code = (
        "import asyncio, sys; from storage.database import open_database\n"
        "async def start(): await (await open_database(sys.argv[1])).close()\n"
        "asyncio.run(start()); print('alembic' in sys.modules)"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, url, stdout=subprocess.PIPE)
    said, _ = await child.communicate()
    assert said.strip() == b"False"


async def test_reopened_database_still_has_everything(url: str, now: datetime) -> None:
    database = await open_database(url)
    added = await database.log.append("a", [NewEvent("Started", {})], expected=0, at=now)
    await database.close()
    database = await open_database(url)
    assert await database.log.read_all() == added
    await database.close()
