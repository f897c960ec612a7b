"""The Services that select a placement's pods."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.kubernetes import deployments
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.failures import with_fresh_reads
from engine.infrastructure.kubernetes.kinds import DEPLOYMENT, SERVICE, Choice, Json, Ref
from engine.infrastructure.kubernetes.names import (
    ON,
    TRAFFIC_LABEL,
    VERSION_LABEL,
    labels,
    natural,
    object_name,
    selector,
)
from engine.targets import KubernetesTarget

NOBODY = Version("")
"""A version that no pod has, to select nothing."""


def selection(place: Placement, version: Version | None = None) -> dict[str, str]:
    """What selects the pods of a placement, or of one version, that may take requests."""
    base = labels(place) if version is None else {**labels(place), VERSION_LABEL: version}
    return {**base, TRAFFIC_LABEL: ON}


def service_ref(place: Placement, name: str) -> Ref:
    """Where a Service of the placement's namespace is."""
    return Ref(SERVICE, place.on(KubernetesTarget).namespace, name)


async def own(api: Api, place: Placement, version: Version) -> None:
    """Apply a version's own Service, which goes when its Deployment does. Raises PermanentFailure without one."""
    ref = service_ref(place, object_name(place, version))
    target = place.on(KubernetesTarget)
    deployment = await deployments.find(api, place, version)
    if deployment is None:
        raise PermanentFailure(
            f"There is no {deployments.deployment_ref(place, version)} to send requests to.",
            "Deploy that version again.",
        )
    owner = {
        "apiVersion": DEPLOYMENT.version,
        "kind": DEPLOYMENT.name,
        "name": deployment["metadata"]["name"],
        "uid": deployment["metadata"]["uid"],
    }
    port = {"name": "http", "port": target.container_port, "targetPort": target.container_port, "protocol": "TCP"}
    meta = {"name": ref.name, "labels": labels(place, version), "ownerReferences": [owner]}
    await api.apply(ref, {"metadata": meta, "spec": {"selector": selection(place, version), "ports": [port]}})


async def owned(api: Api, place: Placement) -> Mapping[str, Version]:
    """The versions of the placement's own Services, by their names."""
    listed = await api.find(Choice(SERVICE, place.on(KubernetesTarget).namespace, selector(labels(place))))
    found = (one["metadata"] for one in listed.get("items") or ())
    return {one["name"]: Version(one["labels"][VERSION_LABEL]) for one in found if VERSION_LABEL in one["labels"]}


async def select(
    api: Api, place: Placement, name: str, chosen: Mapping[str, str], remarks: Mapping[str, str] | None = None
) -> None:
    """Make Service `name` select by `chosen`, and by nothing else; `remarks` are annotations. Raises Missing."""

    async def attempt() -> None:
        found = await api.get(service_ref(place, name))
        before, noted = found["spec"].get("selector") or {}, found["metadata"].get("annotations") or {}
        if before == dict(chosen) and all(noted.get(key) == value for key, value in (remarks or {}).items()):
            return
        dropped = dict.fromkeys(set(before) - set(chosen))
        meta = {"resourceVersion": found["metadata"]["resourceVersion"], "annotations": dict(remarks or {})}
        await api.patch(service_ref(place, name), {"metadata": meta, "spec": {"selector": {**dropped, **chosen}}})

    await with_fresh_reads(attempt)


async def show_preview(
    api: Api, place: Placement, versions: Collection[Version], shares: Mapping[Version, int]
) -> None:
    """Let the preview Service, if there is one, select a version that runs without a share of the traffic."""
    name = place.on(KubernetesTarget).preview_service
    waiting = sorted((version for version in versions if not shares.get(version)), key=natural)
    if name and waiting:
        await select(api, place, name, selection(place, waiting[-1]))


def selected(service: Json) -> Version | None:
    """The version that a Service selects; None when it selects by other things."""
    found = service["spec"].get("selector") or {}
    return Version(found[VERSION_LABEL]) if found.get(VERSION_LABEL) else None


def note(weights: Mapping[Version, int]) -> str:
    """Weights as an annotation."""
    return json.dumps(dict(sorted(weights.items())), separators=(",", ":"))


def noted(meta: Json, name: str) -> dict[Version, int]:
    """Weights that an annotation says; none when there is none that can be read."""
    try:
        found = json.loads((meta.get("annotations") or {}).get(name, "{}"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {Version(key): value for key, value in found.items() if isinstance(value, int)}
