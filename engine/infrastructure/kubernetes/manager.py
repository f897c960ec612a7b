"""Instances as pods of one Deployment for each version. What we remember stands on the objects themselves."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from engine.catalog import Placement, Version
from engine.errors import TemporaryFailure
from engine.infrastructure.kubernetes import deployments
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.failures import Conflict, Missing, with_fresh_reads
from engine.infrastructure.kubernetes.kinds import POD, Json, Ref
from engine.infrastructure.kubernetes.names import DELETION_COST, NUMBERED_AT, ORDINAL_LABEL, natural, parse_id
from engine.infrastructure.kubernetes.numbering import assign, homeless
from engine.infrastructure.kubernetes.pods import Pod, instance_of
from engine.ports import Instance, InstanceId
from engine.targets import KubernetesTarget

_APPEAR: Final = timedelta(seconds=5)  # a healthy control plane makes pods in much less
_SLACK: Final = timedelta(seconds=30)  # a node tells the end of a pod later than it happens
_ABANDONED: Final = timedelta(seconds=30)
_ROUNDS: Final = 5
_FIRST_TO_GO: Final = "-1000"


class KubernetesManager:
    """Runs versions as Deployments. Pods get ordinals by a label, so that an instance keeps its id as long as it lives.

    The Deployment's annotation says which ordinals are wanted; the number of replicas follows it and belongs to us.
    While pods of a version run, its template is left alone: a changed manifest comes with the next version, or once
    all of this one were stopped. Safe to call from several processes at once.
    """

    def __init__(self, clusters: Clusters, *, now: Callable[[], datetime]) -> None:
        self._clusters = clusters
        self._now = now

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """All pods of a placement but those that end, judged by Kubernetes. Usually from memory."""
        numbered = [pod for pod in await self._numbered(place) if pod.ordinal is not None and not pod.leaving]
        live = {(pod.version, pod.ordinal) for pod in numbered if pod.live}
        shown = {
            (pod.version, pod.ordinal): pod
            for pod in sorted(numbered, key=lambda pod: pod.created)
            if pod.live or (pod.version, pod.ordinal) not in live
        }
        found = [
            instance_of(pod, place, ordinal, now=self._now())
            for (_, ordinal), pod in sorted(shown.items(), key=lambda item: (natural(item[0][0]), item[0][1] or 0))
            if ordinal is not None
        ]
        return tuple(found)

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        """Want these instances too, and wait until their pods exist.

        A pod in a crash loop is deleted, so that another comes at once; its node starts any other dead one itself.
        Raises TemporaryFailure while Kubernetes makes no pods, with the reason it gives, such as a quota.
        """
        wanted = frozenset(ordinals)
        await with_fresh_reads(lambda: self._want(place, version, wanted))
        await self._delete_looping(place, version, wanted)
        try:
            async with asyncio.timeout(_APPEAR.total_seconds()):
                await self._appeared(place, version, wanted)
        except TimeoutError:
            raise await self._no_pods(place, version) from None

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        """Lower the replicas by these and wait until their pods are gone; the last of a version take it all along.

        Raises TemporaryFailure when a pod has not ended well after its stop timeout.
        """
        for version, ordinals in _by_version(place, instances).items():
            await self._stop(place, version, ordinals)

    # Starting

    async def _want(self, place: Placement, version: Version, ordinals: frozenset[int]) -> None:
        api = self._clusters.api(place)
        found = await deployments.find(api, place, version) or await deployments.create(api, place, version)
        rest = deployments.standing(found, await self._alive(place, version))
        if deployments.ordinals_of(found) is None or not ordinals <= rest or _replicas(found) < len(rest):
            await deployments.scale(api, place, found, ordinals | rest)

    async def _alive(self, place: Placement, version: Version) -> frozenset[int]:
        pods = await self._clusters.watch(place).pods(place)
        return frozenset(pod.ordinal for pod in pods if pod.live and pod.version == version and pod.ordinal is not None)

    async def _delete_looping(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        for pod in await self._clusters.watch(place).pods(place):
            if pod.version == version and pod.ordinal in ordinals and not pod.leaving and (pod.looping or pod.ended):
                await self._delete(place, pod)

    async def _delete(self, place: Placement, pod: Pod) -> None:
        """Delete the pod as it was seen; one that changed meanwhile, to life perhaps, stays."""
        watch, only = self._clusters.watch(place), {"uid": pod.uid, "resourceVersion": pod.revision}
        try:
            answer = await self._clusters.api(place).delete(_ref(place, pod), only=only)
        except Conflict:
            return
        except Missing:
            watch.forget(pod)
            return
        if answer.get("kind") == POD.name:
            watch.note(answer)
        else:
            watch.forget(pod)

    async def _appeared(self, place: Placement, version: Version, ordinals: frozenset[int]) -> None:
        """Return once these live; pods are numbered as they come."""
        watch = self._clusters.watch(place)

        def there(pods: Collection[Pod]) -> bool:
            mine = [pod for pod in pods if pod.live and pod.version == version]
            return ordinals <= {pod.ordinal for pod in mine} or bool(homeless(mine))

        while not ordinals <= await self._alive(place, version):
            await self._number(place, version)
            await watch.until(there, place, within=_APPEAR)

    async def _no_pods(self, place: Placement, version: Version) -> TemporaryFailure:
        found = await deployments.find(self._clusters.api(place), place, version)
        said = deployments.why_no_pods(found) if found else "the Deployment was deleted meanwhile"
        return TemporaryFailure(
            f"Kubernetes has not made the pods of {deployments.deployment_ref(place, version)}"
            + (f": {said.rstrip('.')}." if said else " yet."),
            "Look at the events of its ReplicaSet.",
            retry_after=timedelta(seconds=2),
        )

    # Numbering

    async def _numbered(self, place: Placement) -> Collection[Pod]:
        """The placement's pods, each live one with an ordinal of its own, unless a start is still at it."""
        watch = self._clusters.watch(place)
        for _ in range(_ROUNDS):
            pods = await watch.pods(place)
            lost = _versions_with_homeless(pods)
            if not lost or not any([await self._number(place, version) for version in lost]):
                break
        return await watch.pods(place)

    async def _number(self, place: Placement, version: Version) -> bool:
        """Whether there is anything to look at again."""
        found = await deployments.find(self._clusters.api(place), place, version)
        wanted = None if found is None else self._wanted(found)
        if wanted is None:
            return False
        pods = [pod for pod in await self._clusters.watch(place).pods(place) if pod.version == version]
        chosen = assign(pods, wanted)
        for pod in pods:
            if pod.name in chosen:
                await self._label(place, pod, chosen[pod.name])
        return bool(chosen)

    def _wanted(self, deployment: Json) -> frozenset[int] | None:
        """The ordinals that are wanted; None while the start that made the Deployment is still at it."""
        wanted = deployments.ordinals_of(deployment)
        made = datetime.fromisoformat(deployment["metadata"]["creationTimestamp"])
        if wanted is None and self._now() - made > _ABANDONED:
            return frozenset()  # that start was killed and nobody took it up: what it made has to be seen to be stopped
        return wanted

    async def _label(self, place: Placement, pod: Pod, ordinal: int) -> None:
        api, watch, ref = self._clusters.api(place), self._clusters.watch(place), _ref(place, pod)
        at = self._now().isoformat()
        meta = {
            "labels": {ORDINAL_LABEL: str(ordinal)},
            "annotations": {NUMBERED_AT: at},
            "resourceVersion": pod.revision,
        }
        try:
            watch.note(await api.patch(ref, {"metadata": meta}))
        except Conflict:
            await self._read_again(place, pod)
        except Missing:
            watch.forget(pod)

    async def _read_again(self, place: Placement, pod: Pod) -> None:
        watch = self._clusters.watch(place)
        try:
            watch.note(await self._clusters.api(place).get(_ref(place, pod)))
        except Missing:
            watch.forget(pod)

    # Stopping

    async def _stop(self, place: Placement, version: Version, ordinals: frozenset[int]) -> None:
        left = await with_fresh_reads(lambda: self._release(place, version, ordinals))
        patience = place.on(KubernetesTarget).stop_timeout + _SLACK

        def gone(pods: Collection[Pod]) -> bool:
            mine = [pod for pod in pods if pod.version == version and not pod.ended]
            return not any(pod.leaving and pod.ordinal in ordinals for pod in mine) and (
                sum(pod.live for pod in mine) <= left
            )

        if not await self._clusters.watch(place).until(gone, place, within=patience):
            raise TemporaryFailure(
                f"Pods of {place.service} {version} have not ended after {patience.total_seconds():g} s.",
                "Their node may be away; delete them by force when it will not come back.",
                retry_after=timedelta(seconds=10),
            )
        if left:
            await self._number(place, version)

    async def _release(self, place: Placement, version: Version, ordinals: frozenset[int]) -> int:
        """Want these no more; answers how many are still wanted."""
        api = self._clusters.api(place)
        found = await deployments.find(api, place, version)
        pods = [
            p for p in await self._clusters.watch(place).pods(place) if p.version == version and p.ordinal in ordinals
        ]
        for pod in pods:
            if pod.ended:  # it counts among no replicas
                await self._delete(place, pod)
        if found is None:
            return 0
        before = deployments.standing(found, await self._alive(place, version))
        rest = before - ordinals
        if not rest:
            await deployments.remove(api, place, found)
        elif rest != before:
            await self._cheapen(place, [pod for pod in pods if pod.live])
            await deployments.scale(api, place, found, rest)
        return len(rest)

    async def _cheapen(self, place: Placement, pods: Collection[Pod]) -> None:
        """Make these the first to go when the ReplicaSet becomes smaller."""
        meta: Json = {"annotations": {DELETION_COST: _FIRST_TO_GO}}
        for pod in pods:
            try:
                self._clusters.watch(place).note(
                    await self._clusters.api(place).patch(_ref(place, pod), {"metadata": meta})
                )
            except Missing:
                self._clusters.watch(place).forget(pod)


def _ref(place: Placement, pod: Pod) -> Ref:
    return Ref(POD, place.on(KubernetesTarget).namespace, pod.name)


def _replicas(deployment: Json) -> int:
    return int(deployment["spec"].get("replicas") or 0)


def _versions_with_homeless(pods: Collection[Pod]) -> frozenset[Version]:
    by_version: defaultdict[Version, list[Pod]] = defaultdict(list)
    for pod in pods:
        by_version[pod.version].append(pod)
    return frozenset(version for version, mine in by_version.items() if homeless(mine))


def _by_version(place: Placement, instances: Collection[InstanceId]) -> Mapping[Version, frozenset[int]]:
    found: defaultdict[Version, set[int]] = defaultdict(set)
    for instance in instances:
        parsed = parse_id(place, instance)
        if parsed is not None:
            found[parsed[0]].add(parsed[1])
    return {version: frozenset(ordinals) for version, ordinals in found.items()}
