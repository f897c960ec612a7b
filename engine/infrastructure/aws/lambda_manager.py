"""Published versions of a Lambda function as instances, one for each version."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from engine.catalog import Placement, Version
from engine.errors import NotFound, PermanentFailure, TemporaryFailure
from engine.infrastructure.aws import names
from engine.infrastructure.aws.client import Answer, Aws, afresh, until
from engine.infrastructure.aws.failures import Absent
from engine.infrastructure.aws.lambda_alias import Aliases
from engine.infrastructure.aws.lambda_versions import Published, Versions, mark_of, where
from engine.infrastructure.aws.registry import s3_place
from engine.ports import ArtifactSource, Instance, InstanceId
from engine.targets import LambdaTarget

_UPDATED: Final = timedelta(seconds=60)  # Lambda's own bound for most updates; a longer one is waited for again
_SOON: Final = timedelta(seconds=3)
_ONE: Final = 1


class LambdaManager:
    """Publishes and deletes versions. A version published once is found by its mark and not published again."""

    def __init__(self, aws: Aws, versions: Versions, artifacts: ArtifactSource) -> None:
        self._aws = aws
        self._artifacts = artifacts
        self._versions = versions
        self._aliases = Aliases(aws)
        self._changing: dict[str, asyncio.Lock] = {}

    async def observe(self, place: Placement) -> Sequence[Instance]:
        """One instance for each published version of ours, with Lambda's verdict."""
        return tuple(_instance(place, one) for one in await self._versions.of(place))

    async def start(self, place: Placement, version: Version, ordinals: Collection[int]) -> None:
        """Have the version published. Raises PermanentFailure when its code does not exist or is refused."""
        names.checked_version(place, version)
        if set(ordinals) - {_ONE}:
            reason = (
                f"{place.service} is a Lambda function, which scales by itself: there is one instance of a version."
            )
            raise PermanentFailure(reason, "Ask for one instance.")
        if ordinals:
            async with self._alone(place):
                await afresh(lambda: self._publish(place, version))

    async def stop(self, place: Placement, instances: Collection[InstanceId]) -> None:
        """Delete these published versions. Raises PermanentFailure for one that the alias still sends traffic to."""
        async with self._alone(place):
            for one in await self._versions.read(place):
                if names.instance_id(place, one.version, _ONE) in instances:
                    await self._delete(place, one)

    def _alone(self, place: Placement) -> asyncio.Lock:
        return self._changing.setdefault(place.on(LambdaTarget).function, asyncio.Lock())

    async def _publish(self, place: Placement, version: Version) -> None:
        """Each change names the revision it was decided on, so that two who publish at once do not mix their code."""
        if any(one.version == version for one in await self._versions.read(place)):
            return
        self._versions.forget(place)
        await self._check_code(place, version)
        before = await self._settled(place)
        code = _code(place, version)
        await self._ask(place, "UpdateFunctionCode", **code, RevisionId=before["RevisionId"])
        coded = await self._settled(place)
        wanted = _configuration(place, version, coded)
        await self._ask(place, "UpdateFunctionConfiguration", **wanted, RevisionId=coded["RevisionId"])
        ready = await self._settled(place)
        pinned = {"CodeSha256": ready["CodeSha256"], "RevisionId": ready["RevisionId"]}
        mark = mark_of(place, version)
        published = await self._ask(place, "PublishVersion", Description=mark, **pinned)
        if published.get("Description") != mark:
            reason = f"Another publication of {place.on(LambdaTarget).function} came between."
            raise TemporaryFailure(reason, "See what AWS says of it if this lasts.", retry_after=_SOON)

    async def _check_code(self, place: Placement, version: Version) -> None:
        try:
            await self._artifacts.artifact(place, version)
        except NotFound as error:
            raise PermanentFailure(f"{version} could not be published: {error.reason}", error.remedy) from error

    async def _settled(self, place: Placement) -> Answer:
        """The unpublished function, once its last update has ended. Raises PermanentFailure when that failed."""
        last: Answer = {}

        async def ended() -> bool:
            nonlocal last
            last = await self._ask(place, "GetFunctionConfiguration")
            return last.get("LastUpdateStatus") != "InProgress" and last.get("State") != "Pending"

        if not await until(ended, _UPDATED):
            reason = f"Lambda is still updating function {place.on(LambdaTarget).function}."
            raise TemporaryFailure(reason, "It is looked at again.", retry_after=_SOON)
        if last.get("LastUpdateStatus") == "Failed":
            raise _failed(place, last)
        return last

    async def _delete(self, place: Placement, one: Published) -> None:
        self._versions.forget(place)
        target = place.on(LambdaTarget)
        alias = await self._aliases.read(place)
        if alias is not None and one.number in alias.weights:
            reason = f"Alias {target.alias} of {target.function} still sends traffic to {one.version}."
            raise PermanentFailure(f"{reason} It is not deleted.", "Shift its traffic away first.")
        try:
            await self._ask(place, "DeleteFunction", Qualifier=one.number)
        except Absent:
            return  # another has deleted it meanwhile

    async def _ask(self, place: Placement, operation: str, **values: Any) -> Answer:
        target = place.on(LambdaTarget)
        about = f"function {target.function}"
        return await self._aws.ask(where(target), "lambda", operation, about, FunctionName=target.function, **values)


def _instance(place: Placement, one: Published) -> Instance:
    return Instance(
        id=names.instance_id(place, one.version, _ONE),
        service=place.service,
        environment=place.environment,
        version=one.version,
        address=f"{place.on(LambdaTarget).function}:{one.number}",
        pid=0,
        started_at=one.created_at,
        health=one.health,
        note=one.note,
        judged=True,
    )


def _code(place: Placement, version: Version) -> dict[str, str]:
    """Where the code is, in the form of UpdateFunctionCode."""
    text = place.on(LambdaTarget).code.replace("{version}", version)
    found = s3_place(text)
    return {"S3Bucket": found[0], "S3Key": found[1]} if found else {"ImageUri": text}


def _configuration(place: Placement, version: Version, told: Mapping[str, Any]) -> dict[str, Any]:
    """The revision in the description makes it differ: Lambda publishes nothing when nothing has changed."""
    variables = {**told.get("Environment", {}).get("Variables", {}), **place.on(LambdaTarget).environment}
    values: dict[str, Any] = {"Description": f"{mark_of(place, version)} after {told['RevisionId']}"}
    return {**values, "Environment": {"Variables": variables}} if variables else values


def _failed(place: Placement, told: Mapping[str, Any]) -> PermanentFailure:
    target = place.on(LambdaTarget)
    reason = str(told.get("LastUpdateStatusReason") or told.get("LastUpdateStatusReasonCode") or "no reason given")
    return PermanentFailure(
        f"Lambda could not update function {target.function}: {reason.rstrip('.')}.",
        "Correct what Lambda names here, then deploy again.",
    )
