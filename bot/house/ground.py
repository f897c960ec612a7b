"""What every room stands on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from bot.settings.read import Settings
from engine.catalog import Catalog
from engine.components.probe import HttpProbe
from engine.durable import Turn
from engine.security.audit import Audit
from engine.security.identity import Directory
from engine.security.sessions import Sessions
from engine.security.tokens import Tokens
from storage.database import Database


@dataclass(frozen=True, slots=True)
class Ground:
    """The settings, the database and what else all share. `turns` is who takes the turns of a subject, by prefix."""

    settings: Settings
    database: Database
    session: aiohttp.ClientSession
    probe: HttpProbe
    catalog: Callable[[], Catalog]
    directory: Callable[[], Directory]
    now: Callable[[], datetime]
    turns: dict[str, Turn] = field(default_factory=dict)

    @property
    def tokens(self) -> Tokens:
        """Bearer tokens."""
        return Tokens(self.database.records)

    @property
    def sessions(self) -> Sessions:
        """Signed-in browsers."""
        return Sessions(self.database.records, self.database.claims)

    @property
    def audit(self) -> Audit:
        """Who did what."""
        return Audit(self.database.log, now=self.now)
