"""Names and tags by which what is ours is found again in an account of AWS. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.artifacts import is_version_name
from engine.ports import InstanceId

SERVICE: Final = "pilothouse:service"
ENVIRONMENT: Final = "pilothouse:environment"
VERSION: Final = "pilothouse:version"
ORDINALS: Final = "pilothouse:ordinals"
ORDINAL: Final = "pilothouse:ordinal"
ROUTED: Final = "pilothouse:routed"
LEAVING: Final = "leaving"
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]")


def checked_version(place: Placement, version: Version) -> Version:
    """The version. Raises PermanentFailure when it can name nothing."""
    if not is_version_name(version):
        raise PermanentFailure(
            f"{version!r} cannot be a version of {place.service}.",
            "Names may have letters, digits, dot, dash and underscore, 64 at most.",
        )
    return version


def instance_id(place: Placement, version: Version, ordinal: int) -> InstanceId:
    """The id that the manager's port fixes."""
    return InstanceId(f"{place.service}-{place.environment}-{version}-{ordinal}")


def service_prefix(place: Placement) -> str:
    """What the names of a placement's ECS services begin with."""
    return _FOREIGN.sub("-", f"{place.service}-{place.environment}-")


def service_name(place: Placement, version: Version) -> str:
    """`<service>-<environment>-<version>`; ECS allows no dots, so a version with them gets a mark of its own."""
    plain = f"{place.service}-{place.environment}-{version}"
    name = _FOREIGN.sub("-", plain)
    return name if name == plain else f"{name}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def tags_of(place: Placement, version: Version) -> dict[str, str]:
    """The tags that say whose something is."""
    return {SERVICE: place.service, ENVIRONMENT: place.environment, VERSION: version}


def is_of(place: Placement, tags: Mapping[str, str]) -> bool:
    """Whether something with these tags belongs to the placement."""
    return (tags.get(SERVICE), tags.get(ENVIRONMENT)) == (place.service, place.environment) and VERSION in tags


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in ECS's form."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def tag_map(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags out of ECS's form."""
    return {tag["key"]: tag.get("value", "") for tag in tags}


def format_ordinals(ordinals: Collection[int]) -> str:
    """Numbers as ranges, `1-3 5`: a tag holds 256 characters."""
    runs: list[list[int]] = []
    for ordinal in sorted(set(ordinals)):
        if runs and ordinal == runs[-1][1] + 1:
            runs[-1][1] = ordinal
        else:
            runs.append([ordinal, ordinal])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def parse_ordinals(text: str) -> frozenset[int]:
    """The numbers in `1-3 5`; words that are neither are left out, since anybody may write tags."""
    found: set[int] = set()
    for word in text.split():
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", word, re.ASCII)
        if match:
            found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(found)
