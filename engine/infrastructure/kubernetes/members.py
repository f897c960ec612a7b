"""The pods of a placement as its routers see them: which may take requests, and which of them do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.catalog import Placement, Version
from engine.errors import TemporaryFailure
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.failures import Missing
from engine.infrastructure.kubernetes.kinds import POD, SLICE, Choice, Json, Ref
from engine.infrastructure.kubernetes.names import TRAFFIC_LABEL, instance_id
from engine.infrastructure.kubernetes.pods import Pod
from engine.infrastructure.kubernetes.waiting import SETTLE, until
from engine.ports import InstanceId
from engine.targets import KubernetesTarget


@dataclass(frozen=True, slots=True)
class Member:
    """A live pod that has an ordinal."""

    id: InstanceId
    pod: Pod

    @property
    def version(self) -> Version:
        """The version it runs."""
        return self.pod.version


async def members_of(clusters: Clusters, place: Placement) -> tuple[Member, ...]:
    """The live pods of a placement, by id."""
    pods = await clusters.watch(place).pods(place)
    found = [
        Member(instance_id(place, pod.version, pod.ordinal), pod)
        for pod in pods
        if pod.live and pod.ordinal is not None
    ]
    return tuple(sorted(found, key=lambda one: one.id))


async def mark(clusters: Clusters, place: Placement, marks: Mapping[InstanceId, str]) -> None:
    """Give these pods these values of the traffic label, which Services select by. Pods that are gone are left out."""
    api, watch = clusters.api(place), clusters.watch(place)
    for member in await members_of(clusters, place):
        value = marks.get(member.id, member.pod.traffic)
        if value == member.pod.traffic:
            continue
        ref = Ref(POD, place.on(KubernetesTarget).namespace, member.pod.name)
        try:
            watch.note(await api.patch(ref, {"metadata": {"labels": {TRAFFIC_LABEL: value}, "uid": member.pod.uid}}))
        except Missing:
            watch.forget(member.pod)


async def endpoints(clusters: Clusters, place: Placement, choice: str) -> frozenset[str]:
    """The names of pods that the EndpointSlices with these labels list as ready: those that really get requests."""
    listed = await clusters.api(place).find(_slices(place, choice))
    return ready_pods(listed.get("items") or ())


def not_in(members: Sequence[Member], chosen: Sequence[Member]) -> list[Member]:
    """The other members."""
    return [one for one in members if one not in chosen]


async def settle(
    clusters: Clusters, place: Placement, choice: str, let_in: Sequence[Member], let_out: Sequence[Member]
) -> None:
    """Wait until the endpoints with these labels list the ready of `let_in` and none of `let_out`.

    Raises TemporaryFailure when the cluster is slow to follow.
    """
    wanted, gone = ({one.pod.name for one in let_in if one.pod.ready}, {one.pod.name for one in let_out})

    def followed(found: Collection[Json]) -> bool:
        pods = ready_pods(found)
        return wanted <= pods and not gone & pods

    if not await until(clusters.api(place), _slices(place, choice), followed, within=SETTLE):
        raise TemporaryFailure(
            f"The endpoints of {place.service} in {place.environment} do not follow its pods yet.",
            "Check that the controller manager of the cluster works.",
        )


def ready_pods(found: Collection[Json]) -> frozenset[str]:
    """The names of the pods that are ready in these EndpointSlices."""
    return frozenset(
        target["name"]
        for one in found
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        and (target := endpoint.get("targetRef") or {}).get("kind") == POD.name
    )


def _slices(place: Placement, choice: str) -> Choice:
    return Choice(SLICE, place.on(KubernetesTarget).namespace, choice)
