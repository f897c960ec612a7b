"""Published versions of a Lambda function, found by the mark in their description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from engine.catalog import Placement, Version
from engine.infrastructure.aws.client import Aws, Where
from engine.infrastructure.aws.failures import Absent
from engine.ports import InstanceHealth
from engine.targets import LambdaTarget

NEWEST: Final = "$LATEST"


@dataclass(frozen=True, slots=True)
class Published:
    """One published version: our name of it, Lambda's number, and how Lambda judges it."""

    version: Version
    number: str
    health: InstanceHealth
    note: str
    created_at: datetime


def where(target: LambdaTarget) -> Where:
    """The region that a target is in."""
    return Where(target.region, target.endpoint)


def mark_of(place: Placement, version: Version) -> str:
    """The description that says whose a published version is and which."""
    return f"{_prefix(place)}{version}"


class Versions:
    """Reads the published versions of a placement."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def of(self, place: Placement) -> tuple[Published, ...]:
        """Ours, the oldest first; of two with one name the newer, since that is what was published last."""
        target = place.on(LambdaTarget)
        call, about = (where(target), "lambda"), f"function {target.function}"
        listed = await self._aws.all(*call, "ListVersionsByFunction", about, "Versions", FunctionName=target.function)
        ours = {one["Description"]: one["Version"] for one in listed if _is_ours(place, one)}
        found = [await self._one(place, number) for number in ours.values()]
        return tuple(one for one in found if one is not None)

    async def _one(self, place: Placement, number: str) -> Published | None:
        """One with its state, which a list does not tell; None when it was deleted meanwhile."""
        target = place.on(LambdaTarget)
        about = f"version {number} of function {target.function}"
        try:
            told = await self._aws.ask(
                where(target),
                "lambda",
                "GetFunctionConfiguration",
                about,
                FunctionName=target.function,
                Qualifier=number,
            )
        except Absent:
            return None
        health, note = judge(told)
        version = Version(told["Description"].removeprefix(_prefix(place)))
        return Published(version, number, health, note, _when(told["LastModified"]))


def judge(told: Mapping[str, Any]) -> tuple[InstanceHealth, str]:
    """Health by State and LastUpdateStatus.

    An inactive version was idle for long; the first call wakes it and fails, so it is not called well.
    """
    reason = str(told.get("StateReason") or told.get("LastUpdateStatusReason") or "")
    match told.get("State"), told.get("LastUpdateStatus"):
        case ("Failed", _) | (_, "Failed"):
            return InstanceHealth.UNHEALTHY, reason or "Lambda calls it failed."
        case "Inactive", _:
            return InstanceHealth.UNHEALTHY, reason or "Lambda put it to sleep; the next call fails and wakes it."
        case ("Pending", _) | (_, "InProgress"):
            return InstanceHealth.STARTING, reason
        case _:
            return InstanceHealth.HEALTHY, ""


def _prefix(place: Placement) -> str:
    return f"pilothouse:{place.service}/{place.environment}/"


def _is_ours(place: Placement, told: Mapping[str, Any]) -> bool:
    return told["Version"] != NEWEST and str(told.get("Description", "")).startswith(_prefix(place))


def _when(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
