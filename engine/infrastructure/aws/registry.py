"""What exists to be deployed: images of ECR by tag, and objects of S3 by key."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from engine.catalog import Placement, Version
from engine.errors import NotFound
from engine.infrastructure.artifacts import is_version_name
from engine.infrastructure.aws.client import Aws, Where
from engine.infrastructure.aws.failures import Absent
from engine.ports import Artifact

_ECR: Final = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+):([^:@/]+)")
_S3: Final = re.compile(r"s3://([^/]+)/(.+)")
_MARK: Final = "{version}"
_NEWEST: Final = 5


class Coded(Protocol):
    """Says where a placement's versions are: the text with `{version}`, and the region."""

    def __call__(self, place: Placement) -> tuple[str, Where]: ...


class Registry:
    """Versions of the texts that `coded` gives.

    In ECR and S3 a version exists when its tag or key does. Other image registries are not asked: there any well
    formed version may be deployed, its digest is that of the reference, and a missing image shows when it is pulled.
    """

    def __init__(self, aws: Aws, coded: Coded) -> None:
        self._aws = aws
        self._coded = coded

    async def versions(self, place: Placement) -> Sequence[Version]:
        """Every version that exists, the oldest upload first; empty where the registry cannot be asked."""
        text, where = self._coded(place)
        store = _store(text, where)
        return () if store is None else tuple(await store.versions(self._aws))

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        """The version with the digest of what its name stands for now. Raises NotFound with the nearest name."""
        text, where = self._coded(place)
        if not is_version_name(version):
            raise await self._missing(place, version)
        store = _store(text, where)
        if store is None:
            return Artifact(version, _named_digest(text.replace(_MARK, version)))
        try:
            return Artifact(version, await store.digest(self._aws, version))
        except Absent as error:
            raise await self._missing(place, version) from error

    async def _missing(self, place: Placement, version: Version) -> NotFound:
        known = await self.versions(place)
        near = difflib.get_close_matches(version, known, n=1)
        listed = ", ".join(known[-_NEWEST:]) or "none known"
        return NotFound(
            f"{place.service} has no version {version!r}.",
            f"Newest: {listed}.",
            field="version",
            suggestion=near[0] if near else None,
        )


@dataclass(frozen=True, slots=True)
class _Ecr:
    where: Where
    account: str
    repository: str
    tag: str

    async def versions(self, aws: Aws) -> Iterable[Version]:
        about, values = self._about(), self._values()
        images = await aws.all(self.where, "ecr", "DescribeImages", about, "imageDetails", **values)
        images.sort(key=lambda image: image["imagePushedAt"])
        tags = dict.fromkeys(tag for image in images for tag in image.get("imageTags", ()))
        return _matching(self.tag, tags)

    async def digest(self, aws: Aws, version: Version) -> str:
        tag = self.tag.replace(_MARK, version)
        about = f"image {self.repository}:{tag}"
        answer = await aws.ask(
            self.where, "ecr", "DescribeImages", about, **self._values(), imageIds=[{"imageTag": tag}]
        )
        return str(answer["imageDetails"][0]["imageDigest"])

    def _about(self) -> str:
        return f"repository {self.repository}"

    def _values(self) -> dict[str, Any]:
        return {"registryId": self.account, "repositoryName": self.repository}


@dataclass(frozen=True, slots=True)
class _S3Key:
    where: Where
    bucket: str
    key: str

    async def versions(self, aws: Aws) -> Iterable[Version]:
        prefix, about = self.key.split(_MARK, maxsplit=1)[0], f"bucket {self.bucket}"
        values = {"Bucket": self.bucket, "Prefix": prefix}
        found = await aws.all(self.where, "s3", "ListObjectsV2", about, "Contents", **values)
        found.sort(key=lambda one: one["LastModified"])
        return _matching(self.key, (one["Key"] for one in found))

    async def digest(self, aws: Aws, version: Version) -> str:
        key = self.key.replace(_MARK, version)
        about = f"s3://{self.bucket}/{key}"
        head = await aws.ask(self.where, "s3", "HeadObject", about, Bucket=self.bucket, Key=key)
        return _named_digest(f"{about} {head['ETag']} {head.get('VersionId', '')}")


def s3_place(text: str) -> tuple[str, str] | None:
    """Bucket and key of `s3://bucket/key`, None for anything else."""
    found = _S3.fullmatch(text)
    return (found[1], found[2]) if found else None


def _store(text: str, where: Where) -> _Ecr | _S3Key | None:
    """Who can be asked about this text: a version in the repository's name or the bucket's is not looked for."""
    found = _ECR.fullmatch(text)
    if found and _MARK in found[4] and _MARK not in found[3]:
        return _Ecr(Where(found[2], where.endpoint), found[1], found[3], found[4])
    placed = s3_place(text)
    return _S3Key(where, *placed) if placed and _MARK in placed[1] and _MARK not in placed[0] else None


def _matching(template: str, found: Iterable[str]) -> Iterable[Version]:
    before, *after = (re.escape(part) for part in template.split(_MARK))
    again = r"\1"
    pattern = re.compile(f"{before}(.+?){again.join(after)}")
    names = (match[1] for text in found if (match := pattern.fullmatch(text)))
    return (Version(name) for name in names if is_version_name(name))


def _named_digest(text: str) -> str:
    pinned = re.fullmatch(r"[^@]+@(sha256:[0-9a-f]{64})", text)
    return pinned[1] if pinned else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
