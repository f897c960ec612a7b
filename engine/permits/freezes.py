"""Freezes: while one holds, nothing is deployed to where it reaches; going back is always allowed. Pure.

One is made by a command, by a window of the settings, or by an open incident of the service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, assert_never

from engine.catalog import Environment
from engine.deployments.deployment import PersonId, Step
from engine.ports import OpenIncident

EVERY = "*"
FreezeEnding = Literal["unfrozen", "expired"]


@dataclass(frozen=True, slots=True)
class FreezeBegun:
    """`person` froze a service ("" for every one) in an environment ("" for every one)."""

    service: str
    environment: str
    person: PersonId
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class FreezeEnded:
    """It is over: by a person, or its time has run out."""

    how: FreezeEnding
    person: PersonId


FreezeEvent = FreezeBegun | FreezeEnded


@dataclass(frozen=True, slots=True)
class FreezeState:
    """The fold of one freeze's events. `number` counts those of the same scope."""

    service: str
    environment: str
    number: int
    person: PersonId
    reason: str
    since: datetime
    until: datetime | None
    ended: FreezeEnding | None = None
    ended_by: PersonId | None = None
    ended_at: datetime | None = None
    history: tuple[Step, ...] = ()
    stream_version: int = 0

    @property
    def scope(self) -> str:
        """`shop in production`, `production`, or `shop everywhere`."""
        return scope_of(self.service, self.environment)

    def holds(self, now: datetime) -> bool:
        """Whether it still is one."""
        return self.ended is None and (self.until is None or now < self.until)

    def reaches(self, service: str, environment: str) -> bool:
        """Whether the place is within its scope."""
        return self.service in {"", service} and self.environment in {"", environment}


def scope_of(service: str, environment: str) -> str:
    """What a freeze of this service and environment ("" for every one) is of, in words."""
    if service:
        return f"{service} in {environment}" if environment else f"{service} everywhere"
    return environment or "everything"


def opened(event: FreezeBegun, number: int, *, at: datetime) -> FreezeState:
    """The freeze its first event makes."""
    made = FreezeState(event.service, event.environment, number, event.person, event.reason, at, event.until)
    return _written(made, event, at)


def apply(freeze: FreezeState, event: FreezeEvent, *, at: datetime) -> FreezeState:
    """The freeze after one more event."""
    match event:
        case FreezeBegun():
            raise ValueError(f"The freeze of {freeze.scope} was begun twice.")
        case FreezeEnded(how, person):
            return _written(replace(freeze, ended=how, ended_by=person, ended_at=at), event, at)
        case _:
            assert_never(event)


def _written(freeze: FreezeState, event: FreezeEvent, at: datetime) -> FreezeState:
    line = Step(line_of(event), at)
    return replace(freeze, history=(*freeze.history, line), stream_version=freeze.stream_version + 1)


def line_of(event: FreezeEvent) -> str:
    """What the thread of a freeze's message says of a fact."""
    match event:
        case FreezeBegun():
            return f"Frozen by {event.person}" + (f": {event.reason}" if event.reason else ".")
        case FreezeEnded("expired", _):
            return "Its time is over."
        case FreezeEnded(_, person):
            return f"Ended by {person}."
        case _:
            assert_never(event)


@dataclass(frozen=True, slots=True)
class Frost:
    """Why a place is frozen now. `key` names the one cause, so that an override counts for it alone."""

    key: str
    reason: str
    until: datetime | None


def frosts(
    service: str,
    environment: Environment,
    freezes: Sequence[FreezeState],
    incidents: Sequence[OpenIncident],
    *,
    now: datetime,
) -> tuple[Frost, ...]:
    """Every cause for which the service is frozen in the environment at `now`."""
    place = environment.name
    made = [_of_freeze(one) for one in freezes if one.reaches(service, place) and one.holds(now)]
    opened_ = [_of_incident(one, service, place) for one in incidents] if environment.incident_freeze else []
    return (*_of_windows(environment, now), *made, *opened_)


def _of_windows(environment: Environment, now: datetime) -> list[Frost]:
    held = [(window, window.until(now)) for window in environment.windows]
    return [
        Frost(f"window:{window.name}:{until:%Y%m%d%H%M}", f"{environment.name} is frozen: {window.name}.", until)
        for window, until in held
        if until is not None
    ]


def _of_freeze(freeze: FreezeState) -> Frost:
    why = f": {freeze.reason}" if freeze.reason else "."
    key = f"freeze:{freeze.service or EVERY}/{freeze.environment or EVERY}/{freeze.number}"
    return Frost(key, f"{freeze.scope} is frozen by {freeze.person}{why}", freeze.until)


def _of_incident(incident: OpenIncident, service: str, environment: str) -> Frost:
    return Frost(
        f"incident:{incident.id}",
        f"An incident of {service} in {environment} is open: {incident.title} ({incident.id}).",
        None,
    )
