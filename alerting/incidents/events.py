"""What can happen to an incident. When it happened is the log's own time, so no event repeats it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from alerting.incidents.incident import IncidentAlert, PageStep, PersonId, Silenced, Suspect


@dataclass(frozen=True, slots=True)
class IncidentOpened:
    """An alert fired in a group that had no open incident. The escalation policy is kept as it is now.

    `settled` and `over` are what earlier incidents of the group dealt with (see Incident); `note` is a line for the
    timeline, `group` are the labels that its alerts share.
    """

    key: str
    title: str
    severity: str
    channel: str
    service: str
    environment: str
    alerts: tuple[IncidentAlert, ...]
    policy: str = ""
    steps: tuple[PageStep, ...] = ()
    repeat: int = 0
    next_page_at: datetime | None = None
    on_call: PersonId | None = None
    suspects: tuple[Suspect, ...] = ()
    settled: Mapping[str, datetime] = field(default_factory=dict)
    note: str = ""
    group: Mapping[str, str] = field(default_factory=dict)
    over: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertJoined:
    """Another alert of the group fired, or one that had ended fires anew. None keeps the suspects there were."""

    alert: IncidentAlert
    suspects: tuple[Suspect, ...] | None = None


@dataclass(frozen=True, slots=True)
class AlertUpdated:
    """A firing alert has another value or other annotations."""

    alert: IncidentAlert


@dataclass(frozen=True, slots=True)
class AlertEnded:
    """An alert no longer fires."""

    alert: IncidentAlert


@dataclass(frozen=True, slots=True)
class AlertsJoined:
    """Several at once: either none of them was of the incident before, or all fire anew."""

    alerts: tuple[IncidentAlert, ...]
    suspects: tuple[Suspect, ...] | None = None


@dataclass(frozen=True, slots=True)
class AlertsUpdated:
    """Several firing alerts have other values or other annotations."""

    alerts: tuple[IncidentAlert, ...]


@dataclass(frozen=True, slots=True)
class AlertsEnded:
    """Several alerts no longer fire."""

    alerts: tuple[IncidentAlert, ...]


@dataclass(frozen=True, slots=True)
class SettledEnded:
    """Alerts that went on firing after a person had resolved them have ended: should they fire anew, it counts.

    `ends` says by fingerprint when that was told.
    """

    ends: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class IncidentAcknowledged:
    """Somebody has it now; who had it before has it no longer."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class AcknowledgmentWithdrawn:
    """Nobody has it any more: the escalation begins anew in the next round."""

    person: PersonId
    next_page_at: datetime | None


@dataclass(frozen=True, slots=True)
class PersonPaged:
    """Somebody is to be told. The page is delivered after this is written, so that a crash forgets nobody."""

    person: PersonId
    round: int
    level: int
    next_page_at: datetime | None


@dataclass(frozen=True, slots=True)
class PageDelivered:
    """The chat took the page."""

    person: PersonId
    round: int
    level: int


@dataclass(frozen=True, slots=True)
class PageFailed:
    """The page was tried to its end; the next step is due at once."""

    person: PersonId
    round: int
    level: int
    error: str


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """A step found nobody to page; the next one is due at once."""

    round: int
    level: int
    reason: str
    next_page_at: datetime


@dataclass(frozen=True, slots=True)
class IncidentEscalated:
    """Somebody asked for the next step now. `round` is the round it belongs to."""

    person: PersonId
    round: int


@dataclass(frozen=True, slots=True)
class PolicyExhausted:
    """Everybody in the policy was paged, in every round, and nobody took it."""


@dataclass(frozen=True, slots=True)
class IncidentResolved:
    """It ended: by a person, or by itself (None) when its last alert ended."""

    person: PersonId | None = None


@dataclass(frozen=True, slots=True)
class IncidentSilenced:
    """Its alerts are muted for a while, or for another while than before."""

    by: Silenced


@dataclass(frozen=True, slots=True)
class SilenceLifted:
    """A silence made for it has ended: by a person, or by itself (None)."""

    silence: str
    person: PersonId | None = None


@dataclass(frozen=True, slots=True)
class PagingHushed:
    """All its alerts are silenced, at least until then: nobody is paged before, unless by hand."""

    until: datetime


@dataclass(frozen=True, slots=True)
class PagingResumed:
    """An alert of it is silenced no more: what was due meanwhile is due now."""


@dataclass(frozen=True, slots=True)
class IncidentRepeated:
    """It still fires after the repeat interval. `key` names the telling, so that it counts once."""

    key: str


IncidentEvent: TypeAlias = (
    IncidentOpened
    | AlertJoined
    | AlertUpdated
    | AlertEnded
    | AlertsJoined
    | AlertsUpdated
    | AlertsEnded
    | SettledEnded
    | IncidentAcknowledged
    | AcknowledgmentWithdrawn
    | PersonPaged
    | PageDelivered
    | PageFailed
    | StepSkipped
    | IncidentEscalated
    | PolicyExhausted
    | IncidentResolved
    | IncidentSilenced
    | IncidentRepeated
    | PagingHushed
    | PagingResumed
    | SilenceLifted
)
