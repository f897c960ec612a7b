"""Reads a placement's services, tasks and targets from ECS and the load balancer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from engine.catalog import Placement, Version
from engine.errors import TemporaryFailure
from engine.infrastructure.aws import names
from engine.infrastructure.aws.client import Aws, Where
from engine.infrastructure.aws.ecs_tasks import Fleet, Target, Task, VersionService
from engine.infrastructure.aws.failures import Absent
from engine.targets import EcsTarget

_FRESH: Final = timedelta(seconds=1)
_SERVICES_A_CALL: Final = 10
TASKS_A_CALL: Final = 100
_Key = tuple[Where, str, str, str]
_Item = TypeVar("_Item")


def where(target: EcsTarget) -> Where:
    """The region that a target is in."""
    return Where(target.region, target.endpoint)


class Fleets:
    """What runs, read at most once in `fresh` by all who ask, since one turn of a deployment asks several times."""

    def __init__(self, aws: Aws, *, fresh: timedelta = _FRESH, clock: Callable[[], float] = time.monotonic) -> None:
        self._aws = aws
        self._fresh = fresh.total_seconds()
        self._clock = clock
        self._seen: dict[_Key, tuple[float, Fleet]] = {}

    async def of(self, place: Placement) -> Fleet:
        """The placement's fleet, at most `fresh` old."""
        at, fleet = self._seen.get(_key(place), (0.0, None))
        if fleet is not None and self._clock() - at < self._fresh:
            return fleet
        return await self.read(place)

    async def read(self, place: Placement) -> Fleet:
        """The placement's fleet as it is now. Raises PermanentFailure when the cluster or a group does not exist."""
        at = self._clock()
        try:
            fleet = await self._read(place)
        except KeyError as error:
            reason = f"An answer of AWS about {place.service} in {place.environment} lacks {error}."
            raise TemporaryFailure(reason, "It is asked again.") from error
        self._seen[_key(place)] = (at, fleet)
        return fleet

    def forget(self, place: Placement) -> None:
        """Something was changed: the next one to ask reads anew."""
        self._seen.pop(_key(place), None)

    async def _read(self, place: Placement) -> Fleet:
        services = await self._services(place)
        tasks = {service.name: await self._tasks(place, service) for service in services}
        groups = dict.fromkeys(service.group for service in services if tasks[service.name])
        targets: dict[tuple[str, str, int], Target] = {}
        for group in groups:
            targets.update(await self.targets(place, group))
        return Fleet(services, tasks, targets)

    async def _services(self, place: Placement) -> tuple[VersionService, ...]:
        target = place.on(EcsTarget)
        about = f"the services of cluster {target.cluster}"
        call = (where(target), "ecs")
        arns = await self._aws.all(*call, "ListServices", about, "serviceArns", cluster=target.cluster)
        mine = [arn for arn in arns if arn.rsplit("/", 1)[-1].startswith(names.service_prefix(place))]
        found: list[VersionService] = []
        for some in chunks(mine, _SERVICES_A_CALL):
            answer = await self._aws.ask(
                *call, "DescribeServices", about, cluster=target.cluster, services=some, include=["TAGS"]
            )
            found.extend(_service(one) for one in answer["services"] if _is_ours(place, one))
        return tuple(sorted(found, key=lambda service: (service.created_at, service.name)))

    async def _tasks(self, place: Placement, service: VersionService) -> tuple[Task, ...]:
        running = await self._listed(place, service, "RUNNING")
        settled = {task.ordinal for task in running if task.running} - {None}
        if not service.active or len(settled) < len(service.ordinals):
            running += await self._listed(place, service, "STOPPED")
        return tuple(running)

    async def _listed(self, place: Placement, service: VersionService, status: str) -> list[Task]:
        target = place.on(EcsTarget)
        about = f"the tasks of service {service.name}"
        call, cluster = (where(target), "ecs"), target.cluster
        wanted: dict[str, Any] = {"cluster": cluster, "serviceName": service.name, "desiredStatus": status}
        try:
            arns = await self._aws.all(*call, "ListTasks", about, "taskArns", **wanted)
        except Absent:
            return []  # the service went away between two calls
        found: list[Task] = []
        for some in chunks(arns, TASKS_A_CALL):
            answer = await self._aws.ask(*call, "DescribeTasks", about, cluster=cluster, tasks=some, include=["TAGS"])
            hosts = await self._hosts(place, answer["tasks"])
            found.extend(_task(one, target.container_port, target.container, hosts) for one in answer["tasks"])
        return found

    async def _hosts(self, place: Placement, tasks: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """EC2 instances of the tasks that have no network interface of their own, by container instance."""
        arns = sorted({task["containerInstanceArn"] for task in tasks if task.get("containerInstanceArn")})
        bridged = [arn for arn in arns if any(_is_bridged(task, arn) for task in tasks)]
        if not bridged:
            return {}
        target = place.on(EcsTarget)
        about = f"the container instances of cluster {target.cluster}"
        answer = await self._aws.ask(
            where(target),
            "ecs",
            "DescribeContainerInstances",
            about,
            cluster=target.cluster,
            containerInstances=bridged,
        )
        return {one["containerInstanceArn"]: one["ec2InstanceId"] for one in answer["containerInstances"]}

    async def targets(self, place: Placement, group: str) -> dict[tuple[str, str, int], Target]:
        """The targets of a group now, by group, id and port."""
        answer = await self._aws.ask(
            where(place.on(EcsTarget)),
            "elbv2",
            "DescribeTargetHealth",
            f"target group {group}",
            TargetGroupArn=group,
        )
        return {_target_key(group, one): _target(one) for one in answer["TargetHealthDescriptions"]}


def _key(place: Placement) -> _Key:
    target = place.on(EcsTarget)
    return where(target), target.cluster, place.service, place.environment


def _is_ours(place: Placement, told: Mapping[str, Any]) -> bool:
    return told.get("status") != "INACTIVE" and names.is_of(place, names.tag_map(told.get("tags", ())))


def _service(told: Mapping[str, Any]) -> VersionService:
    tags = names.tag_map(told.get("tags", ()))
    balancers = told.get("loadBalancers") or [{}]
    events = told.get("events") or [{}]
    newest = str(events[0].get("message", ""))
    return VersionService(
        name=told["serviceName"],
        arn=told["serviceArn"],
        version=Version(tags[names.VERSION]),
        active=told.get("status") == "ACTIVE",
        group=str(balancers[0].get("targetGroupArn", "")),
        ordinals=names.parse_ordinals(tags.get(names.ORDINALS, "")),
        desired=int(told.get("desiredCount", 0)),
        definition=str(told.get("taskDefinition", "")),
        created_at=told["createdAt"].astimezone(UTC),
        event=newest if "unable" in newest or "unhealthy" in newest else "",
        leaving=tags.get(names.ROUTED) == names.LEAVING,
    )


def _task(told: Mapping[str, Any], port: int, container: str, hosts: Mapping[str, str]) -> Task:
    ordinal = names.tag_map(told.get("tags", ())).get(names.ORDINAL, "")
    task = Task(
        arn=told["taskArn"],
        status=told.get("lastStatus", "PROVISIONING"),
        stopping=told.get("desiredStatus") == "STOPPED",
        created_at=_created(told),
        ordinal=int(ordinal) if ordinal.isascii() and ordinal.isdigit() else None,
        target=_address(told, port, container, hosts),
        well=told.get("healthStatus") != "UNHEALTHY",
    )
    return task if task.alive else replace(task, ended=_ended(told))


def _created(told: Mapping[str, Any]) -> datetime:
    created: datetime = told["createdAt"]
    return created.astimezone(UTC)


def _address(told: Mapping[str, Any], port: int, container: str, hosts: Mapping[str, str]) -> tuple[str, int] | None:
    for attachment in told.get("attachments", ()):
        for detail in attachment.get("details", ()):
            if detail.get("name") == "privateIPv4Address":
                return detail["value"], port
    host = hosts.get(told.get("containerInstanceArn", ""))
    bindings = [
        binding
        for one in told.get("containers", ())
        if one.get("name") == container
        for binding in one.get("networkBindings", ())
        if binding.get("containerPort") == port
    ]
    return (host, int(bindings[0]["hostPort"])) if host and bindings else None


def _ended(told: Mapping[str, Any]) -> str:
    """Why it ended, in ECS's words, with each container's own."""
    parts = [str(told.get("stoppedReason", "")).strip().rstrip(".")]
    for one in told.get("containers", ()):
        code = f"exit code {one['exitCode']}" if one.get("exitCode") is not None else ""
        said = ", ".join(part for part in (code, str(one.get("reason", "")).rstrip(".")) if part)
        parts.append(f"container {one.get('name')}: {said}" if said else "")
    return "; ".join(part for part in parts if part) + "."


def _is_bridged(task: Mapping[str, Any], arn: str) -> bool:
    return task.get("containerInstanceArn") == arn and not task.get("attachments")


def _target_key(group: str, told: Mapping[str, Any]) -> tuple[str, str, int]:
    return group, told["Target"]["Id"], int(told["Target"].get("Port", 0))


def _target(told: Mapping[str, Any]) -> Target:
    health = told.get("TargetHealth", {})
    words = [str(health.get(key, "")).rstrip(".") for key in ("Reason", "Description")]
    said = ": ".join(word for word in words if word)
    return Target(str(health.get("State", "")), f"{said}." if said else "")


def chunks(items: Sequence[_Item], size: int) -> Iterator[list[_Item]]:
    """The items in lists of at most `size`, for calls that take no more."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
