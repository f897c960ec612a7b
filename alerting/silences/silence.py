"""A silence: whom it mutes, from when to when. Pure.

Source of the rules: silence/silence.go of Alertmanager.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from alerting.routing.matcher import Matcher, all_match

SilenceId = NewType("SilenceId", str)

SYSTEM: Final = "system"
"""Who ends a silence when no person does."""


class State(StrEnum):
    """Not yet, now, no longer."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match all of `matchers` are muted in [starts_at, ends_at); times are aware.

    `until_resolved` ends it as soon as no alert that fires matches it any more. `channel` is where its start and end
    are told ("" for nowhere special), `incident` the incident it was made for. `ended_by` is who ended it before its
    time: a person, SYSTEM when nothing that it mutes fired any more, "" while nobody did.
    """

    id: SilenceId
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    created_by: str
    comment: str
    until_resolved: bool = False
    channel: str = ""
    incident: str = ""
    ended_by: str = ""

    def state(self, now: datetime) -> State:
        """What it is at this moment."""
        if now < self.starts_at:
            return State.PENDING
        return State.ACTIVE if now < self.ends_at else State.EXPIRED

    def mutes(self, labels: Mapping[str, str], now: datetime) -> bool:
        """Whether an alert with these labels is muted by it now."""
        return self.state(now) is State.ACTIVE and all_match(self.matchers, labels)
