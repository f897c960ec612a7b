"""A release train as its events tell it: plan, decisions, and the saga of its deployments. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from engine.catalog import EnvironmentName, ServiceName, Version
from engine.commands import TrainId
from engine.deployments.deployment import Decision, Override, PersonId, Step
from engine.errors import IllegalMove
from engine.flows.saga import Operation, Saga
from engine.flows.waves import waves


class TrainState(StrEnum):
    """Where a train is. PLANNED waits for approval, or begins at once when none is needed."""

    PLANNED = "planned"
    RUNNING = "running"
    GOING_BACK = "going_back"
    SUCCEEDED = "succeeded"
    TAKEN_BACK = "taken_back"
    STUCK = "stuck"  # something of it could not be taken back
    CANCELLED = "cancelled"  # it ended before any effect


MOVES: Final[Mapping[TrainState, frozenset[TrainState]]] = {
    TrainState.PLANNED: frozenset({TrainState.RUNNING, TrainState.CANCELLED}),
    TrainState.RUNNING: frozenset({TrainState.SUCCEEDED, TrainState.GOING_BACK}),
    TrainState.GOING_BACK: frozenset({TrainState.TAKEN_BACK, TrainState.STUCK}),
    TrainState.SUCCEEDED: frozenset(),
    TrainState.TAKEN_BACK: frozenset(),
    TrainState.STUCK: frozenset({TrainState.GOING_BACK}),
    TrainState.CANCELLED: frozenset(),
}
ENDED: Final = frozenset({TrainState.SUCCEEDED, TrainState.TAKEN_BACK, TrainState.STUCK, TrainState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Component:
    """One service of a train: what it will run, exactly, and which others of the train come before it.

    `configuration` tells the settings it was planned on from others; `previous` is what ran when it was planned.
    """

    service: ServiceName
    version: Version
    digest: str
    previous: Version | None
    configuration: str
    needs: tuple[ServiceName, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """What one approval agrees to: every service with its digest, and what is passed by `overrides`.

    With a `group` only its members' approvals count.
    """

    environment: EnvironmentName
    components: tuple[Component, ...]
    approvals_needed: int
    four_eyes: bool
    expires_at: datetime | None
    group: str = ""
    warnings: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()

    @property
    def override(self) -> str:
        """The reason that was given to pass what stood in the way; "" when nothing did."""
        return self.overrides[0].reason if self.overrides else ""

    @property
    def digest(self) -> str:
        """A short word that is another one as soon as anything of what would run is."""
        what = [f"{one.service} {one.version} {one.digest} {one.configuration}" for one in self.components]
        return sha256("\n".join(what).encode()).hexdigest()[:16]

    @property
    def waves(self) -> tuple[tuple[str, ...], ...]:
        """The services in the order they are deployed in."""
        return waves({one.service: one.needs for one in self.components})

    def component(self, service: str) -> Component:
        """The part of this service. Raises StopIteration: only its own services are asked for."""
        return next(one for one in self.components if one.service == service)


@dataclass(frozen=True, slots=True)
class Train:
    """The fold of a train's events. `saga` is None until it begins; `retries` counts how often going back was retried.

    `stream_version` is the version to append after.
    """

    id: TrainId
    plan: TrainPlan
    requested_by: PersonId
    requested_at: datetime
    state: TrainState = TrainState.PLANNED
    reason: str = ""
    decisions: tuple[Decision, ...] = ()
    aborted_by: PersonId | None = None
    saga: Saga | None = None
    retries: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    updated_at: datetime | None = None
    history: tuple[Step, ...] = ()
    stream_version: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.state in ENDED

    @property
    def approvers(self) -> tuple[PersonId, ...]:
        """Those who agreed, in order."""
        return tuple(one.person for one in self.decisions if one.approved)

    @property
    def approved(self) -> bool:
        """Whether enough people agreed."""
        return len(set(self.approvers)) >= self.plan.approvals_needed

    def operation(self, service: str) -> Operation:
        """How it stands with a service; before the train begins it waits."""
        if self.saga is None:
            return Operation(service, self.plan.component(service).needs)
        return self.saga.operations[service]

    def moved(self, new: TrainState, **changes: object) -> Train:
        """A copy in the new state. Raises IllegalMove."""
        if new not in MOVES[self.state]:
            raise IllegalMove(f"Train {self.id}", self.state, new)
        return replace(self, state=new, **changes)  # type: ignore[arg-type]  # its own fields
