"""Task definitions: one revision for each version, made from the newest of its family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.aws import names
from engine.infrastructure.aws.client import Aws
from engine.infrastructure.aws.ecs_fleet import where
from engine.targets import EcsTarget

_LOOKED_AT: Final = 30  # newest revisions among which a version is looked for; beyond them it is registered again


class Definitions:
    """Finds or registers the revision of a version."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def of(self, place: Placement, version: Version) -> Mapping[str, Any]:
        """The revision of `version` with its ARN, registered when there is none with this image and environment.

        Raises PermanentFailure when the family has no revision to start from, or not this container.
        """
        newest = await self._newest(place)
        for arn in newest:
            definition, tags = await self._described(place, arn)
            if names.is_of(place, tags) and tags[names.VERSION] == version and _is_same(place, definition, version):
                return definition
        return await self._register(place, version, newest)

    async def _newest(self, place: Placement) -> list[str]:
        target = place.on(EcsTarget)
        answer = await self._aws.ask(
            where(target),
            "ecs",
            "ListTaskDefinitions",
            f"family {target.family}",
            familyPrefix=target.family,
            sort="DESC",
            maxResults=_LOOKED_AT,
        )
        # By number: an order that an endpoint forgot to keep would start from the wrong revision.
        return sorted(answer["taskDefinitionArns"], key=_revision, reverse=True)[:_LOOKED_AT]

    async def _described(self, place: Placement, arn: str) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        answer = await self._aws.ask(
            where(place.on(EcsTarget)),
            "ecs",
            "DescribeTaskDefinition",
            f"task definition {arn}",
            taskDefinition=arn,
            include=["TAGS"],
        )
        return answer["taskDefinition"], names.tag_map(answer.get("tags", ()))

    async def _register(self, place: Placement, version: Version, newest: list[str]) -> Mapping[str, Any]:
        target = place.on(EcsTarget)
        if not newest:
            raise PermanentFailure(
                f"Task definition {target.family} has no active revision.",
                "Register a first one; versions are made from the newest with their image in it.",
            )
        base, tags = await self._described(place, newest[0])
        known = await self._aws.inputs(where(target), "ecs", "RegisterTaskDefinition")
        values = {key: value for key, value in base.items() if key in known and value not in (None, [], {})}
        values["containerDefinitions"] = _with_version(place, base, version)
        foreign = {key: value for key, value in tags.items() if not key.startswith(("aws:", "pilothouse:"))}
        values["tags"] = names.tag_list({**foreign, **names.tags_of(place, version)})
        about = f"a revision of {target.family} for {version}"
        answer = await self._aws.ask(where(target), "ecs", "RegisterTaskDefinition", about, **values)
        registered: Mapping[str, Any] = answer["taskDefinition"]
        return registered


def image_of(target: EcsTarget, version: Version) -> str:
    """The image of a version."""
    return target.image.replace("{version}", version)


def _revision(arn: str) -> int:
    return int(arn.rsplit(":", 1)[-1])


def _is_same(place: Placement, definition: Mapping[str, Any], version: Version) -> bool:
    target = place.on(EcsTarget)
    mine = [one for one in definition["containerDefinitions"] if one["name"] == target.container]
    return bool(mine) and mine[0] == _changed(mine[0], place, version)


def _with_version(place: Placement, base: Mapping[str, Any], version: Version) -> list[Mapping[str, Any]]:
    target = place.on(EcsTarget)
    containers = base["containerDefinitions"]
    if target.container not in {one["name"] for one in containers}:
        known = ", ".join(one["name"] for one in containers)
        raise PermanentFailure(
            f"Task definition {target.family} has no container {target.container}.", f"It has: {known}."
        )
    return [_changed(one, place, version) if one["name"] == target.container else one for one in containers]


def _changed(container: Mapping[str, Any], place: Placement, version: Version) -> Mapping[str, Any]:
    """The container with this version's image and our environment over its own."""
    target = place.on(EcsTarget)
    variables = {one["name"]: one["value"] for one in container.get("environment", ())}
    variables.update(target.environment)
    changed = {**container, "image": image_of(target, version)}
    if variables or "environment" in container:
        before = [one["name"] for one in container.get("environment", ())]
        order = dict.fromkeys([*before, *target.environment])
        changed["environment"] = [{"name": name, "value": variables[name]} for name in order]
    return changed
