"""Tasks and targets as instances: who is which ordinal, and how the platform judges each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import Version
from engine.ports import InstanceHealth

LEAVING: Final = frozenset({"DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"})
LEAVING_GROUP: Final = frozenset({"", "unused", "draining", "unhealthy.draining"})
GONE: Final = frozenset({"", "unused"})  # a target that is not, or not any more, in its group


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a service. `target` is the id and port of its target, None until it has an address."""

    arn: str
    status: str
    stopping: bool
    created_at: datetime
    ordinal: int | None = None
    target: tuple[str, int] | None = None
    well: bool = True
    ended: str = ""

    @property
    def alive(self) -> bool:
        """Whether it runs, or is about to."""
        return not self.stopping and self.status not in LEAVING

    @property
    def running(self) -> bool:
        """Whether it takes requests if it is sent any."""
        return self.alive and self.status == "RUNNING"


@dataclass(frozen=True, slots=True)
class Target:
    """What a target group says of one target: its state, and why."""

    state: str
    reason: str = ""

    @property
    def leaving(self) -> bool:
        """Whether it gets nothing new: it drains, or is not in the group any more."""
        return self.state in LEAVING_GROUP


@dataclass(frozen=True, slots=True)
class VersionService:
    """The ECS service of one version. `ordinals` are the instances it was last told to have.

    `leaving` says that the load balancer was last told to let it go, where requests are pinned.
    """

    name: str
    arn: str
    version: Version
    active: bool
    group: str
    ordinals: frozenset[int]
    desired: int
    definition: str
    created_at: datetime
    event: str = ""
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything of a placement at one moment: services, their tasks, and targets by group, id and port."""

    services: tuple[VersionService, ...] = ()
    tasks: Mapping[str, tuple[Task, ...]] = field(default_factory=dict)
    targets: Mapping[tuple[str, str, int], Target] = field(default_factory=dict)

    def service(self, version: Version) -> VersionService | None:
        """The service of a version, None when there is none."""
        return next((one for one in self.services if one.version == version), None)

    def target_of(self, service: VersionService, task: Task | None) -> Target | None:
        """How the service's group judges a task; None when it is not registered there."""
        if task is None or task.target is None:
            return None
        return self.targets.get((service.group, *task.target))

    def ready(self, service: VersionService, task: Task | None) -> bool:
        """Whether the load balancer sends this task requests when its group has a share."""
        target = self.target_of(service, task)
        return task is not None and task.running and target is not None and target.state == "healthy"


def seats(ordinals: Collection[int], tasks: Iterable[Task]) -> dict[int, Task]:
    """Which task is which ordinal: tagged ones stay, new ones take the lowest free, ended ones the rest.

    The tasks of a service are alike; an ordinal only has to stay with its task for the task's life.
    """
    by_age = sorted(tasks, key=lambda task: (task.created_at, task.arn))
    found = _tagged(ordinals, (task for task in by_age if task.alive))
    free = [ordinal for ordinal in sorted(ordinals) if ordinal not in found]
    new = [task for task in by_age if task.alive and task not in found.values()]
    found.update(zip(free, new, strict=False))
    ended = [task for task in by_age if not task.alive]
    lacking = [ordinal for ordinal in sorted(ordinals) if ordinal not in found]
    last = _tagged(lacking, reversed(ended))
    found.update(last)
    strangers = [task for task in reversed(ended) if task.ordinal is None]
    found.update(zip((ordinal for ordinal in lacking if ordinal not in last), strangers, strict=False))
    return found


def obituary(ordinal: int, task: Task | None, tasks: Iterable[Task]) -> str:
    """How the task ended that was this ordinal before the present one; empty when none is known."""
    mine = (ordinal, None)  # one that ended before anybody saw it has no ordinal
    before = [one for one in tasks if one.ordinal in mine and not one.alive and one is not task]
    newest = max(before, key=lambda one: one.created_at, default=None)
    return f"The task before it ended: {newest.ended}" if newest and newest.ended else ""


def judge(
    service: VersionService, task: Task | None, target: Target | None, *, grace: timedelta, now: datetime
) -> tuple[InstanceHealth, str]:
    """Health by the platform's own words: the task's status, its container checks, its target's health.

    A running task outside its group was taken out by us and is well unless its own checks say otherwise.
    """
    if task is None:
        return InstanceHealth.STARTING, service.event
    if not task.alive:
        return InstanceHealth.DEAD, task.ended or f"The task is {task.status}."
    if not task.running:
        return InstanceHealth.STARTING, service.event
    if not task.well:
        return InstanceHealth.UNHEALTHY, "The container's own health check fails."
    return _judge_target(target, young=now - task.created_at < grace)


def _judge_target(target: Target | None, *, young: bool) -> tuple[InstanceHealth, str]:
    match target.state if target else "":
        case "" | "healthy" | "unused" | "draining" | "unhealthy.draining":
            return InstanceHealth.HEALTHY, ""
        case "initial":
            return InstanceHealth.STARTING, target.reason if target else ""
        case _:
            worse = InstanceHealth.STARTING if young else InstanceHealth.UNHEALTHY
            return worse, target.reason if target else ""


def _tagged(ordinals: Collection[int], tasks: Iterable[Task]) -> dict[int, Task]:
    found: dict[int, Task] = {}
    for task in tasks:
        if task.ordinal in ordinals and task.ordinal is not None:
            found.setdefault(task.ordinal, task)
    return found
