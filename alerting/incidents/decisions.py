"""What a person's decision does to an incident, and what they are told. Pure.

Pressing twice is pressing once: a decision that is already so changes nothing and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from alerting.incidents.errors import IncidentEnded, NothingToEscalate
from alerting.incidents.events import (
    AcknowledgmentWithdrawn,
    IncidentAcknowledged,
    IncidentEscalated,
    IncidentEvent,
    IncidentRepeated,
    IncidentResolved,
)
from alerting.incidents.incident import Incident, PersonId, State
from alerting.oncall.escalation import first_page_at, following


@dataclass(frozen=True, slots=True)
class Ruling:
    """What happens, and the answer to the person."""

    events: tuple[IncidentEvent, ...]
    text: str


Rule = Callable[[Incident], Ruling]


def acknowledge(incident: Incident, person: PersonId) -> Ruling:
    """Give it to `person`, also when somebody else has it. Raises IncidentEnded."""
    _check_open(incident)
    if incident.acknowledged_by == person:
        return Ruling((), "You have it already.")
    events = (IncidentAcknowledged(person),)
    if incident.acknowledged_by is not None:
        return Ruling(events, f"You took it over from {incident.acknowledged_by}.")
    return Ruling(events, "You have it now. Nobody else is paged.")


def unacknowledge(incident: Incident, person: PersonId, *, now: datetime) -> Ruling:
    """Give it back to nobody, so that people are paged from the first step. Raises IncidentEnded."""
    _check_open(incident)
    if incident.state is not State.ACKNOWLEDGED:
        return Ruling((), "Nobody has acknowledged it.")
    due = first_page_at(incident.steps, now)
    told = "Paging starts again." if due else "It has no escalation policy, so nobody is paged."
    return Ruling((AcknowledgmentWithdrawn(person, due),), f"It is open again. {told}")


def resolve(incident: Incident, person: PersonId) -> Ruling:
    """End it. Raises IncidentEnded when it had ended by another hand or by itself."""
    if incident.ended and incident.resolved_by == person:
        return Ruling((), "You resolved it already.")
    _check_open(incident)
    firing = len(incident.firing)
    still = "Its alert still fires: a" if firing == 1 else f"{firing} of its alerts still fire: a"
    return Ruling((IncidentResolved(person),), f"Resolved. {still} new incident opens once one ended and fires anew.")


def escalate(incident: Incident, person: PersonId, *, level: int | None, now: datetime) -> Ruling:
    """Make the next step due now, a new round when every step was paged.

    `level` is the step the person saw as the last. Raises IncidentEnded, NothingToEscalate.
    """
    _check_open(incident)
    if not incident.steps:
        raise NothingToEscalate(incident.id)
    waits = incident.hushed_until is not None and not incident.urged
    due = incident.next_page_at is not None and incident.next_page_at <= now and not waits
    if due or (level is not None and level != incident.level):
        return Ruling((), "It has been escalated already.")
    round_, next_level = following(incident) or (incident.round + 1, 0)
    return Ruling((IncidentEscalated(person, round_),), f"Step {next_level + 1} is being paged.")


def repeat(incident: Incident, key: str) -> tuple[IncidentEvent, ...]:
    """Say again that it is open; nothing when it is not, or when that was said under this key."""
    return () if incident.ended or incident.repeated == key else (IncidentRepeated(key),)


def _check_open(incident: Incident) -> None:
    if not incident.ended or incident.resolved_at is None:
        return
    how = f"was resolved by {incident.resolved_by}" if incident.resolved_by else "resolved itself"
    raise IncidentEnded(
        f"This incident {how} at {incident.resolved_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "Nothing is left to do; should it happen again, a new incident opens",
    )
