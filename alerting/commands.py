"""What people and machines may ask of alerting. Imperative, parsed once at the edge, then frozen."""

from dataclasses import dataclass

from alerting.incidents.incident import IncidentId


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
