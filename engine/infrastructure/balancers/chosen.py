"""The router that a placement's target names: the built-in proxy, or an HAProxy of the team's own."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from engine.catalog import Placement, Version
from engine.errors import NotNow
from engine.infrastructure.balancers.doorstep import port_faults
from engine.infrastructure.balancers.haproxy import HaproxyShifter, haproxy_of
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.ports import Instance, InstanceId, TrafficReading, TrafficShifter
from engine.targets import ContainerTarget, LocalTarget


class ChosenShifter:
    """Sends each placement's calls to its router. The proxy and what HAProxy was told live in folders of `data`."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._proxy = ProxyShifter(data / "proxy")
        self._haproxy = HaproxyShifter(data / "haproxy")
        self._proxied = False

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """See TrafficShifter."""
        await self._of(place).configure(place, instances, weights)

    async def read(self, place: Placement) -> TrafficReading:
        """See TrafficShifter."""
        return await self._of(place).read(place)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """See TrafficShifter."""
        return await self._of(place).drained(place, instances)

    async def check(self, place: Placement) -> None:
        """Raises NotNow when another program has a port that the proxy would answer at. Starts nothing."""
        target = place.target
        if not isinstance(target, LocalTarget | ContainerTarget):
            return
        for field, port, why in await asyncio.to_thread(lambda: list(port_faults(target, self._data))):
            raise NotNow(
                f"Port {port}, where {place.service} in {place.environment} is to answer, {why}.",
                f"End that program, or give the service another `{field}` in the settings.",
            )

    async def metrics(self) -> Sequence[str]:
        """`host:port` of the proxy's metrics page, once a placement has used it."""
        return (await self._proxy.metrics_address(),) if self._proxied else ()

    def _of(self, place: Placement) -> TrafficShifter:
        if haproxy_of(place) is not None:
            return self._haproxy
        self._proxied = True
        return self._proxy
