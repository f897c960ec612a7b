"""What people and machines may ask of alerting. Imperative, parsed once at the edge, then frozen."""

from dataclasses import dataclass
from datetime import timedelta

from alerting.incidents.incident import IncidentId
from alerting.routing.matcher import Matcher
from alerting.silences.silence import SilenceId


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Take the incident: nobody else is paged while somebody has it."""

    incident: IncidentId


@dataclass(frozen=True, slots=True)
class Unacknowledge:
    """Give the incident back: people are paged again, from the first step."""

    incident: IncidentId


@dataclass(frozen=True, slots=True)
class ResolveIncident:
    """End the incident by hand, whatever its alerts say."""

    incident: IncidentId


@dataclass(frozen=True, slots=True)
class Escalate:
    """Page the next step now.

    `level` is the step that was paged last when the person pressed, so that a double click is one.
    """

    incident: IncidentId
    level: int | None = None


@dataclass(frozen=True, slots=True)
class SetSilence:
    """Mute alerts for as long as it `lasts`, from now on; None: until none of them fires any more."""

    matchers: tuple[Matcher, ...]
    lasts: timedelta | None
    comment: str


@dataclass(frozen=True, slots=True)
class SilenceIncident:
    """Mute the alerts of the incident's group; `lasts` as in SetSilence."""

    incident: IncidentId
    lasts: timedelta | None


@dataclass(frozen=True, slots=True)
class ExpireSilence:
    """End a silence now. People may shorten its id as long as it is meant clearly."""

    silence: SilenceId
