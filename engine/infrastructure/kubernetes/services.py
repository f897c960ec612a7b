"""The Services that select a placement's pods."""

from __future__ import annotations

import json
from collections.abc import Mapping

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.kubernetes import deployments
from engine.infrastructure.kubernetes.api import Api
from engine.infrastructure.kubernetes.failures import Missing, with_fresh_reads
from engine.infrastructure.kubernetes.kinds import DEPLOYMENT, SERVICE, Choice, Json, Ref
from engine.infrastructure.kubernetes.names import (
    ON,
    TRAFFIC_LABEL,
    VERSION_LABEL,
    labels,
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
    meta = {"name": ref.name, "labels": labels(place, version), "ownerReferences": [owner]}
    await api.apply(ref, {"metadata": meta, "spec": {"selector": selection(place, version), "ports": _ports(place)}})


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


async def show_preview(api: Api, place: Placement, version: Version | None) -> None:
    """Let the preview Service, if one is named, select this version and nothing for None.

    One that does not exist is made the first time that there is something to show.
    """
    name = place.on(KubernetesTarget).preview_service
    if not name:
        return
    chosen = selection(place, NOBODY if version is None else version)
    try:
        await select(api, place, name, chosen)
    except Missing:
        if version is not None:
            meta = {"name": name, "labels": labels(place)}
            await api.apply(
                service_ref(place, name), {"metadata": meta, "spec": {"selector": chosen, "ports": _ports(place)}}
            )


async def shows(api: Api, place: Placement, version: Version) -> bool:
    """Whether the preview Service selects this version, or none is named."""
    name = place.on(KubernetesTarget).preview_service
    try:
        return not name or selected(await api.get(service_ref(place, name))) == version
    except Missing:
        return False


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


def _ports(place: Placement) -> list[Json]:
    port = place.on(KubernetesTarget).container_port
    return [{"name": "http", "port": port, "targetPort": port, "protocol": "TCP"}]
