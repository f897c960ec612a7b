"""Versions that are images: a version exists when the engine has its image, or can pull it."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final
from weakref import WeakValueDictionary

from engine.catalog import Placement, Version
from engine.errors import NotFound, PermanentFailure
from engine.infrastructure.artifacts import is_version_name, natural_order
from engine.infrastructure.container.api import Api, Apis
from engine.infrastructure.container.containers import Found
from engine.infrastructure.container.faults import Absent
from engine.ports import Artifact
from engine.targets import ContainerTarget

_MARK: Final = "{version}"
_VERSION: Final = r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})"
_HERE_ONLY: Final = "localhost/"  # the registry that means this machine to Podman and Docker


class Images:
    """Finds versions by the `{version}` in a ContainerTarget's image. One pull of an image runs at a time."""

    def __init__(self, apis: Apis) -> None:
        self._apis = apis
        self._pulls: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def versions(self, place: Placement) -> Sequence[Version]:
        """The versions whose images the engine has, older names first; a registry may have more."""
        return _versions(_template(place), await self._api(place).images())

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        """The version with its image's id, pulled when it is not there. Raises NotFound with the nearest name."""
        if not is_version_name(version):
            raise await self._not_found(place, version)
        try:
            found = await self.ensure(place, version)
        except Absent as absent:
            raise await self._not_found(place, version, absent.reason) from absent
        return Artifact(version, _digest(found))

    async def ensure(self, place: Placement, version: Version) -> Found:
        """The version's image, pulled when it is not there. Raises Absent when nobody has it."""
        api, image = self._api(place), image_name(place, version)
        return await api.image(image) or await self._pulled(api, image)

    async def _pulled(self, api: Api, image: str) -> Found:
        async with self._pulls.setdefault(image, asyncio.Lock()):
            found = await api.image(image)
            if found is None:
                if image.startswith(_HERE_ONLY):
                    raise Absent(f"The engine has no image {image}.", "Build it first.")
                await api.pull(image)
                found = await api.image(image)
        if found is None:
            raise Absent(f"{image} was pulled and is not there.", "Somebody removes images of the engine.")
        return found

    async def _not_found(self, place: Placement, version: Version, words: str = "") -> NotFound:
        known = await self.versions(place)
        near = difflib.get_close_matches(version, known, n=1)
        listed = ", ".join(known[-5:]) or "none yet"
        return NotFound(
            f"{place.service} has no version {version!r}. {words}".strip(),
            f"Newest on the engine: {listed}.",
            field="version",
            suggestion=near[0] if near else None,
        )

    def _api(self, place: Placement) -> Api:
        return self._apis.at(place.on(ContainerTarget).engine)


def image_name(place: Placement, version: Version) -> str:
    """The image of `version`. Raises PermanentFailure when the setting has no `{version}`."""
    return _template(place).replace(_MARK, version)


def _template(place: Placement) -> str:
    template = place.on(ContainerTarget).image
    if _MARK not in template:
        raise PermanentFailure(f"The image {template!r} has no {_MARK}.", "Put {version} where versions differ.")
    return template


def _digest(found: Found) -> str:
    name = str(found["Id"])
    return name if name.startswith("sha256:") else f"sha256:{name}"


def _versions(template: str, images: Sequence[Found]) -> tuple[Version, ...]:
    patterns = [_pattern(form) for form in _forms(template)]
    tags = {tag for image in images for tag in image.get("RepoTags") or ()}
    matches = (pattern.fullmatch(tag) for tag in tags for pattern in patterns)
    return tuple(sorted({Version(match[1]) for match in matches if match}, key=natural_order))


def _forms(template: str) -> Iterator[str]:
    """The names an engine may list the image by: Podman and Docker write out what a short name leaves away."""
    tagged = template if ":" in template.rpartition("/")[2] else f"{template}:latest"
    yield tagged
    host, slash, _ = tagged.partition("/")
    if not slash:
        yield f"docker.io/library/{tagged}"
    if not slash or not (host == "localhost" or "." in host or ":" in host):
        yield f"localhost/{tagged}"
        yield f"docker.io/{tagged}"


def _pattern(form: str) -> re.Pattern[str]:
    before, after = form.split(_MARK, maxsplit=1)
    return re.compile(re.escape(before) + _VERSION + r"\1".join(re.escape(piece) for piece in after.split(_MARK)))
