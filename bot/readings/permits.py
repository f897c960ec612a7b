"""What is locked, frozen and released now, for whoever asks: chat, API and command line see the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.views.permits import ShownWindow
from engine.catalog import Catalog, Placement
from engine.deployments.differences import Difference, differences
from engine.deployments.releases import Release, Releases
from engine.errors import NotFound, NotNow
from engine.permits.freezes import FreezeState
from engine.permits.journal import PermitJournal
from engine.permits.locks import LockState
from engine.permits.versions import VersionMark


@dataclass(frozen=True, slots=True)
class Frozen:
    """The freezes that were made and hold, the windows of the settings, and the versions known to be bad."""

    freezes: Sequence[FreezeState]
    windows: Sequence[ShownWindow]
    bad: Sequence[VersionMark]


@dataclass(frozen=True, slots=True)
class Compared:
    """What differs from the release `present`, which runs: in the settings now, or in the release `other`."""

    place: Placement
    present: Release
    other: Release | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class PermitReadings:
    """Reads; every method may raise StorageUnavailable."""

    catalog: Callable[[], Catalog]
    journal: PermitJournal
    releases: Releases
    now: Callable[[], datetime]

    async def locks(self) -> list[LockState]:
        """The locks that hold."""
        now = self.now()
        return [one for one in await self.journal.locks() if one.holds(now)]

    async def frozen(self) -> Frozen:
        """What is frozen now, and what versions are warned of."""
        now = self.now()
        windows = [
            ShownWindow(str(name), window.name, window.until(now))
            for name, environment in self.catalog().environments.items()
            for window in environment.windows
        ]
        held = [one for one in await self.journal.freezes() if one.holds(now)]
        return Frozen(held, windows, await self.journal.bad_versions())

    async def history(self, service: str, environment: str) -> tuple[Release, ...]:
        """The releases of a place, the first one first. Raises NotFound for a place the settings do not name."""
        place = self.catalog().placement(service, environment)
        return await self.releases.all(place.service, place.environment)

    async def compared(self, service: str, environment: str, to: str) -> Compared:
        """What differs; `to` is a revision, a version, or "" for the settings. Raises NotFound, NotNow without any."""
        place = self.catalog().placement(service, environment)
        found = await self.releases.all(place.service, place.environment)
        if not found:
            raise NotNow(f"{place.service} in {place.environment} has no release yet.", "Deploy a version first.")
        present = found[-1]
        other = await self._release(place, found, to) if to else None
        differing = differences(present.placement, other.placement if other else place)
        return Compared(place, present, other, differing)

    async def _release(self, place: Placement, found: tuple[Release, ...], to: str) -> Release:
        number = to.removeprefix("#")
        if number.isascii() and number.isdigit():
            return await self.releases.get(place.service, place.environment, int(number))
        named = next((one for one in reversed(found) if one.version == to), None)
        if named is None:
            remedy = f"`/ops history {place.service} {place.environment}` shows which there are."
            raise NotFound(f"{to[:64]} never ran there.", remedy, field="to")
        return named
