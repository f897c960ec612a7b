"""Copies data to files and back: by a command, by PostgreSQL's own tools, by SQLite's online backup."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from engine.backups.backups import Source
from engine.backups.specs import BackupSpec, CommandBackup, PostgresBackup, SqliteBackup
from engine.deployments.words import sentence
from engine.errors import PermanentFailure
from engine.infrastructure.processes import clean_environment, signal_group

_WORDS: Final = 600  # characters of what a tool said
_AT_ONCE: Final = 256  # pages of a SQLite database between two looks at who else wants it
_SCHEMES: Final = frozenset({"postgres", "postgresql"})


class Copier:
    """Runs the tools. `variables` is the environment in which secrets such as database URLs are looked up."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    async def take(self, source: Source, spec: BackupSpec, file: Path) -> None:
        """Write the data to `file`. Raises PermanentFailure with the tool's last words."""
        match spec:
            case CommandBackup(take):
                await _run(_filled(take, source, file), {})
            case PostgresBackup(url_env):
                connection = _connection(self._url(url_env))
                await _run(["pg_dump", "--format=custom", "--no-password", f"--file={file}"], connection)
            case SqliteBackup(path):
                await asyncio.to_thread(_copy_sqlite, Path(path), file)

    async def restore(self, source: Source, spec: BackupSpec, file: Path) -> None:
        """Bring the data back from `file`: all of it or none. Raises PermanentFailure with the tool's last words."""
        match spec:
            case CommandBackup(_, restore):
                await _run(_filled(restore, source, file), {})
            case PostgresBackup(url_env):
                connection = _connection(self._url(url_env))
                whole = ["--clean", "--if-exists", "--single-transaction", "--no-password"]
                await _run(["pg_restore", *whole, f"--dbname={connection['PGDATABASE']}", str(file)], connection)
            case SqliteBackup(path):
                await asyncio.to_thread(_copy_sqlite, file, Path(path))

    def _url(self, name: str) -> str:
        url = self._variables.get(name, "")
        if not url:
            raise PermanentFailure(f"The variable {name} with the database's URL is not set.", "Set it and try again.")
        return url


def _filled(command: Sequence[str], source: Source, file: Path) -> list[str]:
    values = {"{file}": str(file), "{service}": source.service, "{environment}": source.environment}
    words = list(command)
    for name, value in values.items():
        words = [word.replace(name, value) for word in words]
    return words


def _connection(url: str) -> dict[str, str]:
    """libpq's variables, so that no password stands in a command line (postgresql.org/docs, libpq-envars)."""
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in _SCHEMES:
        raise PermanentFailure("The database's URL is not PostgreSQL's.", "Write postgresql://user@host/name.")
    options = {
        f"PG{name.upper()}": value for name, value in parse_qsl(parts.query) if name in {"host", "port", "sslmode"}
    }
    found = {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    return {name: value for name, value in found.items() if value} | options


async def _run(command: Sequence[str], variables: Mapping[str, str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**clean_environment(), **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise PermanentFailure(
            f"{command[0]} could not be started: {os.strerror(error.errno or 0)}.", "Install it, or mend the command."
        ) from error
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode:
        words = " ".join(said.decode(errors="replace").split())[-_WORDS:]
        told = f"{command[0]} ended with {process.returncode}"
        raise PermanentFailure(sentence(f"{told}: {words}" if words else told), "Mend that and try again.")


def _copy_sqlite(source: Path, target: Path) -> None:
    """One consistent copy while others read and write (sqlite.org/backup.html), checked before it counts."""
    if not source.exists():
        raise PermanentFailure(f"There is no database {source}.", "Check the path in the settings.")
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing, pages=_AT_ONCE)
            (verdict,) = writing.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise PermanentFailure(
            f"{source} could not be copied: {error}.", "See whether it is a SQLite database."
        ) from error
    if verdict != "ok":
        raise PermanentFailure(f"The copy of {source} is damaged: {verdict}.", "Mend the database first.")
