"""Weights of an HTTPRoute: each version has a Service of its own, and only our rule is touched."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.catalog import Placement, Version
from engine.errors import TemporaryFailure
from engine.infrastructure.kubernetes import services
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.failures import with_fresh_reads
from engine.infrastructure.kubernetes.kinds import ROUTE, Choice, Json, Ref
from engine.infrastructure.kubernetes.members import Member, endpoints, mark, members_of, not_in, settle
from engine.infrastructure.kubernetes.names import CHANGED_AT, FORMER, OFF, ON, labels, object_name, selector
from engine.infrastructure.kubernetes.route import (
    Standing,
    observed_generation,
    our_rule,
    verdict_of,
    weights_of,
    with_weights,
)
from engine.infrastructure.kubernetes.waiting import SETTLE, until
from engine.infrastructure.kubernetes.weights import checked
from engine.ports import Instance, InstanceId, TrafficReading
from engine.targets import KubernetesTarget


class GatewayRouter:
    """Splits traffic by the weights of HTTPRoute `route`.

    Until its gateways have taken a change, read() answers the weights before it; a route they refuse sends nothing.
    """

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """Let these pods in, give the weights, wait until the gateways have taken them, then let the others out.

        Raises TemporaryFailure with the gateway's own words while it has not.
        """
        shares, named = checked(weights), {one.id for one in instances}
        members = await members_of(self._clusters, place)
        mine = [one for one in members if one.id in named]
        await mark(self._clusters, place, {one.id: ON for one in mine})
        versions = {one.version for one in mine} | set(shares)
        for version in sorted(versions):
            await services.own(self._clusters.api(place), place, version)
        # A gateway answers 503 for a Service that has no endpoints yet.
        await settle(self._clusters, place, selector(labels(place)), mine, ())
        if await self._may_shift(place, mine, shares):
            await with_fresh_reads(lambda: self._write(place, versions, shares))
            await self._taken(place)
        await services.show_preview(self._clusters.api(place), place, versions, shares)
        others = not_in(members, mine)
        await mark(self._clusters, place, {one.id: OFF for one in others})
        await settle(self._clusters, place, selector(labels(place)), (), others)

    async def read(self, place: Placement) -> TrafficReading:
        """The weights that the gateways have taken, and the pods that are endpoints of their versions' Services."""
        serving = await endpoints(self._clusters, place, selector(labels(place)))
        members = await members_of(self._clusters, place)
        ready = tuple(one.id for one in members if one.pod.name in serving)
        return TrafficReading(await self._weights(place), ready, 0, 0)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether none of these is among the endpoints of its version's Service."""
        serving = await endpoints(self._clusters, place, selector(labels(place)))
        return not any(
            one.pod.name in serving for one in await members_of(self._clusters, place) if one.id in instances
        )

    async def _weights(self, place: Placement) -> dict[Version, int]:
        api, target = self._clusters.api(place), place.on(KubernetesTarget)
        route, names = await api.get(_route(place)), await services.owned(api, place)
        standing = verdict_of(route).standing
        if standing is Standing.REFUSED:
            return {}
        if standing is Standing.PENDING and observed_generation(route) < _changed_at(route):
            return services.noted(route["metadata"], FORMER)
        return weights_of(route["spec"]["rules"][our_rule(route, target, names)], target, names)

    async def _may_shift(self, place: Placement, mine: Sequence[Member], shares: Mapping[Version, int]) -> bool:
        """Not to versions of which nothing is ready, while one that is named has the traffic."""
        if not shares or any(one.pod.ready and one.version in shares for one in mine):
            return True
        former = await self._weights(place)
        return not any(former.get(one.version) for one in mine)

    async def _write(self, place: Placement, versions: Collection[Version], shares: Mapping[Version, int]) -> None:
        api, target = self._clusters.api(place), place.on(KubernetesTarget)
        route, owned = await api.get(_route(place)), await services.owned(api, place)
        index = our_rule(route, target, owned)
        rules = list(route["spec"]["rules"])
        named = {object_name(place, version): version for version in versions} or dict(owned)
        stale = {name: version for name, version in owned.items() if name not in named}
        changed = with_weights(_without(rules[index], stale), target, named, shares)
        if changed == rules[index]:
            return
        former = await self._weights(place)
        rules[index] = changed
        meta = {
            "resourceVersion": route["metadata"]["resourceVersion"],
            "annotations": {FORMER: services.note(former), CHANGED_AT: str(route["metadata"]["generation"] + 1)},
        }
        await api.patch(_route(place), {"metadata": meta, "spec": {"rules": rules}})

    async def _taken(self, place: Placement) -> None:
        """Wait until every gateway of the route has taken its present generation."""
        target = place.on(KubernetesTarget)
        seen: list[Json] = []

        def taken(found: Collection[Json]) -> bool:
            seen[:] = found
            return all(verdict_of(one).standing is not Standing.PENDING for one in found)

        chosen = Choice(ROUTE, target.namespace, "", f"metadata.name={target.route}")
        await until(self._clusters.api(place), chosen, taken, within=SETTLE)
        for route in seen:
            verdict = verdict_of(route)
            if verdict.standing is not Standing.TAKEN:
                raise TemporaryFailure(
                    f"{_route(place)} is not in effect. {verdict.words}",
                    "Look at the status of the route and at its gateway's controller; it is tried again.",
                )


def _route(place: Placement) -> Ref:
    target = place.on(KubernetesTarget)
    return Ref(ROUTE, target.namespace, target.route)


def _changed_at(route: Json) -> int:
    """The generation that our last change of the weights made; a later one was somebody else's."""
    text = (route["metadata"].get("annotations") or {}).get(CHANGED_AT, "")
    return int(text) if text.isdecimal() else route["metadata"]["generation"]


def _without(rule: Json, stale: Mapping[str, Version]) -> Json:
    return {**rule, "backendRefs": [ref for ref in rule.get("backendRefs") or () if ref.get("name") not in stale]}
