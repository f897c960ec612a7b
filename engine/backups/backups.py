"""Takes backups and brings them back. A backup is taken once for each id, however often it is asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine.backups.shelf import Backup, Shelf, digest_of
from engine.backups.specs import BackupSpec, kind_of
from engine.catalog import Placement
from engine.errors import NotNow, PermanentFailure


@dataclass(frozen=True, slots=True)
class Source:
    """Whose data it is, and how it is backed up; None where nobody said so."""

    service: str
    environment: str
    spec: BackupSpec | None


def source_of(place: Placement) -> Source:
    """A placement's data."""
    return Source(str(place.service), str(place.environment), place.backup)


class Copying(Protocol):
    """Copies data to a file and back. Raises PermanentFailure in the tool's own words, TemporaryFailure."""

    async def take(self, source: Source, spec: BackupSpec, file: Path) -> None: ...

    async def restore(self, source: Source, spec: BackupSpec, file: Path) -> None: ...


class Backups:
    """The backups of all that declares how, on the disk of this machine."""

    def __init__(self, folder: Path, copying: Copying, *, now: Callable[[], datetime]) -> None:
        self._shelf = Shelf(folder)
        self._copying = copying
        self._now = now

    async def take(self, source: Source, id: str, *, reason: str = "") -> Backup:  # noqa: A002
        """Back the data up as `id`; one that was taken is given again.

        Raises NotNow where nobody said how, PermanentFailure and TemporaryFailure when it fails; then
        nothing is kept of it.
        """
        spec, service, environment = self._spec(source), source.service, source.environment
        known = await asyncio.to_thread(self._shelf.find, service, environment, id)
        if known is not None:
            return known
        began, draft = time.monotonic(), await asyncio.to_thread(self._shelf.draft, service, environment, id)
        try:
            await self._copy(source, spec, draft)
            backup = await asyncio.to_thread(self._described, source, spec, id, draft, began, reason)
            await asyncio.to_thread(self._shelf.put, draft, backup)
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)
        await asyncio.to_thread(self._shelf.thin, service, environment, spec.keep)
        return backup

    async def back_up(self, place: Placement, id: str, *, reason: str) -> Backup:  # noqa: A002
        """Back up what a placement declares; see `take`."""
        return await self.take(source_of(place), id, reason=reason)

    async def all(self, source: Source) -> Sequence[Backup]:
        """Its backups, the newest first."""
        return await asyncio.to_thread(self._shelf.all, source.service, source.environment)

    async def restore(self, source: Source, id: str) -> Backup:  # noqa: A002
        """Bring a backup back, over what is there now; the content is verified first.

        Raises NotFound, NotNow, PermanentFailure and TemporaryFailure.
        """
        spec = self._spec(source)
        backup = await asyncio.to_thread(self._shelf.load, source.service, source.environment, id)
        if backup.kind != kind_of(spec):
            raise PermanentFailure(
                f"Backup {id} is one by {backup.kind}, and the settings say {kind_of(spec)}.",
                "Bring it back with the settings that it was taken with.",
            )
        async with asyncio.timeout(spec.timeout.total_seconds()):
            await self._copying.restore(source, spec, self._shelf.file(backup))
        return backup

    async def _copy(self, source: Source, spec: BackupSpec, draft: Path) -> None:
        try:
            async with asyncio.timeout(spec.timeout.total_seconds()):
                await self._copying.take(source, spec, draft)
        except TimeoutError as error:
            raise PermanentFailure(
                f"The backup of {source.service} took longer than {spec.timeout.total_seconds():g} s.",
                "Give it a longer timeout, or see why it hangs.",
            ) from error

    def _described(
        self,
        source: Source,
        spec: BackupSpec,
        id: str,  # noqa: A002
        draft: Path,
        began: float,
        reason: str,
    ) -> Backup:
        if not draft.exists() or draft.stat().st_size == 0:
            raise PermanentFailure(
                f"The backup of {source.service} wrote nothing.", "See that the command writes to {file}."
            )
        return Backup(
            id=id,
            service=source.service,
            environment=source.environment,
            kind=kind_of(spec),
            size=draft.stat().st_size,
            digest=digest_of(draft),
            at=self._now(),
            seconds=round(time.monotonic() - began, 3),
            reason=reason,
        )

    @staticmethod
    def _spec(source: Source) -> BackupSpec:
        if source.spec is None:
            raise NotNow(
                f"{source.service} in {source.environment} declares no backup.",
                "Say in its settings how its data is backed up (services.NAME.backup).",
            )
        return source.spec
