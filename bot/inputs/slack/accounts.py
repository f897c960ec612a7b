"""What kind of account somebody has, as Slack says: guests, people of other organisations, bots and deactivated
accounts are refused at the door. Asked after the acknowledgment and remembered for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bot.chat.port import ChatFailure, Platform
from engine.commands import Actor
from engine.errors import TemporaryFailure

FRESH: Final = timedelta(minutes=5)
STALE: Final = timedelta(hours=1)  # good enough while Slack does not answer
MOST: Final = 2000


class Accounts:
    """Answers `guest`, `external`, `bot`, `deleted`, or nothing for a full member."""

    def __init__(self, platform: Platform, *, now: Callable[[], datetime]) -> None:
        self._platform = platform
        self._now = now
        self._kinds: dict[str, tuple[datetime, str]] = {}
        self._home = ""

    async def kind(self, actor: Actor) -> str:
        """The kind of the actor's account. Raises TemporaryFailure when Slack can't be asked and nothing is known."""
        known = self._kinds.get(actor.user)
        if known and self._now() - known[0] < FRESH:
            return known[1]
        try:
            kind = await self._asked(actor)
        except ChatFailure as failure:
            if known and self._now() - known[0] < STALE:
                return known[1]
            raise TemporaryFailure(
                f"Slack does not say who you are right now: {failure.reason}", "Try again in a moment."
            ) from failure
        self._remember(actor.user, kind)
        return kind

    async def _asked(self, actor: Actor) -> str:
        if not self._home:
            self._home = await self._platform.home_team()
        return kind_of(await self._platform.account(actor.user), actor.team, home=self._home)

    def _remember(self, user: str, kind: str) -> None:
        if len(self._kinds) >= MOST:
            self._kinds.clear()
        self._kinds[user] = (self._now(), kind)


def kind_of(account: Mapping[str, Any], team: str, *, home: str) -> str:
    """What a users.info answer says; `team` is where the delivery came from, `home` where the app is installed."""
    if account.get("deleted"):
        return "deleted"
    if account.get("is_bot") or account.get("is_workflow_bot"):
        return "bot"
    if account.get("is_stranger") or {team, str(account.get("team_id") or home)} != {home}:
        return "external"
    if account.get("is_restricted") or account.get("is_ultra_restricted"):
        return "guest"
    return ""
