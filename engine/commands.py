"""What people and machines may ask of the engine. Imperative, parsed once at the edge, then frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NewType

from engine.deployments.deployment import DeploymentId

TrainId = NewType("TrainId", str)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, in the words of where they ask: `kind` slack with `team` and `user`, token with its name, or system."""

    kind: Literal["slack", "token", "system"]
    user: str
    team: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One input from any door. `id` is unique for what was meant: a repeated delivery or click carries the same id."""

    id: str
    at: datetime
    source: Literal["chat", "api", "cli", "webhook", "schedule"]
    actor: Actor
    command: object
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """What came of a request. `error` is for people: what happened and what to do next."""

    request_id: str
    at: datetime
    ok: bool
    data: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    remedy: str = ""
    kind: str = ""  # the error's class name in the engine's tree
    field: str = ""  # which field of the request is wrong, where one is


@dataclass(frozen=True, slots=True)
class Deploy:
    """Bring `version` of `service` to `environment`.

    `override` says why in spite of a freeze, an incident, a known fault of the version, or the lock after a roll-back;
    then somebody else has to approve.
    """

    service: str
    version: str
    environment: str
    strategy: str | None = None
    override: str = ""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Go back. With a deployment id: to what ran before it. With `to`: to that revision or version.

    With neither: to what ran before the stable version.
    """

    service: str
    environment: str
    deployment: DeploymentId | None = None
    to: str = ""


WHATEVER_WAITS: Final = -1
"""The step of those who type a decision, having looked at what waits now."""


@dataclass(frozen=True, slots=True)
class Approve:
    """Agree to what the person saw: `digest`, and `step` (from 0) that waits, None for the plan, or WHATEVER_WAITS."""

    deployment: DeploymentId
    digest: str = ""
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse a planned deployment, or the step that waits; `step` as in Approve."""

    deployment: DeploymentId
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Abort:
    """End a deployment in whatever state it is, bringing traffic back."""

    deployment: DeploymentId


@dataclass(frozen=True, slots=True)
class Resume:
    """Let a paused deployment go on from the step it stands at."""

    deployment: DeploymentId


@dataclass(frozen=True, slots=True)
class Promote:
    """Go on to the end at once: skip what is left of the steps and of their gates, but no approval.

    `step` (from 0) and `paused_at` (Unix seconds, 0 for none) are where it stood when the person looked; None is
    wherever it stands.
    """

    deployment: DeploymentId
    step: int | None = None
    paused_at: int | None = None


@dataclass(frozen=True, slots=True)
class ReleaseOld:
    """Let the former version go that is still kept beside the promoted one."""

    deployment: DeploymentId


@dataclass(frozen=True, slots=True)
class Restart:
    """Start a failed or running component's instances anew, one at a time."""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Have so many instances of a running component, until the settings change or somebody scales again."""

    service: str
    environment: str
    instances: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop all of a component, keeping its record.

    `seen` is the `Component.decided` that the person was shown; None decides on what is now.
    """

    service: str
    environment: str
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Bring a stopped component back, with the version that ran."""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Bring a failed component back, with the version that was stable."""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class Unregister:
    """Look after a stopped component no longer; its history stays, and a deployment registers it again.

    `seen` as in Stop.
    """

    service: str
    environment: str
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """Let nobody else deploy `service` to `environment`, for as long as it `lasts` (None: until unlocked)."""

    service: str
    environment: str
    lasts: timedelta | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unlock:
    """Give the lock back; an admin breaks that of somebody else, with a reason."""

    service: str
    environment: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AwaitUnlock:
    """Tell me when the lock is gone."""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Let nothing be deployed: of a service, to an environment, or both; "" is every one. `lasts` as in Lock."""

    service: str
    environment: str
    lasts: timedelta | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unfreeze:
    """End the freeze of exactly this service and environment, as it was made."""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class MarkVersion:
    """Say that a version is known to be bad, or good after all."""

    service: str
    version: str
    bad: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeployTrain:
    """Deploy several services to one environment as one: all of them, or none. `versions` are (service, version).

    `override` as in Deploy, for each of them.
    """

    versions: tuple[tuple[str, str], ...]
    environment: str
    override: str = ""


@dataclass(frozen=True, slots=True)
class ApproveTrain:
    """Agree to a train as it was shown; `digest` is that of its plan, "" for those who type."""

    train: TrainId
    digest: str = ""


@dataclass(frozen=True, slots=True)
class RejectTrain:
    """Refuse a train that waits for approval."""

    train: TrainId


@dataclass(frozen=True, slots=True)
class AbortTrain:
    """End a train and take back what it has deployed; where that did not work, try that once more."""

    train: TrainId
