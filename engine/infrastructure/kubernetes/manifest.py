"""The Deployment of a version: a plain one, or a team's own with our names, image and environment put in."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
from math import ceil
from pathlib import Path
from typing import Any, Final

import yaml

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.kubernetes.kinds import Json
from engine.infrastructure.kubernetes.names import DEFAULT_CONTAINER, ON, TRAFFIC_LABEL, labels, object_name
from engine.targets import KubernetesTarget

_MARK: Final = "{version}"


async def resolve(place: Placement, version: Version) -> Json:
    """What is applied for a version: metadata and spec of its Deployment, without the number of replicas.

    Raises PermanentFailure when the manifest cannot be read, is no single Deployment or lacks the container.
    """
    path = place.on(KubernetesTarget).manifest
    base = await asyncio.to_thread(_load, Path(path)) if path else _plain(place)
    return _filled(base, place, version)


def image_of(target: KubernetesTarget, version: Version) -> str:
    """The image reference of a version."""
    return target.image.replace(_MARK, version)


def digest_of(resolved: Json) -> str:
    """`sha256:<hex>` of a resolved Deployment, the image reference in it included."""
    content = json.dumps(resolved, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def _load(path: Path) -> Json:
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PermanentFailure(f"The manifest {path} cannot be read: {error}.", "Correct the file.") from error
    found = [one for one in documents if isinstance(one, dict) and one.get("kind") == "Deployment"]
    if len(found) != 1:
        raise PermanentFailure(
            f"The manifest {path} holds {len(found)} Deployments.",
            "It has to hold one; apply what else the service needs yourself.",
        )
    return _checked(found[0], path)


def _checked(found: Json, path: Path) -> Json:
    """The parts of a Deployment that we use, as mappings and lists whatever is in the file."""
    meta, spec = found.get("metadata") or {}, found.get("spec") or {}
    template = spec.get("template") if isinstance(spec, dict) else None
    pod = template.get("spec") if isinstance(template, dict) else None
    containers = pod.get("containers") if isinstance(pod, dict) else None
    if (
        not isinstance(meta, dict)
        or not isinstance(containers, list)
        or not all(isinstance(c, dict) for c in containers)
    ):
        raise PermanentFailure(
            f"The manifest {path} is no Deployment with containers.", "Add spec.template.spec.containers."
        )
    return {"metadata": meta, "spec": spec}


def _plain(place: Placement) -> Json:
    target, check = place.on(KubernetesTarget), place.health
    probe = {
        "httpGet": {"path": check.path, "port": target.container_port},
        "periodSeconds": max(1, ceil(check.interval.total_seconds())),
        "timeoutSeconds": max(1, ceil(check.timeout.total_seconds())),
        "successThreshold": check.healthy_after,
        "failureThreshold": check.unhealthy_after,
    }
    container = {
        "name": target.container,
        "ports": [{"containerPort": target.container_port, "protocol": "TCP"}],
        "readinessProbe": probe,
    }
    return {"metadata": {}, "spec": {"template": {"spec": {"containers": [container]}}}}


def _filled(base: Json, place: Placement, version: Version) -> Json:
    target, found = place.on(KubernetesTarget), copy.deepcopy(base)
    marks, template = labels(place, version), found["spec"]["template"]
    inner, meta = template.setdefault("metadata", {}), found["metadata"]
    spec = {key: value for key, value in found["spec"].items() if key != "replicas"}
    spec["selector"] = {"matchLabels": marks}
    inner["labels"] = {**(inner.get("labels") or {}), **marks, TRAFFIC_LABEL: ON}
    inner["annotations"] = {**(inner.get("annotations") or {}), DEFAULT_CONTAINER: target.container}
    template["spec"]["terminationGracePeriodSeconds"] = ceil(target.stop_timeout.total_seconds())
    _fill_container(_container(template["spec"], place), place, version)
    return {
        "metadata": {
            "name": object_name(place, version),
            "labels": {**(meta.get("labels") or {}), **marks},
            "annotations": dict(meta.get("annotations") or {}),
        },
        "spec": spec,
    }


def _container(pod: Json, place: Placement) -> dict[str, Any]:
    target = place.on(KubernetesTarget)
    named: list[dict[str, Any]] = [one for one in pod["containers"] if one.get("name") == target.container]
    if not named:
        raise PermanentFailure(
            f"The manifest {target.manifest} has no container {target.container!r}.",
            "Set `container` to the one that the image is for.",
        )
    return named[0]


def _fill_container(container: Json, place: Placement, version: Version) -> None:
    target = place.on(KubernetesTarget)
    container["image"] = image_of(target, version)
    own = [{"name": name, "value": value} for name, value in sorted(target.environment.items())]
    kept = [one for one in container.get("env") or () if one.get("name") not in target.environment]
    if own or kept:
        container["env"] = [*kept, *own]
