"""What a silence made for an incident is to that incident. Pure."""

from datetime import datetime

from alerting.incidents.events import IncidentEvent, IncidentSilenced, SilenceLifted
from alerting.incidents.incident import Incident, PersonId, Silenced
from alerting.silences.silence import SYSTEM, Silence, State


def silence_news(incident: Incident, silence: Silence, now: datetime) -> tuple[IncidentEvent, ...]:
    """What the incident does not know of its silence yet; nothing once the incident is over."""
    if incident.ended:
        return ()
    known = next((one for one in incident.silenced if one.silence == silence.id), None)
    if silence.state(now) is State.EXPIRED:
        return (SilenceLifted(silence.id, _person(silence.ended_by)),) if known else ()
    told = Silenced(silence.id, PersonId(silence.created_by), silence.ends_at, silence.until_resolved)
    return () if told == known else (IncidentSilenced(told),)


def _person(name: str) -> PersonId | None:
    return PersonId(name) if name and name != SYSTEM else None
