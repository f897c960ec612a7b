"""What is wrong with a database is said in words, with what to do about it."""

import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from storage.database import Database, open_database
from storage.errors import StorageUnavailable
from storage.events import CardChange, NewEvent
from storage.sql import postgresql, sqlite
from tests.fakes import postgres


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://localhost/x", "sqlite:///path or postgresql://"),
        ("", "sqlite:///path or postgresql://"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////dev/null/storage.db", "Check that the path"),
        ("postgresql://u:secret@127.0.0.1:1/x", "Check that the server runs"),
    ],
)
async def test_unusable_address(url: str, said: str) -> None:
    with pytest.raises(StorageUnavailable, match=said) as failure:
        await open_database(url)
    assert "secret" not in str(failure.value)


async def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match=r"unable to open.*Check that the path"):
        await open_database(f"sqlite:///{tmp_path}")


async def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "storage.db"
    path.write_text("these are my notes, " * 100)
    with pytest.raises(StorageUnavailable, match=r"not a database.*Name another file"):
        await open_database(f"sqlite:///{path}")


async def test_missing_folders_are_made(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/deep/er/storage.db")
    await database.ping()
    await database.close()


async def test_wrong_password(postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    url = postgres.shared_server().url_of(name, password="wrong")
    said = "password authentication failed.*Correct the user"
    with pytest.raises(StorageUnavailable, match=said) as failure:
        await open_database(url)
    assert "wrong" not in str(failure.value)


async def test_missing_database(postgres_url: str) -> None:
    with pytest.raises(StorageUnavailable, match=r"does not exist.*createdb"):
        await open_database(postgres_url + "_gone")


async def test_server_that_only_reads(postgres_url: str, now: datetime) -> None:
    await (await open_database(postgres_url)).close()
    name = postgres_url.rpartition("/")[2]
    postgres.shared_server().run(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    database = await open_database(postgres_url)
    with pytest.raises(StorageUnavailable, match=r"read-only.*primary"):
        await database.records.put("a", "b", {}, at=now)
    await database.close()


def test_file_that_may_only_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sqlite3.connect(path).close()
    path.touch()
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
        pytest.raises(sqlite3.OperationalError) as failure,
    ):
        connection.execute("CREATE TABLE a (b)")
    said = sqlite.explain(failure.value, path)
    assert said is not None
    assert "right to write" in said.remedy


def test_full_disk_of_the_server() -> None:
    said = postgresql.explain(psycopg.errors.DiskFull("could not extend file"), "postgresql://u:p@db/x")
    assert isinstance(said, StorageUnavailable)
    assert said.reason == "PostgreSQL database x at db: could not extend file"
    assert said.remedy == "Free some space on the server's disk"


async def test_closed_database_says_so(database: Database, now: datetime) -> None:
    await database.close()
    with pytest.raises(StorageUnavailable, match="has been closed"):
        await database.log.append("a", [NewEvent("Started", {})], expected=0, at=now)
    with pytest.raises(StorageUnavailable, match="has been closed"):
        await database.ping()


@dataclass(frozen=True, slots=True)
class SmallDisk:
    folder: Path
    free: Callable[[], None]


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def small_file_system(folder: Path) -> Iterator[SmallDisk]:
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
    try:
        yield SmallDisk(folder, lambda: run("mount", "-o", "remount,size=9m", folder))
    finally:
        run("umount", "--lazy", folder)


@contextmanager
def small_files(folder: Path) -> Iterator[SmallDisk]:
    """Where nothing may be mounted, files of this process may not grow (SIGXFSZ is ignored by Python)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        yield SmallDisk(folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with small_file_system(tmp_path) as disk:
            yield disk
    except (subprocess.CalledProcessError, FileNotFoundError):
        with small_files(tmp_path) as disk:
            yield disk


async def test_full_disk_leaves_nothing_half_written(small_disk: SmallDisk, now: datetime) -> None:
    database = await open_database(f"sqlite:///{small_disk.folder}/storage.db")
    new = [NewEvent("First", {"text": "x" * 20_000}), NewEvent("Second", {})]
    written = 0

    async def write() -> None:
        card = CardChange("written", "a", "running", True, {"times": written + 1})
        await database.log.append("a", new, expected=2 * written, at=now, card=card)

    failure: StorageUnavailable | None = None
    while failure is None:
        try:
            await write()
        except StorageUnavailable as error:
            failure = error
        else:
            written += 1
    assert failure.remedy in {"Free some space on its disk", "Check that its disk has space left and is sound"}
    assert written > 3
    assert await database.log.last_position() == 2 * written
    card = await database.log.card("a")
    assert card is not None
    assert card.data == {"times": written}
    small_disk.free()
    await write()
    assert await database.log.last_position() == 2 * written + 2
    await database.close()
