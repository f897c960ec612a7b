"""Backups in memory."""

from collections.abc import Callable
from datetime import datetime

from engine.backups.shelf import Backup
from engine.catalog import Placement
from engine.errors import EngineError


class FakeBackups:
    """Keeps what it was asked for; `failure` is raised instead while it is set."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.taken: list[str] = []
        self.failure: EngineError | None = None
        self._now = now

    async def back_up(self, place: Placement, id: str, *, reason: str) -> Backup:  # noqa: A002
        if self.failure is not None:
            raise self.failure
        self.taken.append(id)
        place_ = str(place.service), str(place.environment)
        return Backup(id, *place_, "command", 8, "sha256:00", self._now(), 0.5, reason)
