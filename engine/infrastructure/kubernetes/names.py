"""What our objects on a cluster are called and how they are marked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.artifacts import is_version_name
from engine.ports import InstanceId
from engine.targets import KubernetesTarget

FIELD_MANAGER: Final = "pilothouse"
SERVICE_LABEL: Final = "pilothouse.dev/service"
ENVIRONMENT_LABEL: Final = "pilothouse.dev/environment"
VERSION_LABEL: Final = "pilothouse.dev/version"
ORDINAL_LABEL: Final = "pilothouse.dev/ordinal"
TRAFFIC_LABEL: Final = "pilothouse.dev/traffic"
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
ORDINALS: Final = "pilothouse.dev/ordinals"
NUMBERED_AT: Final = "pilothouse.dev/numbered-at"
TOLD: Final = "pilothouse.dev/weights"
FORMER: Final = "pilothouse.dev/former-weights"
CHANGED_AT: Final = "pilothouse.dev/weights-generation"
PIN: Final = "pilothouse.dev/pin"
LEAVING: Final = "pilothouse.dev/leaving"
ON: Final = "on"
OFF: Final = "off"
RESERVE: Final = "reserve"
"""Values of the traffic label: takes requests; dropped; named by the router but held back to make a ratio of pods."""

_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_DNS: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def object_name(place: Placement, version: Version) -> str:
    """`<name>-<version>` of a version's Deployment and Service: small letters, with a dash for other characters.

    The label has the version as it is; two versions that get one name are told apart by it and the second is refused.
    Raises PermanentFailure when that cannot be a name in DNS (RFC 1035 label, which a Service needs).
    """
    slug = re.sub(r"[._]", "-", version.lower())
    name = f"{place.on(KubernetesTarget).name}-{slug}"
    if not is_label(version) or not is_version_name(version) or not _DNS.fullmatch(name):
        raise PermanentFailure(
            f"{name!r} cannot be the name of a Deployment and Service for version {version!r}.",
            "It may have 63 small letters, digits and dashes, begins with a letter and ends with none of the dashes.",
        )
    return name


def is_label(value: str) -> bool:
    """Whether `value` can be a label's: 63 letters, digits, dots, dashes, underscores, no sign at the ends."""
    return _LABEL.fullmatch(value) is not None


def labels(place: Placement, version: Version | None = None) -> dict[str, str]:
    """The labels of a placement's objects, or of those of one version. Raises PermanentFailure for odd names."""
    found: dict[str, str] = {SERVICE_LABEL: place.service, ENVIRONMENT_LABEL: place.environment}
    if version is not None:
        found[VERSION_LABEL] = version
    for value in found.values():
        if not is_label(value):
            raise PermanentFailure(
                f"{value!r} cannot be a label on Kubernetes.",
                "It may have 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends.",
            )
    return found


def selector(chosen: Mapping[str, str]) -> str:
    """Labels as a selector in a query."""
    return ",".join(f"{name}={value}" for name, value in chosen.items())


def instance_id(place: Placement, version: Version, ordinal: int) -> InstanceId:
    """The id of a version's `ordinal`-th pod."""
    return InstanceId(f"{place.service}-{place.environment}-{version}-{ordinal}")


def parse_id(place: Placement, instance: InstanceId) -> tuple[Version, int] | None:
    """Version and ordinal of an id of this placement; None for any other."""
    prefix = f"{place.service}-{place.environment}-"
    version, dash, ordinal = instance.removeprefix(prefix).rpartition("-")
    if not instance.startswith(prefix) or not dash or not ordinal.isdecimal():
        return None
    return Version(version), int(ordinal)


def natural(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which `v2` comes before `v10`."""
    pieces = re.split(r"(\d+)", version)
    return tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces if piece)
