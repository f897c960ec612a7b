"""Routers that are one Service: its selector chooses the version, or the numbers of pods behind it make the ratio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from engine.catalog import Placement, Version
from engine.infrastructure.flights import previewed
from engine.infrastructure.kubernetes import services
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.members import Member, endpoints, mark, members_of, not_in, settle
from engine.infrastructure.kubernetes.names import OFF, ON, RESERVE, TOLD
from engine.infrastructure.kubernetes.showing import flight_told, unshown, without
from engine.infrastructure.kubernetes.weights import checked, counted, only, shares_of_pods
from engine.ports import Instance, InstanceId, TrafficReading
from engine.targets import KubernetesTarget


class ServiceRouter:
    """All requests go to the version that Service `service` selects."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """Select the version that gets all. Raises PermanentFailure for any other weights."""
        shares = checked(weights)
        version, api = only(shares), self._clusters.api(place)
        named = {one.id for one in instances}
        members = await members_of(self._clusters, place)
        await _show(self._clusters, place, [one for one in members if one.id in named], shares)
        await mark(self._clusters, place, {one.id: ON for one in members if one.id in named})
        switching = await self._may_switch(place, version, members, named)
        if switching:
            chosen = services.selection(place, services.NOBODY if version is None else version)
            await services.select(api, place, _service(place), chosen)
        await mark(self._clusters, place, {one.id: OFF for one in members if one.id not in named})
        serving = [one for one in members if one.id in named and (one.version == version or not switching)]
        await settle(self._clusters, place, _slices_of(place), serving if switching else (), not_in(members, serving))

    async def read(self, place: Placement) -> TrafficReading:
        """The version that the Service selects, when a pod of it is among the endpoints."""
        members = await members_of(self._clusters, place)
        serving = await endpoints(self._clusters, place, _slices_of(place))
        service = await self._clusters.api(place).get(services.service_ref(place, _service(place)))
        version = services.selected(service)
        routed = version is not None and any(one.pod.name in serving and one.version == version for one in members)
        weights = {version: 100} if routed and version else {}
        hidden = await unshown(self._clusters, place, members, weights)
        return TrafficReading(weights, ready_of(without(members, hidden), serving), 0, 0)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether none of these is among the Service's endpoints."""
        serving = await endpoints(self._clusters, place, _slices_of(place))
        return not any(
            one.pod.name in serving for one in await members_of(self._clusters, place) if one.id in instances
        )

    async def _may_switch(
        self, place: Placement, version: Version | None, members: Sequence[Member], named: Collection[InstanceId]
    ) -> bool:
        """Not to a version of which nothing is ready, while one that is named serves."""
        if version is None or any(one.version == version and one.pod.ready and one.id in named for one in members):
            return True
        service = await self._clusters.api(place).get(services.service_ref(place, _service(place)))
        former = services.selected(service)
        return not any(one.version == former and one.id in named for one in members)


class ReplicaRouter:
    """Requests go evenly to the pods behind Service `service`; how many of each version are there makes the shares."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """Let as many of the named pods of each version take requests as come nearest to the shares.

        Raises PermanentFailure when the pods named cannot make them, whatever their health.
        """
        shares, named = checked(weights), {one.id for one in instances}
        members = await members_of(self._clusters, place)
        mine = [one for one in members if one.id in named]
        marks = _marks(mine, shares)
        await _show(self._clusters, place, mine, shares)
        await mark(self._clusters, place, {one: value for one, value in marks.items() if value == ON})
        remarks = {TOLD: services.note(shares)}
        chosen = services.selection(place)
        await services.select(self._clusters.api(place), place, _service(place), chosen, remarks)
        off = {one.id: OFF for one in members if one.id not in named}
        await mark(self._clusters, place, {**off, **{one: value for one, value in marks.items() if value != ON}})
        serving = [one for one in members if marks.get(one.id) == ON]
        await settle(self._clusters, place, _slices_of(place), serving, not_in(members, serving))

    async def read(self, place: Placement) -> TrafficReading:
        """The shares that the endpoints really make."""
        members = await members_of(self._clusters, place)
        serving = await endpoints(self._clusters, place, _slices_of(place))
        service = await self._clusters.api(place).get(services.service_ref(place, _service(place)))
        versions = [one.version for one in members if one.pod.name in serving]
        weights = counted(versions, services.noted(service["metadata"], TOLD))
        hidden = await unshown(self._clusters, place, members, weights)
        return TrafficReading(weights, ready_of(without(members, hidden), serving), 0, 0)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether none of these is among the Service's endpoints."""
        serving = await endpoints(self._clusters, place, _slices_of(place))
        return not any(
            one.pod.name in serving for one in await members_of(self._clusters, place) if one.id in instances
        )


async def _show(clusters: Clusters, place: Placement, members: Sequence[Member], shares: Mapping[Version, int]) -> None:
    flight = await flight_told(clusters, place, {one.version for one in members}, shares)
    await services.show_preview(clusters.api(place), place, previewed(flight, shares))


def ready_of(members: Sequence[Member], serving: Collection[str]) -> tuple[InstanceId, ...]:
    """Those that are ready and let in, even where their version has no share now, and any that still get requests."""
    return tuple(one.id for one in members if one.pod.name in serving or (one.pod.ready and one.pod.traffic != OFF))


def _marks(members: Sequence[Member], shares: Mapping[Version, int]) -> dict[InstanceId, str]:
    """Which of these pods take requests, the ready and then the oldest of each version first."""
    by_version = Counter(one.version for one in members)
    numbers = shares_of_pods(shares, by_version) if shares else {}
    ranked = sorted(members, key=lambda one: (not one.pod.ready, one.pod.traffic != ON, one.pod.ordinal or 0))
    marks: dict[InstanceId, str] = {}
    for one in ranked:
        left = numbers.get(one.version, 0)
        marks[one.id] = ON if left > 0 else RESERVE
        numbers[one.version] = left - 1
    return marks


def _service(place: Placement) -> str:
    return place.on(KubernetesTarget).service


def _slices_of(place: Placement) -> str:
    return f"kubernetes.io/service-name={_service(place)}"
