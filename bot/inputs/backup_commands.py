"""`pilothouse backup` and `restore`: the data of a service, or Pilothouse's own, on the machine the command runs on."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from typing import Final

import msgspec

from bot.clock.membership import PREFIX, ended_here
from bot.house.single import AlreadyRunning, DataFolderUnusable, only_process
from bot.inputs.tables import table
from bot.settings import SettingsWrong, load_settings
from bot.settings.backups import load_backup_urls
from bot.settings.domain import to_catalog
from bot.settings.read import Settings
from engine.backups.backups import Backups, Source, source_of
from engine.backups.shelf import Backup
from engine.backups.specs import BackupSpec, PostgresBackup, SqliteBackup
from engine.deployments.journal import DeploymentJournal
from engine.errors import EngineError, NotNow
from engine.infrastructure.copying import Copier
from storage.database import Database, open_database
from storage.errors import StorageError

KNOWN: Final = (SettingsWrong, StorageError, EngineError, AlreadyRunning, DataFolderUnusable)
OWN: Final = ("pilothouse", "itself")
DATABASE: Final = "DATABASE_URL"

Work = Callable[[Settings, Backups, Source], Awaitable[int]]


async def backup(options: argparse.Namespace) -> int:
    """Take a backup now, or list those there are."""

    async def work(_: Settings, backups: Backups, source: Source) -> int:
        if options.list:
            return _listed(await backups.all(source), as_json=options.json)
        taken = await backups.take(source, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", reason="asked for by hand")
        _say(_json(taken) if options.json else f"Backed up {_name(source)} as {taken.id}: {_size(taken)}.")
        return 0

    return await _run(options, work)


async def restore(options: argparse.Namespace) -> int:
    """Bring a backup back, over what is there now."""

    async def work(settings: Settings, backups: Backups, source: Source) -> int:
        async with _nobody_at_it(settings, source):
            brought = await backups.restore(source, options.what[-1])
            if (source.service, source.environment) == OWN and isinstance(source.spec, SqliteBackup):
                _forget_loops(settings)
        told = f"Brought {_name(source)} back to {brought.id}, taken {brought.at:%Y-%m-%d %H:%M:%S} UTC."
        _say(_json(brought) if options.json else told)
        return 0

    return await _run(options, work)


async def _run(options: argparse.Namespace, work: Work) -> int:
    try:
        settings = load_settings(options.config)
        source = _source(settings, options.what[:2] if len(options.what) > 1 else [])
        variables = {**load_backup_urls(settings), DATABASE: settings.database_url}
        backups = Backups(settings.data / "backups", Copier(variables), now=lambda: datetime.now(UTC))
        return await work(settings, backups, source)
    except KNOWN as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command's word
        return 1


def _source(settings: Settings, place: Sequence[str]) -> Source:
    if not place:
        return Source(*OWN, _own(settings))
    service, environment = place
    return source_of(to_catalog(settings).placement(service, environment))


def _own(settings: Settings) -> BackupSpec:
    url = settings.database_url
    return SqliteBackup(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else PostgresBackup(DATABASE)


@asynccontextmanager
async def _nobody_at_it(settings: Settings, source: Source) -> AsyncIterator[None]:
    """Refuse while a replica lives (for our own data), or while the service is being deployed."""
    own = (source.service, source.environment) == OWN
    if own and isinstance(source.spec, SqliteBackup):
        with only_process(settings.data):
            yield
        return
    database = await open_database(settings.database_url)
    try:
        await (_no_replica(database) if own else _no_deployment(database, source))
    finally:
        await database.close()
    yield


async def _no_replica(database: Database) -> None:
    alive = [one for one in await database.leases.live() if one.name.startswith(PREFIX) and not ended_here(one.holder)]
    if alive:
        raise NotNow("Pilothouse runs with this database.", "Stop every replica first, then bring the backup back.")


async def _no_deployment(database: Database, source: Source) -> None:
    flying = await DeploymentJournal(database.log).in_flight_at(source.service, source.environment)
    if flying is not None:
        raise NotNow(
            f"{_name(source)} is being deployed (deployment {flying.id}).", "Wait for its end, or abort it first."
        )


def _forget_loops(settings: Settings) -> None:
    """The loops of the durable engine belong to another time; they are begun anew from what the journals say."""
    path = settings.data / "durable.sqlite"
    if path.exists():
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)


def _listed(backups: Sequence[Backup], *, as_json: bool) -> int:
    if as_json:
        _say(json.dumps([msgspec.to_builtins(one) for one in backups]))
    elif not backups:
        _say("No backups yet.")
    else:
        rows = [[one.id, f"{one.at:%Y-%m-%d %H:%M} UTC", one.kind, _size(one), one.reason] for one in backups]
        _say(table(["ID", "TAKEN", "KIND", "SIZE", "FOR"], rows))
    return 0


def _size(backup: Backup) -> str:
    return f"{backup.size / 1e6:.1f} MB" if backup.size >= 100_000 else f"{backup.size} bytes"


def _name(source: Source) -> str:
    own = (source.service, source.environment) == OWN
    return "Pilothouse's own data" if own else f"{source.service} in {source.environment}"


def _json(backup: Backup) -> str:
    data: Mapping[str, object] = msgspec.to_builtins(backup)
    return json.dumps(data)


def _say(text: str) -> None:
    print(text)  # noqa: T201  # a command's word
