"""What has happened to a deployment: the facts its state is folded from, and their form in the log.

A fact of a type this version does not know was written by a later one; `parse_event` answers None and it is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.deployments.deployment import Measurement, Outcome, PersonId, Plan, Purpose


@dataclass(frozen=True, slots=True)
class DeploymentPlanned:
    """Somebody asked and the plan was found possible. `request` is the id of what was asked."""

    plan: Plan
    purpose: Purpose
    requested_by: PersonId
    request: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentApproved:
    """A person agreed: to the whole when `step` is None, else to entering that step."""

    person: PersonId
    step: int | None = None


@dataclass(frozen=True, slots=True)
class DeploymentRejected:
    """A person refused the plan."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class DeploymentExpired:
    """Nobody decided in time."""


@dataclass(frozen=True, slots=True)
class DeploymentOverridden:
    """`person` passes what stood in the way, `what`, for this reason; somebody else has to agree."""

    person: PersonId
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeploymentHeld:
    """Enough people agreed, and it waits all the same: for its turn (`in_line`), a lock or a freeze."""

    reason: str
    in_line: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentStarted:
    """The component was taken; effects follow. The router's counters so far are what later ones are set against.

    `fence` is the number of the place's newest lock, 0 when there never was one. `well` is how many instances of the
    former version were, None where that was not noted.
    """

    requests: int = 0
    lost: int = 0
    fence: int = 0
    well: int | None = None


@dataclass(frozen=True, slots=True)
class BackupBegun:
    """The data is being backed up, before anything is touched."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """The data was backed up as `backup`; `size` in bytes."""

    backup: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StepEntered:
    """The strategy's step `step` is aimed at, `weight` percent to the new version; `reason` when others are skipped."""

    step: int
    weight: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WeightShifted:
    """The router read back `weight` percent to the new version."""

    weight: int


@dataclass(frozen=True, slots=True)
class ProgressSeen:
    """What the gates, the figures and the router's counters said. `figures` are label and rendered number."""

    measurements: tuple[Measurement, ...]
    figures: tuple[tuple[str, str], ...]
    requests: int
    lost: int


@dataclass(frozen=True, slots=True)
class InstanceDied:
    """An instance of the new version ended by itself; `run` tells its runs apart, `note` is the platform's word."""

    instance: str
    run: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class StepPassed:
    """The step's dwell is over and every gate passed."""

    step: int


@dataclass(frozen=True, slots=True)
class StepExtended:
    """The step stays once more for its dwell: a gate has too little data."""

    step: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentPaused:
    """It waits for a person; `waiting_step` is the step that needs approval, None when another decision is needed."""

    reason: str
    waiting_step: int | None = None


@dataclass(frozen=True, slots=True)
class DeploymentResumed:
    """A person let it go on."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class AbortAsked:
    """A person wants it undone."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class PromotionAsked:
    """A person wants it at the end at once: what is left of the steps is skipped."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class PromotionStarted:
    """All steps are passed: the new version takes everything, then the old one goes."""


@dataclass(frozen=True, slots=True)
class OldReleased:
    """The old version was kept long enough, or until `person` let it go: it may go."""

    person: PersonId | None = None


@dataclass(frozen=True, slots=True)
class RollbackStarted:
    """Traffic goes back; `outcome` is how the deployment will have ended."""

    reason: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TroubleMet:
    """Something outside did not work and is being retried."""

    reason: str


@dataclass(frozen=True, slots=True)
class TroubleCleared:
    """It works again. `anew`: nothing could be done meanwhile, so the time to get on counts from now."""

    anew: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentSucceeded:
    """The new version runs alone."""


@dataclass(frozen=True, slots=True)
class DeploymentRolledBack:
    """The former version has everything and the new one is gone. `but` names the instances that are not well."""

    but: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentFailed:
    """It could not be done and not be undone; `reason` says what runs now."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeploymentCancelled:
    """It ended before any effect."""

    reason: str
    outcome: Outcome
    person: PersonId | None = None


DeploymentEvent = (
    DeploymentPlanned
    | DeploymentApproved
    | DeploymentRejected
    | DeploymentExpired
    | DeploymentOverridden
    | DeploymentHeld
    | BackupBegun
    | BackedUp
    | DeploymentStarted
    | StepEntered
    | WeightShifted
    | ProgressSeen
    | InstanceDied
    | StepPassed
    | StepExtended
    | DeploymentPaused
    | DeploymentResumed
    | AbortAsked
    | PromotionAsked
    | PromotionStarted
    | OldReleased
    | RollbackStarted
    | TroubleMet
    | TroubleCleared
    | DeploymentSucceeded
    | DeploymentRolledBack
    | DeploymentFailed
    | DeploymentCancelled
)

TYPES: Final[Mapping[str, type[DeploymentEvent]]] = {kind.__name__: kind for kind in DeploymentEvent.__args__}


def event_data(event: DeploymentEvent) -> dict[str, Any]:
    """The event's fields as JSON values; durations and times as ISO 8601 text."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    return data


def parse_event(kind: str, data: Mapping[str, Any]) -> DeploymentEvent | None:
    """The event that `event_data` wrote; None for a type this version does not know.

    Raises ValueError (msgspec.ValidationError) when a known type has data of another shape.
    """
    known = TYPES.get(kind)
    return None if known is None else msgspec.convert(dict(data), known)
