"""What has happened to a train: its own facts, and those of its saga, in one stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.deployments.deployment import PersonId
from engine.flows.saga import SagaEvent
from engine.trains.train import TrainPlan


@dataclass(frozen=True, slots=True)
class TrainPlanned:
    """Somebody asked, and every part was found possible. `request` is the id of what was asked."""

    plan: TrainPlan
    requested_by: PersonId
    request: str = ""


@dataclass(frozen=True, slots=True)
class TrainApproved:
    """A person agreed to the plan."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class TrainRejected:
    """A person refused it."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class TrainExpired:
    """Nobody decided in time."""


@dataclass(frozen=True, slots=True)
class TrainAborted:
    """A person ended it. Before it began that is all; otherwise it goes back."""

    person: PersonId


TrainEvent = TrainPlanned | TrainApproved | TrainRejected | TrainExpired | TrainAborted | SagaEvent
TYPES: Final[Mapping[str, type[TrainEvent]]] = {kind.__name__: kind for kind in TrainEvent.__args__}


def event_data(event: TrainEvent) -> dict[str, Any]:
    """The event's fields as JSON values; durations and times as ISO 8601 text."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    return data


def parse_event(kind: str, data: Mapping[str, Any]) -> TrainEvent | None:
    """The event that `event_data` wrote; None for a type this version does not know."""
    known = TYPES.get(kind)
    return None if known is None else msgspec.convert(dict(data), known)
