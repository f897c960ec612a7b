"""How a service's data is backed up, as the settings say it. Frozen and free of I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

LONGEST = timedelta(minutes=10)
KEPT = 10


@dataclass(frozen=True, slots=True)
class CommandBackup:
    """Two commands of the team's own, with `{file}`, where the copy goes or comes from, `{service}`, `{environment}`.

    `take` writes the file and exits with 0, or the backup failed.
    """

    take: tuple[str, ...]
    restore: tuple[str, ...]
    timeout: timedelta = LONGEST
    keep: int = KEPT


@dataclass(frozen=True, slots=True)
class PostgresBackup:
    """A dump by pg_dump, brought back by pg_restore in one transaction. `url_env` names the variable with the URL."""

    url_env: str
    timeout: timedelta = LONGEST
    keep: int = KEPT


@dataclass(frozen=True, slots=True)
class SqliteBackup:
    """SQLite's online backup of the file at `path`, while others write to it."""

    path: str
    timeout: timedelta = LONGEST
    keep: int = KEPT


BackupSpec = CommandBackup | PostgresBackup | SqliteBackup
BackupKind = Literal["command", "postgres", "sqlite"]


def kind_of(spec: BackupSpec) -> BackupKind:
    """The word for it in lists and file names."""
    match spec:
        case CommandBackup():
            return "command"
        case PostgresBackup():
            return "postgres"
        case SqliteBackup():
            return "sqlite"
