"""Versions on a cluster: those that have a Deployment, and any other name, for an image registry is not listed."""

from __future__ import annotations

from collections.abc import Sequence

from engine.catalog import Placement, Version
from engine.errors import NotFound
from engine.infrastructure.artifacts import is_version_name
from engine.infrastructure.kubernetes.clusters import Clusters
from engine.infrastructure.kubernetes.deployments import arrivals
from engine.infrastructure.kubernetes.manifest import digest_of, resolve
from engine.infrastructure.kubernetes.names import is_label, natural
from engine.ports import Artifact


class KubernetesArtifacts:
    """A version is an image reference put into the manifest; whether the image exists shows when a node pulls it.

    The digest is of the resolved manifest, so an approval covers image, environment and all else that is applied. It
    binds the image's content as far as its reference does: by `name@sha256:…` wholly, by a tag only its name.
    """

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def versions(self, place: Placement) -> Sequence[Version]:
        """The versions that have a Deployment, older names first (`v2` before `v10`)."""
        return tuple(sorted(await arrivals(self._clusters.api(place), place), key=natural))

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        """The version with its digest. Raises NotFound only for what cannot be a version's name here."""
        if not is_version_name(version) or not is_label(version):
            raise NotFound(
                f"{version!r} cannot be a version of {place.service} on Kubernetes.",
                "A version may have 63 letters, digits, dots, dashes and underscores, a letter or digit at both ends.",
                field="version",
            )
        return Artifact(version, digest_of(await resolve(place, version)))
