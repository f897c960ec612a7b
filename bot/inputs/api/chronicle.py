"""What a deployment's facts tell over time: its phases, the router's weight, and every measurement.

Facts are taken one by one, so that a page that is read again costs only what is new. What this version does not know is
left out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil
from typing import Final

from engine.deployments.deployment import DeploymentId, Measurement, Verdict
from engine.deployments.events import (
    BackupBegun,
    DeploymentCancelled,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentPaused,
    DeploymentPlanned,
    DeploymentRejected,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    DeploymentSucceeded,
    ProgressSeen,
    PromotionStarted,
    RollbackStarted,
    StepEntered,
    WeightShifted,
    parse_event,
)
from engine.deployments.journal import subject_of
from storage.events import Event, EventLog

KEPT: Final = 32  # deployments whose facts are remembered
POINTS: Final = 300  # of a gate that are drawn
_ENDS: Final = (
    DeploymentCancelled,
    DeploymentFailed,
    DeploymentRejected,
    DeploymentRolledBack,
    DeploymentSucceeded,
)


@dataclass(frozen=True, slots=True)
class Phase:
    """What it was about for a while; `step` counts from 0 and is None outside the steps, `end` None for the present."""

    name: str  # planned, backup, starting, step, paused, promoting or rolling_back
    start: datetime
    end: datetime | None = None
    step: int | None = None


@dataclass(slots=True)
class Chronicle:
    """The facts of one deployment, taken up to `version`."""

    version: int = 0
    phases: list[Phase] = field(default_factory=list)
    weights: list[tuple[datetime, int]] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    _step: int | None = None

    def take(self, stored: Event) -> None:
        """One fact more; one that was taken already changes nothing."""
        if stored.version <= self.version:
            return
        self.version = stored.version
        event = parse_event(stored.type, stored.data)
        if event is not None:
            self._note(event, stored.at)

    def _note(self, event: DeploymentEvent, at: datetime) -> None:
        match event:
            case ProgressSeen(measurements):
                self.measurements.extend(measurements)
            case WeightShifted(weight):
                self.weights.append((at, weight))
            case StepEntered(step):
                self._step = step
                self._enter("step", at, step)
            case DeploymentResumed():
                self._enter("starting" if self._step is None else "step", at, self._step)
            case _ if isinstance(event, _ENDS):
                self._leave(at)
            case _:
                self._pass(event, at)

    def _pass(self, event: DeploymentEvent, at: datetime) -> None:
        """Into a phase of its own, where the fact begins one."""
        match event:
            case DeploymentPlanned():
                self._enter("planned", at)
            case BackupBegun():
                self._enter("backup", at)
            case DeploymentStarted():
                self._enter("starting", at)
            case DeploymentPaused(_, waiting):
                self._enter("paused", at, waiting if waiting is not None else self._step)
            case PromotionStarted():
                self._enter("promoting", at)
            case RollbackStarted():
                self._enter("rolling_back", at)
            case _:
                pass

    def _enter(self, name: str, at: datetime, step: int | None = None) -> None:
        self._leave(at)
        self.phases.append(Phase(name, at, step=step))

    def _leave(self, at: datetime) -> None:
        if self.phases and self.phases[-1].end is None:
            self.phases[-1] = replace(self.phases[-1], end=at)

    def of_gate(self, gate: str) -> Sequence[Measurement]:
        """What one gate said, the oldest first: at most POINTS, each failure among them."""
        own = [one for one in self.measurements if one.gate == gate]
        every = ceil(len(own) / POINTS) or 1
        last = len(own) - 1
        return [one for at, one in enumerate(own) if (last - at) % every == 0 or one.verdict is Verdict.FAIL]


class Chronicles:
    """Reads chronicles, and remembers the latest of them."""

    def __init__(self) -> None:
        self._known: OrderedDict[DeploymentId, Chronicle] = OrderedDict()

    async def of(self, id: DeploymentId, log: EventLog) -> Chronicle:  # noqa: A002
        """The chronicle as the log has it now; empty where there is no such deployment."""
        known = self._known.setdefault(id, Chronicle())
        self._known.move_to_end(id)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        for event in await log.read(subject_of(id), after=known.version):
            known.take(event)
        return known
