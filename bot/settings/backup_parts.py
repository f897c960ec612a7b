"""The section of pilothouse.yaml that says how a service's data is backed up before it is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from bot.settings.durations import PositiveDuration
from bot.settings.parts import Part
from bot.settings.positions import Field as Where
from engine.backups.specs import BackupSpec, CommandBackup, PostgresBackup, SqliteBackup

Word = Annotated[str, Field(min_length=1)]
KINDS = ("command", "postgres", "sqlite")


class CommandBackupPart(Part):
    """Two commands with {file}, where the copy goes or comes from."""

    take: list[Word] = Field(min_length=1)
    restore: list[Word] = Field(min_length=1)


class PostgresBackupPart(Part):
    """The environment variable that holds the database's URL."""

    url_env: Word


class SqliteBackupPart(Part):
    """The database's file."""

    path: Word


class BackupPart(Part):
    """How the data is backed up before each deployment. One of command, postgres and sqlite."""

    command: CommandBackupPart | None = None
    postgres: PostgresBackupPart | None = None
    sqlite: SqliteBackupPart | None = None
    timeout: PositiveDuration = Field(default="10m", validate_default=True)
    keep: int = Field(default=10, ge=1, le=1000)


def to_backup(part: BackupPart | None, path: str = "") -> BackupSpec | None:
    """The engine's word for it; `path` is the SQLite file's, made absolute."""
    if part is None:
        return None
    if part.command is not None:
        return CommandBackup(tuple(part.command.take), tuple(part.command.restore), part.timeout, part.keep)
    if part.postgres is not None:
        return PostgresBackup(part.postgres.url_env, part.timeout, part.keep)
    return SqliteBackup(path, part.timeout, part.keep)


def backup_faults(field: Where, part: BackupPart | None) -> Iterator[tuple[Where, str]]:
    """What is wrong with it."""
    if part is None:
        return
    told = [kind for kind in KINDS if getattr(part, kind) is not None]
    if len(told) != 1:
        yield (*field, "backup"), f"needs exactly one of {', '.join(KINDS)}"
    for name in ("take", "restore") if part.command else ():
        if not any("{file}" in word for word in getattr(part.command, name)):
            yield (*field, "backup", "command", name), "has to hold {file}, where the copy goes or comes from"
