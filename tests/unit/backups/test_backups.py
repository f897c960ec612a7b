"""Backups of real data: by a command, by PostgreSQL's tools, by SQLite while others write."""

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from engine.backups.backups import Backups, Source
from engine.backups.specs import BackupSpec, CommandBackup, PostgresBackup, SqliteBackup
from engine.errors import NotFound, NotNow, PermanentFailure
from engine.infrastructure.copying import Copier

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Trial:
    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self.at = NOON
        self.folder = folder / "backups"
        self.backups = Backups(self.folder, Copier(variables or {}), now=self.now)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def shop(spec: BackupSpec | None) -> Source:
    return Source("shop", "production", spec)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, "{file}")


def command(take: str, restore: str = "", **others: object) -> CommandBackup:
    return CommandBackup(python(take), python(restore), **others)  # type: ignore[arg-type]


WRITE = "import sys; open(sys.argv[1], 'w').write('the data')"


async def test_a_backup_by_command_is_kept_with_its_digest(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    backup = await trial.backups.take(shop(command(WRITE)), "d1", reason="deployment d1")
    assert (backup.size, backup.kind, backup.reason) == (8, "command", "deployment d1")
    assert await trial.backups.all(shop(command(WRITE))) == [backup]
    assert oct(next(trial.folder.rglob("*.json")).parent.stat().st_mode)[-3:] == "700"


async def test_a_backup_is_taken_once_for_each_id(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    first = await trial.backups.take(shop(command(WRITE)), "d1")
    assert await trial.backups.take(shop(command("raise SystemExit(1)")), "d1") == first


@pytest.mark.parametrize(
    ("take", "told"),
    [
        ("import sys; sys.exit('no room on the device')", "no room on the device"),
        ("pass", "wrote nothing"),
        ("import sys; open(sys.argv[1], 'w').close()", "wrote nothing"),
    ],
)
async def test_a_failed_backup_says_why_and_leaves_nothing(tmp_path: Path, take: str, told: str) -> None:
    trial = Trial(tmp_path)
    with pytest.raises(PermanentFailure, match=told):
        await trial.backups.take(shop(command(take)), "d1")
    assert not [path for path in trial.folder.rglob("*") if path.is_file()]


async def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    hangs = command("import time; time.sleep(600)", timeout=timedelta(milliseconds=300))
    with pytest.raises(PermanentFailure, match=r"longer than 0\.3 s"):
        await Trial(tmp_path).backups.take(shop(hangs), "d1")


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    absent = CommandBackup(("no-such-program", "{file}"), ("true",))
    with pytest.raises(PermanentFailure, match="no-such-program could not be started"):
        await Trial(tmp_path).backups.take(shop(absent), "d1")


async def test_without_a_declaration_there_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(NotNow, match="declares no backup"):
        await Trial(tmp_path).backups.take(shop(None), "d1")


async def test_old_backups_are_removed(tmp_path: Path) -> None:
    trial, spec = Trial(tmp_path), command(WRITE, keep=2)
    for n in range(4):
        await trial.backups.take(shop(spec), f"d{n}")
    assert [one.id for one in await trial.backups.all(shop(spec))] == ["d3", "d2"]
    assert len(list(trial.folder.rglob("*.backup"))) == 2


async def test_a_damaged_backup_is_not_brought_back(tmp_path: Path) -> None:
    trial, spec = Trial(tmp_path), command(WRITE, "raise SystemExit('was run')")
    await trial.backups.take(shop(spec), "d1")
    next(trial.folder.rglob("*.backup")).write_text("the date")
    with pytest.raises(PermanentFailure, match="not what was written"):
        await trial.backups.restore(shop(spec), "d1")


async def test_an_unknown_backup_names_those_there_are(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    await trial.backups.take(shop(command(WRITE)), "d1")
    with pytest.raises(NotFound, match="Newest: d1"):
        await trial.backups.restore(shop(command(WRITE)), "d2")


async def test_a_backup_of_another_kind_is_refused(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    await trial.backups.take(shop(command(WRITE)), "d1")
    with pytest.raises(PermanentFailure, match="the settings say sqlite"):
        await trial.backups.restore(shop(SqliteBackup(str(tmp_path / "shop.db"))), "d1")


async def test_sqlite_is_copied_while_others_write(tmp_path: Path) -> None:
    path, ended = tmp_path / "shop.db", threading.Event()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
        database.executemany("INSERT INTO pairs VALUES (?, ?)", [(n, n) for n in range(20_000)])
        database.commit()
    writer = threading.Thread(target=_write_on, args=(path, ended))
    writer.start()
    trial, spec = Trial(tmp_path), SqliteBackup(str(path))
    try:
        await trial.backups.take(shop(spec), "d1")
    finally:
        ended.set()
        await asyncio.to_thread(writer.join)
    kept = next(trial.folder.rglob("*.backup"))
    assert _rows(kept, "a != b") == 0
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM pairs")
    await trial.backups.restore(shop(spec), "d1")
    assert _rows(path, "1") >= 20_000


def _write_on(path: Path, ended: threading.Event) -> None:
    """One transaction writes both halves of a pair; a torn copy would show one."""
    with closing(sqlite3.connect(path, timeout=30)) as database:
        n = 20_000
        while not ended.is_set():
            with database:
                database.execute("INSERT INTO pairs VALUES (?, 0)", (n,))
                database.execute("UPDATE pairs SET b = a WHERE a = ?", (n,))
            n += 1


def _rows(path: Path, where: str) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute(f"SELECT count(*) FROM pairs WHERE {where}").fetchone()[0])  # noqa: S608


async def test_postgresql_is_dumped_and_brought_back(tmp_path: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as database:
        database.execute("CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 1000) n")
    trial, spec = Trial(tmp_path, {"SHOP_DATABASE": postgres_url}), PostgresBackup("SHOP_DATABASE")
    await trial.backups.take(shop(spec), "d1")
    with psycopg.connect(postgres_url, autocommit=True) as database:
        database.execute("ALTER TABLE orders DROP COLUMN id")
    await trial.backups.restore(shop(spec), "d1")
    with psycopg.connect(postgres_url) as database:
        assert database.execute("SELECT sum(id) FROM orders").fetchone() == (500_500,)


async def test_a_dump_that_fails_says_so_in_its_own_words_and_never_the_password(tmp_path: Path) -> None:
    url = "postgresql://shop:hunter2@127.0.0.1:1/shop"
    trial = Trial(tmp_path, {"SHOP_DATABASE": url})
    with pytest.raises(PermanentFailure, match=r"pg_dump ended with 1: .*refused") as failed:
        await trial.backups.take(shop(PostgresBackup("SHOP_DATABASE")), "d1")
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo the disk is full >&2; exit 3", "sh ended with 3: the disk is full. Mend that and try again."),
        ("exit 3", "sh ended with 3. Mend that and try again."),
    ],
)
async def test_what_a_tool_said_last_ends_with_a_full_stop(tmp_path: Path, script: str, told: str) -> None:
    spec = CommandBackup(("sh", "-c", f"{script} # {{file}}"), ("true", "{file}"))
    with pytest.raises(PermanentFailure) as failed:
        await Trial(tmp_path, {}).backups.take(shop(spec), "d1")
    assert str(failed.value) == told


async def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match=r"SHOP_DATABASE .* is not set"):
        await Trial(tmp_path).backups.take(shop(PostgresBackup("SHOP_DATABASE")), "d1")
