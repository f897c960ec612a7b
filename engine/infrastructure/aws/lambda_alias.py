"""Traffic by the routing of a Lambda alias, between two published versions.

A reading's `requests` and `lost` are 0: Lambda counts them in CloudWatch, minutes later. The alias does not move a
share away from a version that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.aws.client import Answer, Aws, afresh
from engine.infrastructure.aws.failures import Absent
from engine.infrastructure.aws.lambda_versions import NEWEST, Published, Versions, where
from engine.infrastructure.aws.names import instance_id
from engine.infrastructure.aws.shares import grantable
from engine.infrastructure.flights import in_flight, previewed
from engine.ports import Instance, InstanceHealth, InstanceId, TrafficReading
from engine.targets import LambdaTarget

_MADE: Final = "none"  # the alias was not there before us
_BEFORE: Final = " before "
_UNPUBLISHED: Final = "LATEST"  # tags hold no $
_MOST: Final = 2  # versions an alias can name, by the API's reference


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias as it is: percent by version number, and the revision to name when it is changed."""

    main: str
    weights: Mapping[str, int]
    revision: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the function's tag keeps for the alias: the numbers last named, and what it pointed to before us."""

    named: frozenset[str] = frozenset()
    before: str = ""


class Aliases:
    """Reads and writes an alias of a placement, that of callers unless `which` names another, and the tag beside it."""

    def __init__(self, aws: Aws, which: Callable[[LambdaTarget], str] = attrgetter("alias")) -> None:
        self._aws = aws
        self._which = which

    async def read(self, place: Placement) -> Alias | None:
        """The alias now, None when there is none."""
        try:
            answer = await self._ask(place, "GetAlias", Name=self._name(place))
        except Absent:
            return None
        main = answer["FunctionVersion"]
        more = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        weights = {number: round(share * 100) for number, share in more.items() if share > 0}
        left = 100 - sum(weights.values())
        return Alias(main, {**({main: left} if left else {}), **weights}, answer["RevisionId"])

    async def write(self, place: Placement, weights: Mapping[str, int]) -> None:
        """Route by these percents of one or two version numbers, saying explicitly that there are no others.

        Nothing is sent when it routes so already. Raises Conflict when somebody else changed it in between.
        """
        alias = await self.read(place)
        if alias is not None and alias.weights == weights:
            return
        main = _main(weights, alias)
        shares = {number: share / 100 for number, share in weights.items() if number != main}
        values = {"FunctionVersion": main, "RoutingConfig": {"AdditionalVersionWeights": shares}}
        name = self._name(place)
        if alias is None:
            await self._ask(place, "CreateAlias", Name=name, **values)
        else:
            await self._ask(place, "UpdateAlias", Name=name, RevisionId=alias.revision, **values)

    async def give_back(self, place: Placement, before: str) -> None:
        """Have the alias as it was before us: it names what it named, or is deleted when we made it."""
        if before != _MADE:
            await self.write(place, {before.replace(_UNPUBLISHED, NEWEST): 100})
        else:
            await self.delete(place)

    async def delete(self, place: Placement) -> None:
        """Have no such alias; none is fine."""
        try:
            await self._ask(place, "DeleteAlias", Name=self._name(place))
        except Absent:
            return  # it is gone, as it should be

    async def told(self, place: Placement) -> Told:
        """What the tag keeps."""
        arn = await self._arn(place)
        answer = await self._tags(place, "ListTags", Resource=arn)
        named, _, before = str(answer.get("Tags", {}).get(_tag(place), "")).partition(_BEFORE)
        return Told(frozenset(named.split()), before)

    async def tell(self, place: Placement, told: Told) -> None:
        """Keep this in the tag."""
        text = f"{' '.join(sorted(told.named))}{_BEFORE}{told.before}"
        await self._tags(place, "TagResource", Resource=await self._arn(place), Tags={_tag(place): text})

    def _name(self, place: Placement) -> str:
        return self._which(place.on(LambdaTarget))

    async def _arn(self, place: Placement) -> str:
        answer = await self._ask(place, "GetFunctionConfiguration")
        return str(answer["FunctionArn"])

    async def _ask(self, place: Placement, operation: str, **values: Any) -> Answer:
        target = place.on(LambdaTarget)
        about = f"alias {self._which(target)} of function {target.function}"
        return await self._aws.ask(where(target), "lambda", operation, about, FunctionName=target.function, **values)

    async def _tags(self, place: Placement, operation: str, **values: Any) -> Answer:
        target = place.on(LambdaTarget)
        return await self._aws.ask(where(target), "lambda", operation, f"function {target.function}", **values)


class PreviewAlias:
    """The alias `preview_alias`, where one is named: the version in flight before it has a share, else the main one."""

    def __init__(self, aws: Aws) -> None:
        self._alias = Aliases(aws, attrgetter("preview_alias"))

    async def show(
        self, place: Placement, ours: Sequence[Published], named: Sequence[Published], shares: Mapping[Version, int]
    ) -> None:
        """Point it where it belongs; with no version of ours to show it does not stay at one."""
        if not place.on(LambdaTarget).preview_alias:
            return
        numbers = {one.version: one.number for one in ours}
        version = _waiting(named, shares) or max(shares, key=lambda one: shares[one], default=None)
        if version in numbers:
            await self._alias.write(place, {numbers[version]: 100})
        elif _weights(ours, await self._alias.read(place)):
            await self._alias.delete(place)

    async def unshown(
        self, place: Placement, named: Sequence[Published], shares: Mapping[Version, int]
    ) -> Published | None:
        """The version that should be shown and is not; None when all is well."""
        waiting = _waiting(named, shares) if place.on(LambdaTarget).preview_alias else None
        one = next((one for one in named if one.version == waiting), None)
        if one is None:
            return None
        alias = await self._alias.read(place)
        return None if alias is not None and alias.weights == {one.number: 100} else one


class AliasShifter:
    """Sets the alias' routing and believes only what it reads back."""

    def __init__(self, aws: Aws, versions: Versions) -> None:
        self._versions = versions
        self._aliases = Aliases(aws)
        self._preview = PreviewAlias(aws)

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """Route to the versions with a share. Without any the alias goes back to what it was before us."""
        await afresh(lambda: self._configure(place, instances, weights))

    async def read(self, place: Placement) -> TrafficReading:
        """The alias' percents by version; a version that is not ours makes the sum less. Ready: named last and well."""
        ours, alias = await self._versions.of(place), await self._aliases.read(place)
        told = await self._aliases.told(place)
        named, weights = [one for one in ours if one.number in told.named], _weights(ours, alias)
        hidden = await self._preview.unshown(place, named, weights)
        ready = [one for one in named if one is not hidden and one.health is InstanceHealth.HEALTHY]
        ids = tuple(instance_id(place, one.version, 1) for one in ready)
        return TrafficReading(weights, ids, 0, 0)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether the alias names none of these; a call that runs goes on by itself, whatever is deleted."""
        alias = await self._aliases.read(place)
        routed = _weights(await self._versions.of(place), alias)
        return not any(instance_id(place, version, 1) in instances for version in routed)

    async def _configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        ids = {one.id for one in instances}
        ours, alias = await self._versions.read(place), await self._aliases.read(place)
        named = [one for one in ours if instance_id(place, one.version, 1) in ids]
        ready = {one.version for one in named if one.health is InstanceHealth.HEALTHY}
        shares = grantable(weights, ready, _weights(ours, alias), {one.version for one in named})
        numbers = _numbers(place, ours, shares)
        await self._preview.show(place, ours, named, shares)
        told = await self._aliases.told(place)
        wanted = Told(frozenset(one.number for one in named), told.before or _present(ours, alias))
        if wanted != told:
            await self._aliases.tell(place, wanted)
        if numbers:
            await self._aliases.write(place, numbers)
        elif _weights(ours, alias):
            await self._aliases.give_back(place, wanted.before)


def _present(ours: Sequence[Published], alias: Alias | None) -> str:
    """What the alias is to go back to: a version of somebody else, or nothing."""
    strangers = alias is not None and alias.main not in {one.number for one in ours}
    return alias.main.replace(NEWEST, _UNPUBLISHED) if alias is not None and strangers else _MADE


def _weights(ours: Sequence[Published], alias: Alias | None) -> dict[Version, int]:
    versions = {one.number: one.version for one in ours}
    shares = alias.weights if alias else {}
    return {versions[number]: share for number, share in shares.items() if number in versions}


def _waiting(named: Sequence[Published], shares: Mapping[Version, int]) -> Version | None:
    """The version in flight while it has no share: numbers of publication rise."""
    came = {one.version: float(one.number) for one in named}
    return previewed(in_flight(came, came, shares), shares)


def _numbers(place: Placement, ours: Sequence[Published], shares: Mapping[Version, int]) -> dict[str, int]:
    """Shares by number. Raises PermanentFailure for more than an alias can name, or what is not published."""
    numbers = {one.version: one.number for one in ours}
    missing = [version for version in shares if version not in numbers]
    if missing:
        reason = f"{', '.join(missing)} of {place.service} cannot be sent traffic: it is not published."
        raise PermanentFailure(reason, "Start it first.")
    if len(shares) > _MOST:
        reason = f"A Lambda alias splits between two versions, not {len(shares)}: {', '.join(shares)}."
        raise PermanentFailure(reason, "Leave one of them out.")
    return {numbers[version]: share for version, share in shares.items()}


def _main(weights: Mapping[str, int], alias: Alias | None) -> str:
    """The version with most; of equals the one that is the main one already."""
    return max(weights, key=lambda number: (weights[number], alias is not None and number == alias.main))


def _tag(place: Placement) -> str:
    return f"pilothouse:{place.on(LambdaTarget).alias}"
