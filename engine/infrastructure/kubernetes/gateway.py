"""Weights of an HTTPRoute: each version has a Service of its own, and only our rule is touched."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure.flights import previewed
from engine.infrastructure.kubernetes import services
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.failures import with_fresh_reads
from engine.infrastructure.kubernetes.kinds import ROUTE, Choice, Json, Ref
from engine.infrastructure.kubernetes.members import Member, endpoints, mark, members_of, not_in, settle
from engine.infrastructure.kubernetes.names import CHANGED_AT, FORMER, OFF, ON, PIN, labels, object_name, selector
from engine.infrastructure.kubernetes.pins import Pinned, is_pinned, note_of, rules_with, same
from engine.infrastructure.kubernetes.route import (
    Standing,
    Verdict,
    observed_generation,
    our_rule,
    verdict_of,
    weights_of,
    with_weights,
)
from engine.infrastructure.kubernetes.showing import flight_seen, flight_told, unshown, without
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
        versions = {one.version for one in mine} | set(shares)
        flight = await flight_told(self._clusters, place, versions, shares)
        await mark(self._clusters, place, {one.id: ON for one in mine})
        await services.show_preview(self._clusters.api(place), place, previewed(flight, shares))
        for version in sorted(versions):
            await services.own(self._clusters.api(place), place, version)
        # A gateway answers 503 for a Service that has no endpoints yet.
        await settle(self._clusters, place, selector(labels(place)), mine, ())
        if await self._may_shift(place, mine, shares):
            answering = any(one.pod.ready for one in mine if one.version == flight)
            await self._shift(place, versions, shares, _pinned(place, flight if answering else None))
        others = not_in(members, mine)
        await mark(self._clusters, place, {one.id: OFF for one in others})
        await settle(self._clusters, place, selector(labels(place)), (), others)

    async def read(self, place: Placement) -> TrafficReading:
        """The weights that the gateways have taken, and the pods that are endpoints of their versions' Services.

        Those of a version in flight that is not shown as it should be are left out.
        """
        serving = await endpoints(self._clusters, place, selector(labels(place)))
        members, weights = await members_of(self._clusters, place), await self._weights(place)
        shown = without(members, await unshown(self._clusters, place, members, weights))
        if place.strategy.pin is not None:
            shown = without(shown, await self._unpinned(place, members, weights))
        return TrafficReading(weights, tuple(one.id for one in shown if one.pod.name in serving), 0, 0)

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

    async def _unpinned(
        self, place: Placement, members: Sequence[Member], weights: Mapping[Version, int]
    ) -> Version | None:
        """The version in flight while the route has no rule of its own for those who carry the pin."""
        pinned = _pinned(place, flight := await flight_seen(self._clusters, place, members, weights))
        if pinned is None:
            return None
        api = self._clusters.api(place)
        route, names = await api.get(_route(place)), await services.owned(api, place)
        return None if is_pinned(route, place.on(KubernetesTarget), names, pinned) else flight

    async def _shift(
        self,
        place: Placement,
        versions: Collection[Version],
        shares: Mapping[Version, int],
        pinned: Pinned | None,
    ) -> None:
        """Have the route taken with these weights. A pin that the gateways do not take is not left in it."""
        await with_fresh_reads(lambda: self._write(place, versions, shares, pinned))
        verdict = said = await self._verdict(place)
        if pinned is not None and said.standing is Standing.REFUSED:
            await with_fresh_reads(lambda: self._write(place, versions, shares, None))
            verdict = await self._verdict(place)
            if verdict.standing is Standing.TAKEN:
                raise _no_pin(place, said)
        if verdict.standing is not Standing.TAKEN:
            raise TemporaryFailure(
                f"{_route(place)} is not in effect. {verdict.words}",
                "Look at the status of the route and at its gateway's controller.",
            )

    async def _write(
        self,
        place: Placement,
        versions: Collection[Version],
        shares: Mapping[Version, int],
        pinned: Pinned | None,
    ) -> None:
        api, target = self._clusters.api(place), place.on(KubernetesTarget)
        route, owned = await api.get(_route(place)), await services.owned(api, place)
        present = route["spec"]["rules"]
        named = {object_name(place, version): version for version in versions} or dict(owned)
        stale = {name: version for name, version in owned.items() if name not in named}
        ours = _without(present[our_rule(route, target, owned)], stale)
        rules = rules_with(route, target, owned, with_weights(ours, target, named, shares), pinned)
        if same(present, rules):
            return
        former = services.note(await self._weights(place))
        notes = {FORMER: former, CHANGED_AT: str(route["metadata"]["generation"] + 1), PIN: note_of(pinned)}
        meta = {"resourceVersion": route["metadata"]["resourceVersion"], "annotations": notes}
        await api.patch(_route(place), {"metadata": meta, "spec": {"rules": rules}})

    async def _verdict(self, place: Placement) -> Verdict:
        """What the gateways say to the route's present generation, once each has looked at it or time is over."""
        target = place.on(KubernetesTarget)
        seen: list[Json] = []

        def looked(found: Collection[Json]) -> bool:
            seen[:] = found
            return all(verdict_of(one).standing is not Standing.PENDING for one in found)

        chosen = Choice(ROUTE, target.namespace, "", f"metadata.name={target.route}")
        await until(self._clusters.api(place), chosen, looked, within=SETTLE)
        return next((verdict_of(route) for route in seen), Verdict(Standing.TAKEN))


def _pinned(place: Placement, flight: Version | None) -> Pinned | None:
    pin = place.strategy.pin
    return Pinned(pin, object_name(place, flight)) if pin is not None and flight is not None else None


def _no_pin(place: Placement, verdict: Verdict) -> PermanentFailure:
    pin, cookie = (
        place.strategy.pin,
        "Pin by a header: a cookie needs a regular expression, which not every gateway takes",
    )
    remedy = cookie if pin is not None and pin.kind == "cookie" else "Look at what the gateway takes"
    return PermanentFailure(
        f"The gateway of {_route(place)} refuses the rule for pinned requests, and it was taken out again. "
        f"{verdict.words}",
        f"{remedy}, or remove `pin` from the strategy.",
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
