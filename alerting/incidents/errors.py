"""What can go wrong with incidents and those who are paged for them.

PermanentFailure
 ├─ UnknownIncident      no incident has this id
 ├─ IncidentEnded        it was resolved; nothing more can be done with it
 ├─ NothingToEscalate    its policy names nobody, or it has none
 └─ BrokenPolicy         a route, policy or rotation names something that does not exist
"""

from alerting.errors import PermanentFailure


class UnknownIncident(PermanentFailure):
    """No incident has this id."""

    def __init__(self, incident: str) -> None:
        super().__init__(f"There is no incident {incident[:40]}.", "The list of incidents shows which there are.")


class IncidentEnded(PermanentFailure):
    """The incident was resolved before."""


class NothingToEscalate(PermanentFailure):
    """Nobody stands in the incident's escalation policy."""

    def __init__(self, incident: str) -> None:
        super().__init__(
            f"Incident {incident} has no escalation policy, so there is nobody to page",
            "Tell the right person yourself, and name a policy for its route",
        )


class BrokenPolicy(PermanentFailure):
    """Routes, policies and rotations do not fit together."""
