"""Known-bad versions: taken back by a gate, or marked by a person. Facts and fold; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from engine.catalog import ServiceName, Version
from engine.deployments.deployment import DeploymentId, PersonId


@dataclass(frozen=True, slots=True)
class VersionMarkedBad:
    """`person` (system: a gate of `deployment`) says that the version is bad, and why."""

    service: ServiceName
    version: Version
    person: PersonId
    reason: str
    deployment: DeploymentId | None = None


@dataclass(frozen=True, slots=True)
class VersionCleared:
    """`person` says that the version is good after all."""

    service: ServiceName
    version: Version
    person: PersonId
    reason: str


VersionEvent = VersionMarkedBad | VersionCleared


@dataclass(frozen=True, slots=True)
class VersionMark:
    """What is said of a version now. `by` and `reason` are of the last word on it."""

    service: ServiceName
    version: Version
    bad: bool
    by: PersonId
    reason: str
    at: datetime
    deployment: DeploymentId | None = None
    stream_version: int = 0


def apply(mark: VersionMark | None, event: VersionEvent, *, at: datetime) -> VersionMark:
    """The mark after one more event; None before the first."""
    match event:
        case VersionMarkedBad():
            now = VersionMark(event.service, event.version, True, event.person, event.reason, at, event.deployment)
        case VersionCleared():
            now = VersionMark(event.service, event.version, False, event.person, event.reason, at)
        case _:
            assert_never(event)
    return replace(now, stream_version=(mark.stream_version if mark else 0) + 1)


def told(mark: VersionMark) -> str:
    """`v3 of shop is known to be bad: …`"""
    by = "" if mark.by == "system" else f" (says {mark.by})"
    return f"{mark.version} of {mark.service} is known to be bad{by}: {mark.reason or 'no reason was given.'}"
