"""The clusters that are in use: one API client each, and one watch for each namespace."""

from __future__ import annotations

from engine.catalog import Placement
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.watch import PodWatch
from engine.targets import KubernetesTarget


class Clusters:
    """Clients and watches by what the placements name, made when first asked for."""

    def __init__(self) -> None:
        self._apis: dict[tuple[str, str], Api] = {}
        self._watches: dict[tuple[str, str, str], PodWatch] = {}

    def api(self, place: Placement) -> Api:
        """The API of the placement's cluster."""
        target = place.on(KubernetesTarget)
        key = (target.kubeconfig, target.context)
        if key not in self._apis:
            self._apis[key] = Api(*key)
        return self._apis[key]

    def watch(self, place: Placement) -> PodWatch:
        """The watch of the placement's namespace."""
        target = place.on(KubernetesTarget)
        key = (target.kubeconfig, target.context, target.namespace)
        if key not in self._watches:
            self._watches[key] = PodWatch(self.api(place), target.namespace)
        return self._watches[key]

    async def close(self) -> None:
        """End all watches and connections; nothing on a cluster changes."""
        for watch in self._watches.values():
            await watch.close()
        for api in self._apis.values():
            await api.close()
        self._watches.clear()
        self._apis.clear()
