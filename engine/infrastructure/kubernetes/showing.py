"""Whether the version in flight is shown as it should be: by the preview Service, and to those who carry the pin.

Its pods count as taking requests only then, so that a process that was killed in between does the rest, and what
somebody else undid is done again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.catalog import Placement, Version
from engine.infrastructure.flights import in_flight, previewed
from engine.infrastructure.kubernetes import deployments, services
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.members import Member
from engine.infrastructure.kubernetes.names import OFF
from engine.targets import KubernetesTarget


def asked(place: Placement) -> bool:
    """Whether anybody wants to see the version in flight."""
    return place.strategy.pin is not None or bool(place.on(KubernetesTarget).preview_service)


async def flight_told(
    clusters: Clusters, place: Placement, named: Collection[Version], shares: Mapping[Version, int]
) -> Version | None:
    """The newest Deployment's version of those named, beside others; None as well when nobody wants to see it.

    Before anything else is written it is noted who leaves: what a kill left half done is not taken for the other way.
    """
    if not asked(place):
        return None
    await deployments.tell_leaving(clusters.api(place), place, named)
    return in_flight(await deployments.arrivals(clusters.api(place), place), named, shares)


async def flight_seen(
    clusters: Clusters, place: Placement, members: Sequence[Member], shares: Mapping[Version, int]
) -> Version | None:
    """The version in flight by the pods that have not been let out, nor are about to be."""
    named = {one.version for one in members if one.pod.traffic != OFF}
    if not asked(place) or len(named) < 2:
        return None
    return in_flight(await deployments.arrivals(clusters.api(place), place, leaving=False), named, shares)


async def unshown(
    clusters: Clusters, place: Placement, members: Sequence[Member], shares: Mapping[Version, int]
) -> Version | None:
    """The version that the preview Service should show and does not; None when all is well."""
    waiting = previewed(await flight_seen(clusters, place, members, shares), shares)
    if waiting is None or await services.shows(clusters.api(place), place, waiting):
        return None
    return waiting


def without(members: Sequence[Member], hidden: Version | None) -> list[Member]:
    """The members of all other versions."""
    return [one for one in members if one.version != hidden]
