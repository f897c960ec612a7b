"""`pilothouse token`: bearer tokens, made and ended by whoever may read the database."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.settings import SettingsWrong, load_settings
from bot.settings.read import Settings
from engine.deployments.deployment import PersonId
from engine.errors import EngineError, NotFound
from engine.security.tokens import Tokens
from storage.database import open_database
from storage.errors import StorageError

KNOWN = (SettingsWrong, StorageError, EngineError)


@asynccontextmanager
async def _tokens(config: Path) -> AsyncIterator[tuple[Settings, Tokens]]:
    settings = load_settings(config)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = await open_database(settings.database_url)
    try:
        yield settings, Tokens(database.records)
    finally:
        await database.close()


async def create(config: Path, person: str, name: str) -> int:
    """Print a new token, once."""
    try:
        async with _tokens(config) as (settings, tokens):
            if person not in settings.file.people:
                raise NotFound(f"There is no person {person!r}.", f"Known: {', '.join(settings.file.people)}.")
            text, _ = await tokens.create(PersonId(person), name, at=datetime.now(UTC))
            print(text)  # noqa: T201  # a command's word
            return 0
    except KNOWN as error:
        return _failed(error)


async def show(config: Path) -> int:
    """Print every token without its text."""
    try:
        async with _tokens(config) as (_, tokens):
            for token in await tokens.all():
                used = token.last_used.isoformat() if token.last_used else "never used"
                print(f"{token.id}  {token.person}  {token.name}  {used}")  # noqa: T201  # a command's word
            return 0
    except KNOWN as error:
        return _failed(error)


async def revoke(config: Path, token: str) -> int:
    """End a token."""
    try:
        async with _tokens(config) as (_, tokens):
            ended = await tokens.revoke(token)
            print(f"Ended {ended.name} of {ended.person}.")  # noqa: T201  # a command's word
            return 0
    except KNOWN as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    print(error, file=sys.stderr)  # noqa: T201  # a command's word
    return 1
