"""Instances as tasks of ECS services, one service for each version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from engine.catalog import Placement, Version
from engine.errors import NotFound, PermanentFailure, TemporaryFailure
from engine.infrastructure.aws import names
from engine.infrastructure.aws.alb_rule import Rules
from engine.infrastructure.aws.client import Answer, Aws, afresh, until
from engine.infrastructure.aws.ecs_definitions import Definitions
from engine.infrastructure.aws.ecs_fleet import TASKS_A_CALL, Fleets, chunks, where
from engine.infrastructure.aws.ecs_tasks import Fleet, Task, VersionService, judge, obituary, seats
from engine.infrastructure.aws.failures import Absent, Conflict
from engine.ports import ArtifactSource, Instance, InstanceHealth, InstanceId
from engine.targets import EcsTarget

_KILLED: Final = timedelta(seconds=30)  # what an agent takes to report a task that was told to stop
_PROTECTED_MINUTES: Final = 10
_PROTECTED_A_CALL: Final = 10
_SOON: Final = timedelta(seconds=3)


class EcsManager:
    """Every call reads what is there and changes only what differs, so it may be repeated at any time.

    Which instances a service has is in its tag `pilothouse:ordinals`, which task is which in the task's
    `pilothouse:ordinal`. ECS itself replaces a task that ended.
    """

    def __init__(self, aws: Aws, fleets: Fleets, artifacts: ArtifactSource, *, now: Callable[[], datetime]) -> None:
        self._aws = aws
        self._fleets = fleets
        self._artifacts = artifacts
        self._definitions = Definitions(aws)
        self._rules = Rules(aws)
        self._now = now
        self._changing: dict[tuple[str, str], asyncio.Lock] = {}

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """All instances with the platform's verdict; one without a task yet is STARTING with ECS's newest complaint."""
        fleet = await self._fleets.of(place)
        found: list[Instance] = []
        for service in fleet.services:
            seated = seats(service.ordinals, fleet.tasks[service.name])
            await self._tag_new(place, seated)
            wanted = service.ordinals if service.active else _ending(seated)
            found += [self._instance(place, fleet, service, one, seated.get(one)) for one in sorted(wanted)]
        return tuple(found)

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        """Have the version's service run these ordinals too. Raises PermanentFailure when its image does not exist."""
        names.checked_version(place, version)
        async with self._alone(place):
            await afresh(lambda: self._start(place, version, frozenset(ordinals)))

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        """Have ECS end these tasks and wait until they have; a service with none left is deleted.

        Tasks that stay are protected from the scale-in. Raises TemporaryFailure when some do not end in time.
        """
        async with self._alone(place):
            fleet = await self._fleets.read(place)
            for service in fleet.services:
                of = {names.instance_id(place, service.version, one): one for one in service.ordinals}
                leaving = {ordinal for id_, ordinal in of.items() if id_ in instances}
                if leaving:
                    await self._shrink(place, fleet, service, leaving)

    def _alone(self, place: Placement) -> asyncio.Lock:
        return self._changing.setdefault((place.service, place.environment), asyncio.Lock())

    async def _start(self, place: Placement, version: Version, ordinals: frozenset[int]) -> None:
        fleet = await self._fleets.read(place)
        self._fleets.forget(place)
        service = fleet.service(version)
        if service is None:
            await self._create(place, fleet, version, ordinals)
        elif not service.active:
            raise TemporaryFailure(
                f"{service.name} is still being deleted.", "It is made again after that.", retry_after=_SOON
            )
        else:
            await self._grow(place, service, service.ordinals | ordinals)

    async def _grow(self, place: Placement, service: VersionService, wanted: frozenset[int]) -> None:
        if wanted != service.ordinals:
            await self._tag(place, service.arn, {names.ORDINALS: names.format_ordinals(wanted)})
        if service.desired != len(wanted):
            await self._desire(place, service, len(wanted))

    async def _create(self, place: Placement, fleet: Fleet, version: Version, ordinals: frozenset[int]) -> None:
        await self._check_image(place, version)
        rule = await self._rules.read(place)
        group = _free_group(place, fleet, rule.weights)
        await self._check_group(place, group)
        await self._rules.join(place)
        definition = await self._definitions.of(place, version)
        values = _service_values(place, version, ordinals, group, definition)
        await self._ask(place, "CreateService", f"service {values['serviceName']}", **values)

    async def _check_image(self, place: Placement, version: Version) -> None:
        try:
            await self._artifacts.artifact(place, version)
        except NotFound as error:
            raise PermanentFailure(f"{version} could not be started: {error.reason}", error.remedy) from error

    async def _check_group(self, place: Placement, group: str) -> None:
        """A group that somebody else has targets in would send them a part of the version's share."""
        strangers = [
            f"{id_}:{port}"
            for (_, id_, port), target in (await self._fleets.targets(place, group)).items()
            if "draining" not in target.state
        ]
        if strangers:
            raise PermanentFailure(
                f"Target group {group} has targets that are not ours: {', '.join(strangers[:5])}.",
                "Deregister them, after their traffic was moved to the other group, or name another group.",
            )

    async def _shrink(self, place: Placement, fleet: Fleet, service: VersionService, leaving: set[int]) -> None:
        """Fewer first, the tag last: a stop cut off in between is seen and done again."""
        self._fleets.forget(place)
        seated = seats(service.ordinals, fleet.tasks[service.name])
        staying = service.ordinals - leaving
        going = [seated[one] for one in leaving if one in seated and seated[one].status != "STOPPED"]
        if not staying:
            await self._delete(place, service)
        else:
            await self._protect(place, service, [seated[one] for one in sorted(staying) if one in seated])
            await self._desire(place, service, len(staying))
        await self._gone(place, service, going)
        if staying:
            await self._tag(place, service.arn, {names.ORDINALS: names.format_ordinals(staying)})
        self._fleets.forget(place)

    async def _delete(self, place: Placement, service: VersionService) -> None:
        if not service.active:
            return
        try:
            await self._desire(place, service, 0)
            await self._ask(place, "DeleteService", f"service {service.name}", service=service.name, force=True)
        except (Absent, Conflict):
            return  # another has deleted it meanwhile

    async def _protect(self, place: Placement, service: VersionService, tasks: Sequence[Task]) -> None:
        alive, about = [task.arn for task in tasks if task.alive], f"tasks of service {service.name}"
        failures: list[Mapping[str, Any]] = []
        for some in chunks(alive, _PROTECTED_A_CALL):
            values = {"tasks": some, "protectionEnabled": True, "expiresInMinutes": _PROTECTED_MINUTES}
            answer = await self._ask(place, "UpdateTaskProtection", about, **values)
            failures += answer.get("failures", ())
        refused = [one for one in failures if one.get("reason") not in ("MISSING", "TASK_NOT_VALID")]
        if refused:
            told = ", ".join(f"{one.get('arn')}: {one.get('detail') or one.get('reason')}" for one in refused)
            reason = f"ECS does not protect tasks of {service.name} that have to stay: {told}."
            raise TemporaryFailure(reason, "See what AWS says of it if this lasts.", retry_after=_SOON)

    async def _gone(self, place: Placement, service: VersionService, tasks: Sequence[Task]) -> None:
        """ECS ends them by itself; those left after the stop timeout are told so once more."""
        arns = [task.arn for task in tasks]
        if not arns or await until(lambda: self._all_stopped(place, service, arns), place.on(EcsTarget).stop_timeout):
            return
        for arn in await self._left(place, service, arns):
            about = f"task {arn}"
            await self._ask(place, "StopTask", about, task=arn, reason="Pilothouse stops it after its stop timeout.")
        if not await until(lambda: self._all_stopped(place, service, arns), _KILLED):
            reason = f"{len(arns)} tasks of {service.name} have not ended yet."
            raise TemporaryFailure(reason, "It is looked at again.", retry_after=_SOON)

    async def _all_stopped(self, place: Placement, service: VersionService, arns: Sequence[str]) -> bool:
        return not await self._left(place, service, arns)

    async def _left(self, place: Placement, service: VersionService, arns: Sequence[str]) -> list[str]:
        """Those of these that have not ended; ECS forgets ended ones after a while."""
        about, left = f"tasks of service {service.name}", []
        for some in chunks(arns, TASKS_A_CALL):
            answer = await self._ask(place, "DescribeTasks", about, tasks=some)
            left += [one["taskArn"] for one in answer["tasks"] if one["lastStatus"] != "STOPPED"]
        return left

    async def _tag_new(self, place: Placement, seated: Mapping[int, Task]) -> None:
        for ordinal, task in seated.items():
            if task.alive and task.ordinal != ordinal:
                await self._tag(place, task.arn, {names.ORDINAL: str(ordinal)})
                self._fleets.forget(place)

    async def _tag(self, place: Placement, arn: str, tags: Mapping[str, str]) -> None:
        await self._aws.ask(
            where(place.on(EcsTarget)), "ecs", "TagResource", arn, resourceArn=arn, tags=names.tag_list(tags)
        )

    async def _desire(self, place: Placement, service: VersionService, count: int) -> None:
        about = f"service {service.name}"
        await self._ask(place, "UpdateService", about, service=service.name, desiredCount=count)

    async def _ask(self, place: Placement, operation: str, about: str, **values: Any) -> Answer:
        target = place.on(EcsTarget)
        full = f"{about} in cluster {target.cluster}"
        return await self._aws.ask(where(target), "ecs", operation, full, cluster=target.cluster, **values)

    def _instance(
        self, place: Placement, fleet: Fleet, service: VersionService, ordinal: int, task: Task | None
    ) -> Instance:
        target = fleet.target_of(service, task)
        health, note = judge(service, task, target, grace=place.health.grace, now=self._now())
        if health is InstanceHealth.STARTING:
            before = obituary(ordinal, task, fleet.tasks[service.name])
            note = " ".join(part for part in (note, before) if part)
        return Instance(
            id=names.instance_id(place, service.version, ordinal),
            service=place.service,
            environment=place.environment,
            version=service.version,
            address=f"{task.target[0]}:{task.target[1]}" if task and task.target else "",
            pid=0,
            started_at=task.created_at if task else service.created_at,
            health=health,
            note=note,
            judged=True,
        )


def _ending(seated: Mapping[int, Task]) -> list[int]:
    """Of a service that is being deleted, only those with a task left."""
    return [ordinal for ordinal, task in seated.items() if task.status != "STOPPED"]


def _free_group(place: Placement, fleet: Fleet, weights: Mapping[str, int]) -> str:
    """The target group no version uses; of two free ones that with less traffic, which may be a stranger's."""
    used = {service.group: service.version for service in fleet.services}
    free = [group for group in place.on(EcsTarget).target_groups if group not in used]
    running = ", ".join(sorted(used.values()))
    reason = f"Both target groups of {place.service} in {place.environment} are in use, by {running}."
    if not free and all(service.active for service in fleet.services):
        raise PermanentFailure(reason, "Stop one of these versions first.")
    if not free:
        raise TemporaryFailure(reason, "One is being deleted; wait until it is gone.", retry_after=_SOON)
    return min(free, key=lambda group: weights.get(group, 0))


def _service_values(
    place: Placement, version: Version, ordinals: frozenset[int], group: str, definition: Mapping[str, Any]
) -> dict[str, Any]:
    target = place.on(EcsTarget)
    balancer = {
        "targetGroupArn": group,
        "containerName": target.container,
        "containerPort": target.container_port,
    }
    tags = {**names.tags_of(place, version), names.ORDINALS: names.format_ordinals(ordinals)}
    return {
        "serviceName": names.service_name(place, version),
        "taskDefinition": definition["taskDefinitionArn"],
        "desiredCount": len(ordinals),
        "loadBalancers": [balancer],
        "healthCheckGracePeriodSeconds": int(place.health.grace.total_seconds()),
        "tags": names.tag_list(tags),
        **_launch(definition),
        **_network(target),
    }


def _launch(definition: Mapping[str, Any]) -> dict[str, str]:
    """Fargate where the task definition is made for nothing else; otherwise the cluster's own way."""
    return {"launchType": "FARGATE"} if definition.get("requiresCompatibilities") == ["FARGATE"] else {}


def _network(target: EcsTarget) -> dict[str, Any]:
    if not target.subnets:
        return {}
    network = {"subnets": list(target.subnets), "securityGroups": list(target.security_groups)}
    return {"networkConfiguration": {"awsvpcConfiguration": network}}
