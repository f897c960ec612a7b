"""Versions that lie on this machine's disk: a version exists when the artifact path with its name does."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from engine.catalog import Placement, Version
from engine.errors import NotFound, PermanentFailure
from engine.ports import Artifact
from engine.targets import LocalTarget

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MARK: Final = "{version}"
_BLOCK: Final = 1024 * 1024
_MADE_BY_RUNNING: Final = "__pycache__"  # running a version must not change what was approved


class LocalArtifacts:
    """Finds versions by the `{version}` in a LocalTarget's artifact path."""

    async def versions(self, place: Placement) -> Sequence[Version]:
        """Every version that exists, older names first (`v2` before `v10`)."""
        return await asyncio.to_thread(_versions, place.on(LocalTarget).artifact)

    async def artifact(self, place: Placement, version: Version) -> Artifact:
        """The version with the digest of what lies there now. Raises NotFound with the nearest name."""
        return await asyncio.to_thread(_artifact, place, version)


def is_version_name(name: str) -> bool:
    """Whether `name` may be a version: letters, digits, dot, dash, underscore; 64 at most; no path tricks."""
    return _NAME.fullmatch(name) is not None


def artifact_path(template: str, version: Version) -> Path:
    """Where `version` lies, absolute. Raises PermanentFailure when the template has no `{version}`."""
    if _MARK not in template:
        raise PermanentFailure(
            f"The artifact path {template!r} has no {_MARK}.", "Put {version} where versions differ."
        )
    return Path(template.replace(_MARK, version)).absolute()


def digest_of(path: Path) -> str:
    """`sha256:<hex>` of a file, or of a directory's names, executable bits, links and contents.

    Bytecode caches are left out: they appear when a version runs.
    """
    total = hashlib.sha256()
    for entry in _entries(path):
        for part in _content(entry, entry.relative_to(path)):
            total.update(part)
    return f"sha256:{total.hexdigest()}"


def _versions(template: str) -> tuple[Version, ...]:
    first = artifact_path(template, Version(_MARK))
    at = next(index for index, part in enumerate(first.parts) if _MARK in part)
    folder = Path(*first.parts[:at])
    before, after = first.parts[at].split(_MARK, maxsplit=1)
    pattern = re.compile(f"{re.escape(before)}({_NAME.pattern}){_after(after)}")
    names = os.listdir(folder) if folder.is_dir() else ()  # noqa: PTH208 - names are matched, not paths
    found = {Version(match[1]) for name in names if (match := pattern.fullmatch(name))}
    return tuple(sorted((version for version in found if _exists(template, version)), key=natural_order))


def _after(text: str) -> str:
    return r"\1".join(re.escape(piece) for piece in text.split(_MARK))


def _exists(template: str, version: Version) -> bool:
    return artifact_path(template, version).exists()


def natural_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """The key that sorts `v2` before `v10`."""
    return tuple(
        (0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in re.split(r"(\d+)", version) if piece
    )


def _artifact(place: Placement, version: Version) -> Artifact:
    template = place.on(LocalTarget).artifact
    path = artifact_path(template, version)
    if not is_version_name(version) or not path.exists():
        raise _not_found(place, version)
    try:
        return Artifact(version, digest_of(path))
    except PermissionError as error:
        raise PermanentFailure(
            f"The artifact of {place.service} {version} cannot be read: {error.strerror}: {error.filename}.",
            "Give the user that runs Pilothouse the right to read it.",
        ) from error


def _not_found(place: Placement, version: Version) -> NotFound:
    known = _versions(place.on(LocalTarget).artifact)
    near = difflib.get_close_matches(version, known, n=1)
    listed = ", ".join(known[-5:]) or "none yet"
    return NotFound(
        f"{place.service} has no version {version!r}.",
        f"Newest: {listed}.",
        field="version",
        suggestion=near[0] if near else None,
    )


def _entries(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for entry in sorted(path.rglob("*")):
        if _MADE_BY_RUNNING not in entry.parts:
            yield entry


def _content(entry: Path, name: Path) -> Iterator[bytes]:
    kind = "link" if entry.is_symlink() else "folder" if entry.is_dir() else "file"
    executable = kind == "file" and os.access(entry, os.X_OK)
    yield f"{kind} {name} {executable}\0".encode(errors="surrogateescape")
    if kind == "link":
        yield os.fsencode(entry.readlink()) + b"\0"
    elif kind == "file":
        yield f"{entry.stat().st_size}\0".encode()
        yield from _blocks(entry)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
