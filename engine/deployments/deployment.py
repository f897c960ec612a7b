"""A deployment as its events tell it: states, moves and the fold. Pure.

The state says where it is, the outcome how it ended. An illegal move is an error that names both states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType

from engine.catalog import EnvironmentName, ServiceName, Version
from engine.deployments.compare import Compared
from engine.errors import IllegalMove
from engine.strategy_specs import GateSpec, StrategySpec

DeploymentId = NewType("DeploymentId", str)
PersonId = NewType("PersonId", str)


class State(StrEnum):
    """Where a deployment is. PLANNED waits for approval (or starts at once when none is needed)."""

    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    PROMOTING = "promoting"
    SUCCEEDED = "succeeded"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How it ended."""

    PROMOTED = "promoted"
    FAST_PROMOTED = "fast_promoted"  # at once, without the steps: a roll-back, or a person said so
    ABORTED = "aborted"  # a person said so
    GATE_FAILED = "gate_failed"  # a gate said so
    REJECTED = "rejected"
    EXPIRED = "expired"  # nobody decided in time
    SUPERSEDED = "superseded"  # another version was asked for: a roll-back before it began, or what is stable anew
    BROKEN = "broken"  # it could not be done, or not be undone
    VOID = "void"  # what was agreed to is no longer what would be done


class Purpose(StrEnum):
    """Why it was asked for."""

    DEPLOY = "deploy"
    ROLL_BACK = "roll_back"


MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.PLANNED: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset({State.PAUSED, State.PROMOTING, State.ROLLING_BACK, State.FAILED}),
    State.PAUSED: frozenset({State.RUNNING, State.PROMOTING, State.ROLLING_BACK, State.FAILED}),
    State.PROMOTING: frozenset({State.SUCCEEDED, State.ROLLING_BACK, State.FAILED}),
    State.ROLLING_BACK: frozenset({State.ROLLED_BACK, State.FAILED}),
    State.SUCCEEDED: frozenset(),
    State.ROLLED_BACK: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
ENDED: Final = frozenset(state for state, after in MOVES.items() if not after)


BACKING_UP: Final = "Its data is being backed up."
EXTENSION: Final = timedelta(seconds=10)  # the least a step stays longer when its gates have too little data


def move(subject: str, old: State, new: State) -> State:
    """`new`, when the table allows it from `old`. Raises IllegalMove."""
    if new not in MOVES[old]:
        raise IllegalMove(subject, old, new)
    return new


class Verdict(StrEnum):
    """What a gate says. ERROR is a gate that could not be asked; INCONCLUSIVE has too little data. Neither passes."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One answer of one gate: what was asked, what came, against what, over how many samples, and the verdict.

    `compared` is what a comparison stood on; `ask_after` is when a hook wants to be asked again.
    """

    gate: str
    kind: str
    query: str
    value: float | None
    threshold: str
    samples: int | None
    verdict: Verdict
    at: datetime
    unit: str = ""
    note: str = ""
    compared: Compared | None = None
    ask_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Who approved or rejected, and when."""

    person: PersonId
    approved: bool
    at: datetime
    step: int | None = None  # None decides the whole deployment, a number one manual step


@dataclass(frozen=True, slots=True)
class Override:
    """Something that stood in the way (`key` names the one cause, `what` tells it), passed for this reason."""

    key: str
    what: str
    by: PersonId
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What was agreed to: approvals are bound to `digest` and to this plan.

    `previous` is the stable version at planning time, None for a first deployment. `revision` is the release whose
    recorded configuration is used, None for that of the settings; `configuration` tells the settings it was planned
    on from others ("" where that was not noted), and `placement` has them as JSON values: what comes out is what was
    planned, whatever the settings say by then. With an `approval_group` only its members' approvals count.
    `counted` says whether the router counts requests: where it does not, a count of 0 says nothing.
    """

    service: ServiceName
    environment: EnvironmentName
    version: Version
    digest: str
    previous: Version | None
    instances: int
    strategy: StrategySpec
    approvals_needed: int
    four_eyes: bool
    expires_at: datetime | None
    revision: int | None = None
    configuration: str = ""
    approval_group: str = ""
    overrides: tuple[Override, ...] = ()
    warnings: tuple[str, ...] = ()
    placement: dict[str, Any] | None = None
    counted: bool = True

    @property
    def first(self) -> bool:
        """Whether nothing ran before, so that there is no traffic to share."""
        return self.previous is None


@dataclass(frozen=True, slots=True)
class Step:
    """What the thread of the deployment's message says happened."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Deployment:
    """The fold of a deployment's events.

    `step` indexes plan.strategy.steps (-1 before the first); `weight` is what the router read back, in percent to
    the new version. `step_entered_at` is when the router first reported the step's weight: the dwell counts from there.
    `stream_version` is the version to append after.
    """

    id: DeploymentId
    plan: Plan
    purpose: Purpose
    requested_by: PersonId
    requested_at: datetime
    state: State = State.PLANNED
    outcome: Outcome | None = None
    reason: str = ""
    decisions: tuple[Decision, ...] = ()
    held: str = ""  # why it waits though enough people agreed
    in_line_since: datetime | None = None  # when it began to wait for one of the deployments that run to end
    fence: int = 0  # the number of the place's newest lock when it began
    well_before: int | None = None  # how many instances of the former version were when it began
    backup: str = ""  # of the data as it was before; "" while there is none
    started_at: datetime | None = None
    step: int = -1
    step_entered_at: datetime | None = None
    step_extended: bool = False
    step_passed: bool = False
    waiting_step: int | None = None  # the step a person has to approve before it is entered
    weight: int = 0
    traffic_at: datetime | None = None  # since when it is judged: its first traffic, or its preview until then
    requests: int = 0  # through the router since the deployment began
    lost: int = 0  # of those, how many no instance answered
    counted: tuple[int, int] = (0, 0)  # the router's own counters of both, as last read
    measurements: tuple[Measurement, ...] = ()  # the latest of each gate, of this step
    measured_at: datetime | None = None
    gate_errors: int = 0  # measurements in a row in which a gate could not be asked
    figures: tuple[tuple[str, str], ...] = ()  # label and rendered number, shown beside the deployment
    deaths: tuple[str, ...] = ()  # instances of the new version that ended by themselves, each run once
    trouble: str = ""  # what is being retried, in the platform's own words
    trouble_since: datetime | None = None
    abort_asked_by: PersonId | None = None
    promotion_asked_by: PersonId | None = None  # who wants what is left of the steps skipped
    paused_at: datetime | None = None
    promoted_at: datetime | None = None  # when promotion began: from then on the old version may be gone
    released_at: datetime | None = None  # when the old version was not kept for going back any longer
    progressed_at: datetime | None = None  # the last thing that came to be: the progress deadline counts from there
    ended_at: datetime | None = None
    updated_at: datetime | None = None
    history: tuple[Step, ...] = ()
    stream_version: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    @property
    def approvals(self) -> tuple[Decision, ...]:
        """Those who agreed to the whole deployment."""
        return tuple(one for one in self.decisions if one.approved and one.step is None)

    @property
    def approved(self) -> bool:
        """Whether enough people agreed."""
        return len({one.person for one in self.approvals}) >= self.plan.approvals_needed

    @property
    def previewing(self) -> bool:
        """Whether it stands at a step without traffic: what is judged is the preview, before the switch."""
        steps = self.plan.strategy.steps
        return 0 <= self.step < len(steps) and steps[self.step].weight == 0

    @property
    def gates_now(self) -> tuple[GateSpec, ...]:
        """The gates that are asked now: those of before a switch while there is only a preview, then those of after."""
        time = "before" if self.previewing else "after"
        return tuple(gate for gate in self.plan.strategy.gates if gate.when in {"always", time})

    @property
    def kept_until(self) -> datetime | None:
        """How long the old version is kept at full strength beside the promoted one; None when it is not (any more)."""
        since, keep = self.traffic_at or self.promoted_at, self.plan.strategy.keep_old
        if self.promoted_at is None or since is None or self.released_at or self.plan.first or not keep:
            return None
        return since + keep

    def step_left(self, now: datetime) -> timedelta:
        """How much of the present step's dwell is left; zero outside a step."""
        steps = self.plan.strategy.steps
        if self.step_entered_at is None or not 0 <= self.step < len(steps):
            return timedelta(0)
        dwell = steps[self.step].dwell
        extra = max(dwell, EXTENSION) if self.step_extended else timedelta(0)
        return max(timedelta(0), self.step_entered_at + dwell + extra - now)

    @property
    def lacking_step(self) -> int | None:
        """The first step ahead that people still have to agree to; None when nobody needs to any more."""
        ahead = range(max(0, self.step + 1), len(self.plan.strategy.steps))
        asked = (step for step in ahead if self.plan.strategy.steps[step].approval)
        return next((step for step in asked if not self.approved_step(step)), None)

    def approved_step(self, step: int) -> bool:
        """Whether enough people (at least one) agreed to enter `step`."""
        people = {one.person for one in self.decisions if one.approved and one.step == step}
        return len(people) >= max(1, self.plan.approvals_needed)

    def moved(self, new: State, **changes: object) -> Deployment:
        """A copy in the new state. Raises IllegalMove."""
        return replace(self, state=move(f"Deployment {self.id}", self.state, new), **changes)  # type: ignore[arg-type]


def latest(measurements: Sequence[Measurement], new: Measurement) -> tuple[Measurement, ...]:
    """`measurements` with that of the same gate replaced by `new`."""
    return (*(one for one in measurements if one.gate != new.gate), new)
