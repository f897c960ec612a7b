"""Traffic by the weights of an ALB's listener rule over the two target groups that versions use in turns.

The load balancer counts no requests here (CloudWatch does, minutes later), so a reading's `requests` and `lost` are 0.
It does not move a share away from a version whose targets fail: what is read is what the rule says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.aws import names
from engine.infrastructure.aws.alb_pins import Pins
from engine.infrastructure.aws.alb_rule import Rule, Rules
from engine.infrastructure.aws.client import Aws
from engine.infrastructure.aws.ecs_fleet import Fleets, where
from engine.infrastructure.aws.ecs_tasks import GONE, Fleet, Target, Task, VersionService, seats
from engine.infrastructure.aws.shares import grantable
from engine.infrastructure.balancers.balancing import effective_weights
from engine.infrastructure.flights import in_flight
from engine.ports import Instance, InstanceId, TrafficReading
from engine.targets import EcsTarget

_Seat = tuple[VersionService, Task]


class AlbShifter:
    """Registers and deregisters tasks' targets and sets the rule's weights; believes only what it reads back."""

    def __init__(self, aws: Aws, fleets: Fleets) -> None:
        self._aws = aws
        self._fleets = fleets
        self._rules = Rules(aws)
        self._pins = Pins(aws)

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """Who comes is registered first, then the weights are set, then who is not named any more drains."""
        fleet, rule = await self._fleets.read(place), await self._rules.read(place)
        seated = _seated(place, fleet)
        named = {one.id: seated[one.id] for one in instances if one.id in seated}
        ready = {service.version for service, task in named.values() if _able(fleet, rule, service, task)}
        versions = {service.version for service, _ in named.values()}
        shares = grantable(weights, ready, _weights(fleet, rule), versions)
        self._fleets.forget(place)
        await self._tell_leaving(place, fleet, versions)
        await self._register(place, fleet, named.values())
        flight = _in_flight(fleet, versions, shares)
        await self._pin(place, fleet, rule, flight if flight in ready else None)
        await self._rules.write(place, _by_group(place, fleet, shares))
        if ready or not shares:  # with nobody to answer yet, whoever still can is left where it is
            await self._deregister(place, fleet, [seat for id_, seat in seated.items() if id_ not in named])

    async def read(self, place: Placement) -> TrafficReading:
        """The rule's weights as percent by version; a share of a group that is not ours makes the sum less.

        Tasks of a version in flight that pinned requests do not reach are not ready: that is still to be done.
        """
        fleet, rule = await self._fleets.of(place), await self._rules.read(place)
        hidden = await self._unpinned(place, fleet, rule)
        ready = tuple(
            id_
            for id_, (service, task) in _seated(place, fleet).items()
            if fleet.ready(service, task) and service.group in rule.weights and service.version != hidden
        )
        return TrafficReading(_weights(fleet, rule), ready, 0, 0)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether no target of these is registered or draining any more."""
        fleet = await self._fleets.of(place)
        seated = _seated(place, fleet)
        targets = [fleet.target_of(*seated[one]) for one in instances if one in seated and seated[one][1].alive]
        return all(target is None or target.state in GONE for target in targets)

    async def _tell_leaving(self, place: Placement, fleet: Fleet, named: Collection[Version]) -> None:
        """Note first of all whose service leaves: what a kill left half done is not taken for the other way."""
        for one in fleet.services if place.strategy.pin is not None else ():
            leaving = one.version not in named
            if one.active and one.leaving != leaving:
                tags = names.tag_list({names.ROUTED: names.LEAVING if leaving else "named"})
                call = (where(place.on(EcsTarget)), "ecs", "TagResource", one.name)
                await self._aws.ask(*call, resourceArn=one.arn, tags=tags)

    async def _pin(self, place: Placement, fleet: Fleet, rule: Rule, flight: Version | None) -> None:
        """Have those who carry the pin sent to the version in flight, or no rule for them."""
        if place.strategy.pin is not None:
            service = fleet.service(flight) if flight is not None else None
            await self._pins.write(place, rule, place.strategy.pin, service.group if service else None)

    async def _unpinned(self, place: Placement, fleet: Fleet, rule: Rule) -> Version | None:
        """The version in flight while those who carry the pin are not sent to it."""
        if place.strategy.pin is None:
            return None
        serving = {
            one.version for one, task in _seated(place, fleet).values() if not _is_out(fleet.target_of(one, task))
        }
        flight = _in_flight(fleet, serving, _weights(fleet, rule))
        service = fleet.service(flight) if flight is not None else None
        if service is None or await self._pins.has(place, rule, place.strategy.pin, service.group):
            return None
        return flight

    async def _register(self, place: Placement, fleet: Fleet, seats_: Iterable[_Seat]) -> None:
        for service, task in seats_:
            if task.running and task.target is not None and _is_out(fleet.target_of(service, task)):
                await self._change(place, "RegisterTargets", service.group, task.target)

    async def _deregister(self, place: Placement, fleet: Fleet, seats_: Iterable[_Seat]) -> None:
        for service, task in seats_:
            if task.alive and task.target is not None and not _is_out(fleet.target_of(service, task)):
                await self._change(place, "DeregisterTargets", service.group, task.target)

    async def _change(self, place: Placement, operation: str, group: str, target: tuple[str, int]) -> None:
        targets = [{"Id": target[0], "Port": target[1]}]
        about = f"{target[0]}:{target[1]} in target group {group}"
        region = where(place.on(EcsTarget))
        await self._aws.ask(region, "elbv2", operation, about, TargetGroupArn=group, Targets=targets)


def _seated(place: Placement, fleet: Fleet) -> dict[InstanceId, _Seat]:
    return {
        names.instance_id(place, service.version, ordinal): (service, task)
        for service in fleet.services
        for ordinal, task in seats(service.ordinals, fleet.tasks[service.name]).items()
    }


def _weights(fleet: Fleet, rule: Rule) -> dict[Version, int]:
    """Percent by version. What a stranger's group gets is counted but not told: it belongs to no version."""
    versions = {service.group: service.version for service in fleet.services}
    named = {versions.get(group, Version(group)): weight for group, weight in rule.weights.items()}
    told = effective_weights(named, named)
    return {version: share for version, share in told.items() if version in versions.values()}


def _in_flight(fleet: Fleet, named: Collection[Version], shares: Mapping[Version, int]) -> Version | None:
    return in_flight({one.version: one.created_at.timestamp() for one in fleet.services}, named, shares)


def _by_group(place: Placement, fleet: Fleet, shares: Mapping[Version, int]) -> dict[str, int]:
    groups = {service.version: service.group for service in fleet.services}
    missing = [version for version in shares if version not in groups]
    if missing:
        raise PermanentFailure(
            f"{', '.join(missing)} of {place.service} cannot be sent traffic: there is no ECS service of it.",
            "Start it first.",
        )
    return {groups[version]: share for version, share in shares.items()}


def _able(fleet: Fleet, rule: Rule, service: VersionService, task: Task) -> bool:
    """Whether a share may go to it: healthy, or running in a group that somebody took out of the rule.

    Nobody checks such a group; it gets its share back as if it had never been out.
    """
    return fleet.ready(service, task) or (task.running and service.group not in rule.weights)


def _is_out(target: Target | None) -> bool:
    return target is None or target.leaving
