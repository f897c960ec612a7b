"""Published versions of a Lambda function, found by the mark in their description."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from engine.catalog import Placement, Version
from engine.infrastructure.aws.client import Aws, Where
from engine.infrastructure.aws.failures import Absent
from engine.ports import InstanceHealth
from engine.targets import LambdaTarget

NEWEST: Final = "$LATEST"
FRESH: Final = timedelta(seconds=1)
_Key = tuple[Where, str, str, str]


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
    """The published versions of a placement, read at most once in `fresh` by all who ask: Lambda takes 15 calls a
    second from an account, and one turn of a deployment asks several times.
    """

    def __init__(self, aws: Aws, *, fresh: timedelta = FRESH, clock: Callable[[], float] = time.monotonic) -> None:
        self._aws = aws
        self._fresh = fresh.total_seconds()
        self._clock = clock
        self._seen: dict[_Key, tuple[float, tuple[Published, ...]]] = {}

    async def of(self, place: Placement) -> tuple[Published, ...]:
        """Ours, at most `fresh` old, in the order of their publication."""
        at, found = self._seen.get(_key(place), (0.0, None))
        if found is not None and self._clock() - at < self._fresh:
            return found
        return await self.read(place)

    async def read(self, place: Placement) -> tuple[Published, ...]:
        """Ours now; of two with one name the newer, since that is what was published last."""
        at = self._clock()
        found = await self._read(place)
        self._seen[_key(place)] = (at, found)
        return found

    def forget(self, place: Placement) -> None:
        """Something was changed: the next one to ask reads anew."""
        self._seen.pop(_key(place), None)

    async def _read(self, place: Placement) -> tuple[Published, ...]:
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


def _key(place: Placement) -> _Key:
    target = place.on(LambdaTarget)
    return where(target), target.function, place.service, place.environment


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
