"""Whether a service could be deployed where it is to be: what its settings lack, and what its platform says."""

from __future__ import annotations

from bot.settings.shortages import Shortages
from engine.catalog import Placement
from engine.errors import NotNow
from engine.infrastructure.platforms import RESTART
from engine.ports import Premises


class Fitness:
    """Implements the engine's Premises: first by the settings, then by the platform."""

    def __init__(self, shortages: Shortages, platforms: Premises) -> None:
        self._shortages = shortages
        self._platforms = platforms

    async def check(self, place: Placement) -> None:
        lacking = self._shortages.of(place.service, place.environment)
        if lacking:
            raise NotNow(f"{place.service} in {place.environment} is misconfigured: {lacking}.", RESTART)
        await self._platforms.check(place)
