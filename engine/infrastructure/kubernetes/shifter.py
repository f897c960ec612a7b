"""Sends a placement's requests by the router its target names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.catalog import Placement, Version
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.gateway import GatewayRouter
from engine.infrastructure.kubernetes.selecting import ReplicaRouter, ServiceRouter
from engine.ports import Instance, InstanceId, TrafficReading, TrafficShifter
from engine.targets import KubernetesTarget


class KubernetesShifter:
    """The TrafficShifter of every placement on Kubernetes.

    Pods take requests by the label pilothouse.dev/traffic: `on` from the start, so that one that Kubernetes puts in
    place of another serves without us, and `off` once it is no longer among the instances told. What a pod still
    answers then ends within its stop timeout: nobody counts requests here, so requests and lost are 0.
    """

    def __init__(self, clusters: Clusters) -> None:
        self._routers: Mapping[str, TrafficShifter] = {
            "gateway": GatewayRouter(clusters),
            "service": ServiceRouter(clusters),
            "replicas": ReplicaRouter(clusters),
        }

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """See TrafficShifter. Raises PermanentFailure for weights that the router cannot make."""
        await self._router(place).configure(place, instances, weights)

    async def read(self, place: Placement) -> TrafficReading:
        """See TrafficShifter."""
        return await self._router(place).read(place)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether none of these is among the endpoints that get new requests."""
        return await self._router(place).drained(place, instances)

    def _router(self, place: Placement) -> TrafficShifter:
        return self._routers[place.on(KubernetesTarget).router]
