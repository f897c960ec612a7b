"""Publishes the Home tab when somebody opens it, and again for those who look at it when things change."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bot.chat.port import ChatFailure, Platform
from bot.readings.now import Readings
from bot.views.blocks import Mention
from bot.views.home import DRAWN, render_home, render_stranger
from engine.commands import Actor
from engine.errors import Unauthenticated
from engine.security.identity import Directory
from engine.security.permissions import Permission, allowed

log = logging.getLogger(__name__)

LOOKING: Final = timedelta(minutes=10)  # how long after opening it a Home tab is kept true
MOST: Final = 50


@dataclass(slots=True)
class _Look:
    """Somebody who looks: since when, with what kind of account, and what they see (None before it was shown)."""

    opened: datetime
    account: str
    shown: list[Any] | None = None


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
        self._lookers: OrderedDict[Actor, _Look] = OrderedDict()

    async def opened(self, actor: Actor, account: str = "") -> None:
        """Show it now. `account` is what the platform says of the account, such as guest."""
        self._lookers[actor] = _Look(self._now(), account)
        self._lookers.move_to_end(actor)
        while len(self._lookers) > MOST:
            self._lookers.popitem(last=False)
        await self._publish(actor, self._lookers[actor])

    async def refresh(self) -> None:
        """Publish again where something changed."""
        for actor, look in list(self._lookers.items()):
            if self._now() - look.opened > LOOKING:
                self._lookers.pop(actor, None)
            else:
                await self._publish(actor, look)

    async def _publish(self, actor: Actor, look: _Look) -> None:
        view = await self._view(actor, look.account)
        content = [block for block in view["blocks"] if block.get("block_id") != DRAWN]
        if content == look.shown:
            return
        try:
            await self._platform.publish_home(actor.user, view)
        except ChatFailure as failure:
            log.warning("the Home tab of %s could not be shown: %s", actor.user, failure)
            return
        look.shown = content

    async def _view(self, actor: Actor, account: str) -> dict[str, Any]:
        try:
            person = self._directory().authenticate(actor, account=account)
        except Unauthenticated as stranger:
            return render_stranger(stranger.reason, stranger.remedy)
        waiting = await self._readings.waiting_for(person.id, lambda place: allowed(person, Permission.APPROVE, place))
        return render_home(await self._readings.overview(), person=person.id, waiting=waiting, mention=self._mention)
