"""Short rights that an interaction gives an app: to open a modal (trigger_id), once and within three seconds.

Source: Slack's "Handling user interaction". Pure apart from drawing the random ids.
"""

import secrets
from dataclasses import dataclass, field
from typing import Final

from bot.workspace.errors import Refused

KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Trigger:
    """What one trigger id allows: `user` is who acted, `expires` is in seconds since 1970.

    `view_id` is the modal in which it happened, or ""; views.push needs it.
    """

    user: str
    expires: float
    used: bool = False
    view_id: str = ""


@dataclass(slots=True)
class Triggers:
    """The trigger ids given out. `life` is in seconds."""

    life: float
    _known: dict[str, Trigger] = field(default_factory=dict)

    def issue(self, user: str, now: float, view_id: str = "") -> str:
        """A new trigger id for an interaction of `user`, in the modal `view_id` if it happened in one."""
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._known[trigger_id] = Trigger(user, now + self.life, view_id=view_id)
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return trigger_id

    def exchange(self, trigger_id: str, now: float) -> Trigger:
        """Use a trigger id up. Raises Refused: invalid_trigger_id, expired_trigger_id, exchanged_trigger_id."""
        trigger = self._known.get(trigger_id)
        if trigger is None:
            raise Refused("invalid_trigger_id")
        if trigger.used:
            raise Refused("exchanged_trigger_id")
        if now > trigger.expires:
            raise Refused("expired_trigger_id")
        self._known[trigger_id] = Trigger(trigger.user, trigger.expires, used=True, view_id=trigger.view_id)
        return trigger
