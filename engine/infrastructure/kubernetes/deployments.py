"""The Deployment objects of versions, one for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.failures import Missing
from engine.infrastructure.kubernetes.kinds import DEPLOYMENT, Choice, Json, Ref
from engine.infrastructure.kubernetes.manifest import resolve
from engine.infrastructure.kubernetes.names import LEAVING, ORDINALS, VERSION_LABEL, labels, object_name, selector
from engine.infrastructure.kubernetes.numbering import parse_ordinals, render_ordinals
from engine.targets import KubernetesTarget


def deployment_ref(place: Placement, version: Version) -> Ref:
    """Where a version's Deployment is."""
    return Ref(DEPLOYMENT, place.on(KubernetesTarget).namespace, object_name(place, version))


async def find(api: Api, place: Placement, version: Version) -> Json | None:
    """A version's Deployment; None when there is none. Raises PermanentFailure when its name is taken by another."""
    ref = deployment_ref(place, version)
    try:
        found = await api.get(ref)
    except Missing:
        return None
    marks = found["metadata"].get("labels") or {}
    if any(marks.get(name) != value for name, value in labels(place, version).items()):
        whose = marks.get(VERSION_LABEL)
        raise PermanentFailure(
            f"{ref} is not {place.service} {version} of Pilothouse" + (f" but its version {whose}." if whose else "."),
            "Rename it, or choose another `name` in the settings.",
        )
    return found


async def arrivals(api: Api, place: Placement, *, leaving: bool = True) -> Mapping[Version, float]:
    """The versions that have a Deployment, without those `leaving` if so asked, and since when in epoch seconds."""
    found = await _metas(api, place)
    return {version: _since(meta) for version, meta in found.items() if leaving or not _leaves(meta)}


async def tell_leaving(api: Api, place: Placement, named: Collection[Version]) -> None:
    """Note at each Deployment whether the router is about to let its version go: the first that is written of it."""
    for version, meta in (await _metas(api, place)).items():
        if _leaves(meta) == (version in named):
            note: Json = {"annotations": {LEAVING: None if version in named else "true"}, "uid": meta["uid"]}
            with suppress(Missing):  # it went meanwhile
                await api.patch(deployment_ref(place, version), {"metadata": note})


async def create(api: Api, place: Placement, version: Version) -> Json:
    """Apply a version's Deployment. With nobody's number of replicas yet, it begins with one."""
    return await api.apply(deployment_ref(place, version), await resolve(place, version))


def ordinals_of(deployment: Json) -> frozenset[int] | None:
    """The instances that are wanted; None while a start is still at it."""
    text = (deployment["metadata"].get("annotations") or {}).get(ORDINALS)
    return None if text is None else parse_ordinals(text)


def standing(deployment: Json, alive: Collection[int]) -> frozenset[int]:
    """The instances that are to run: those wanted and those alive; when others have scaled it down, those alive."""
    wanted = ordinals_of(deployment) or frozenset()
    scaled_down = (deployment["spec"].get("replicas") or 0) < len(wanted)
    return frozenset(alive) if scaled_down else wanted | frozenset(alive)


async def scale(api: Api, place: Placement, deployment: Json, ordinals: Collection[int]) -> Json:
    """Want these instances and no others. Raises Conflict when the Deployment was changed since it was read."""
    meta = deployment["metadata"]
    body = {
        "metadata": {
            "resourceVersion": meta["resourceVersion"],
            "annotations": {ORDINALS: render_ordinals(ordinals)},
        },
        "spec": {"replicas": len(ordinals)},
    }
    return await api.patch(Ref(DEPLOYMENT, place.on(KubernetesTarget).namespace, meta["name"]), body)


async def remove(api: Api, place: Placement, deployment: Json) -> None:
    """Delete the Deployment as it was read; its pods and its Service go with it. Raises Conflict."""
    meta = deployment["metadata"]
    ref = Ref(DEPLOYMENT, place.on(KubernetesTarget).namespace, meta["name"])
    try:
        await api.delete(ref, only={"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]})
    except Missing:
        return  # somebody else was faster


def why_no_pods(deployment: Json) -> str:
    """Why Kubernetes makes no pods, such as a quota, in its own words; empty when it says nothing."""
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    told = (one.get("message", "") for one in conditions if one["type"] == "ReplicaFailure" and one["status"] == "True")
    return next(told, "")


async def _metas(api: Api, place: Placement) -> Mapping[Version, Json]:
    listed = await api.find(Choice(DEPLOYMENT, place.on(KubernetesTarget).namespace, selector(labels(place))))
    found = (one["metadata"] for one in listed.get("items") or ())
    return {Version(one["labels"][VERSION_LABEL]): one for one in found if VERSION_LABEL in one["labels"]}


def _leaves(meta: Json) -> bool:
    return LEAVING in (meta.get("annotations") or {})


def _since(meta: Json) -> float:
    return datetime.fromisoformat(meta["creationTimestamp"]).timestamp()
