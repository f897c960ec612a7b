"""Whether a group must be told again, given what its receiver was told last. Pure.

Source of the rules: DedupStage.needsUpdate and SetNotifiesStage of Alertmanager. Ours also knows what is owed: alerts
whose firing was told and whose end was not. Theirs forgets one that a later telling leaves out because it is silenced.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from alerting.notify.notification import Reason

Fingerprints = frozenset[str]


@dataclass(frozen=True, slots=True)
class Target:
    """One integration of a receiver, by its place in it."""

    receiver: str
    index: int

    def __str__(self) -> str:
        return f"{self.receiver}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Told:
    """What a group's receiver was told last, by fingerprints; `count` numbers the tellings from 1."""

    firing: Fingerprints
    resolved: Fingerprints
    owed: Fingerprints
    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The alerts of a group that passed every mute, by fingerprints."""

    firing: Fingerprints
    resolved: Fingerprints


def needs_update(
    told: Told | None, seen: Seen, *, send_resolved: bool, repeat: timedelta, now: datetime
) -> Reason | None:
    """Why the group must be told now, None when it need not.

    All resolved is a reason even for a receiver that hears no ends: it clears what was told to fire.
    """
    if told is None:
        return Reason.FIRST if seen.firing else None
    if not seen.firing <= told.firing:
        return Reason.NEW_FIRING if told.firing else Reason.FIRST
    if not seen.firing:
        return Reason.ALL_RESOLVED if told.firing or told.owed & seen.resolved else None
    if send_resolved and not seen.resolved <= told.resolved:
        return Reason.NEW_RESOLVED
    return Reason.REPEAT if told.at < now - repeat else None


def after(told: Told | None, seen: Seen, at: datetime) -> Told:
    """What the receiver knows once it was told what is seen."""
    owed, count = (told.owed, told.count) if told else (Fingerprints(), 0)
    return Told(seen.firing, seen.resolved, (owed | seen.firing) - seen.resolved, at, count + 1)


def unowed(told: Told | None, seen: Seen) -> Told | None:
    """What a receiver that hears no ends knows once it need not be told of those seen; None when nothing changes."""
    if told is None or not told.owed & seen.resolved:
        return None
    return replace(told, owed=told.owed - seen.resolved)


def telling_key(group: str, target: Target, told: Told | None, seen: Seen, reason: Reason) -> str:
    """A name for one telling that a repetition after a crash has too: it says what is told after which telling."""
    count = told.count if told else 0
    parts = (group, target.receiver, target.index, count, reason.value, _listed(seen.firing), _listed(seen.resolved))
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def _listed(fingerprints: Iterable[str]) -> list[str]:
    return sorted(fingerprints)
