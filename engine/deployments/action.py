"""What a strategy sees and what it may ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from engine.catalog import Version
from engine.deployments.deployment import Plan
from engine.deployments.events import DeploymentEvent
from engine.ports import Instance, InstanceHealth, InstanceId, TrafficReading


@dataclass(frozen=True, slots=True)
class StartInstances:
    """Make these ordinals of a version run."""

    version: Version
    ordinals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Configure:
    """Route to these instances with these percent by version."""

    instances: tuple[InstanceId, ...]
    weights: tuple[tuple[Version, int], ...]


@dataclass(frozen=True, slots=True)
class StopInstances:
    """End these; the router has let go of them."""

    instances: tuple[InstanceId, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """Ask the gates and the figures, and record what they say."""


@dataclass(frozen=True, slots=True)
class Record:
    """Write down what has come to be."""

    events: tuple[DeploymentEvent, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """Take the component and start."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The new version runs alone: say so to the component and end."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The former version runs as before: say so to the component and end."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It can be neither done nor undone: end, saying what runs now."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do yet; look again after this long."""

    time: timedelta
    why: str = ""


Effect = StartInstances | Configure | StopInstances
Action = Effect | Measure | Record | Begin | Finish | GiveBack | GiveUp | Wait


@dataclass(frozen=True, slots=True)
class Observation:
    """What is there now: instances as last checked, what the router reports, and who answers no request any more."""

    instances: tuple[Instance, ...]
    traffic: TrafficReading
    drained: frozenset[InstanceId] = frozenset()

    def alive(self, ids: Collection[InstanceId]) -> tuple[Instance, ...]:
        """Those of `ids` that run, well or not."""
        return tuple(one for one in self.instances if one.id in ids and one.health is not InstanceHealth.DEAD)

    def healthy(self, ids: Collection[InstanceId]) -> tuple[Instance, ...]:
        """Those of `ids` that are well."""
        return tuple(one for one in self.instances if one.id in ids and one.health is InstanceHealth.HEALTHY)

    def others(self, ids: Collection[InstanceId]) -> tuple[Instance, ...]:
        """All that are not among `ids`, dead ones too."""
        return tuple(one for one in self.instances if one.id not in ids)

    def let_go(self, instances: Iterable[Instance]) -> bool:
        """Whether the router sends these nothing new and they answer nothing old."""
        return all(
            one.health is InstanceHealth.DEAD or (one.id in self.drained and one.id not in self.traffic.ready)
            for one in instances
        )


def instance_id(plan: Plan, version: Version, ordinal: int) -> InstanceId:
    """The name of an instance, as the manager's port fixes it."""
    return InstanceId(f"{plan.service}-{plan.environment}-{version}-{ordinal}")


def ids_of(plan: Plan, version: Version | None, count: int) -> Mapping[InstanceId, int]:
    """The ids of the first `count` instances of a version with their ordinals, counted from 1."""
    if version is None:
        return {}
    return {instance_id(plan, version, ordinal): ordinal for ordinal in range(1, count + 1)}


def run_of(instance: Instance) -> str:
    """What tells one run of an instance from the next."""
    return f"{instance.id}/{instance.pid}/{instance.started_at.isoformat()}"
