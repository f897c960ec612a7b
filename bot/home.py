"""Publishes the Home tab when somebody opens it, and again for those who look at it when things change."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from bot.chat.port import ChatFailure, Platform
from bot.readings import Readings
from bot.views.blocks import Mention
from bot.views.home import render_home, render_stranger
from engine.commands import Actor
from engine.errors import Unauthenticated
from engine.security.identity import Directory
from engine.security.permissions import Permission, allowed

log = logging.getLogger(__name__)

LOOKING: Final = timedelta(minutes=10)  # how long after opening it a Home tab is kept true
MOST: Final = 50


class HomeTab:
    """Remembers who looked lately. `refresh` is called by the clock and publishes only what changed."""

    def __init__(
        self,
        platform: Platform,
        readings: Readings,
        directory: Callable[[], Directory],
        mention: Mention,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._platform = platform
        self._readings = readings
        self._directory = directory
        self._mention = mention
        self._now = now
        self._lookers: OrderedDict[tuple[str, str], tuple[datetime, list[Any]]] = OrderedDict()

    async def opened(self, team: str, user: str) -> None:
        """Show it now."""
        await self._publish(team, user, shown=[])
        while len(self._lookers) > MOST:
            self._lookers.popitem(last=False)

    async def refresh(self) -> None:
        """Publish again where something changed."""
        for (team, user), (opened, shown) in list(self._lookers.items()):
            if self._now() - opened > LOOKING:
                del self._lookers[team, user]
            else:
                await self._publish(team, user, shown=shown, opened=opened)

    async def _publish(self, team: str, user: str, *, shown: list[Any], opened: datetime | None = None) -> None:
        view = await self._view(team, user)
        # The last lines say when it was drawn; without them equal views are equal.
        content = view["blocks"][:-2]
        if content == shown:
            return
        try:
            await self._platform.publish_home(user, view)
        except ChatFailure as failure:
            log.warning("the Home tab of %s could not be shown: %s", user, failure)
            return
        self._lookers[team, user] = (opened or self._now(), content)

    async def _view(self, team: str, user: str) -> dict[str, Any]:
        try:
            person = self._directory().authenticate(Actor("slack", user, team))
        except Unauthenticated as stranger:
            return render_stranger(stranger.reason, stranger.remedy)
        waiting = await self._readings.waiting_for(person.id, lambda place: allowed(person, Permission.APPROVE, place))
        return render_home(await self._readings.overview(), person=person.id, waiting=waiting, mention=self._mention)
