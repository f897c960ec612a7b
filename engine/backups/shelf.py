"""Backups on disk: a file and a card each, `<id>.backup` and `<id>.json`, in a folder for each service and environment.

A backup exists once its card does. The card is written last, and whole, so that a crash leaves no half of one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from engine.backups.specs import BackupKind
from engine.errors import NotFound, PermanentFailure
from engine.infrastructure.files import write_whole

_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Backup:
    """One copy: `size` in bytes, `digest` `sha256:<hex>` of its file, `seconds` what taking it took.

    `reason` says what it was taken for, such as the deployment.
    """

    id: str
    service: str
    environment: str
    kind: BackupKind
    size: int
    digest: str
    at: datetime
    seconds: float
    reason: str = ""


class Shelf:
    """The backups below one folder. Calls block on the disk; make them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def draft(self, service: str, environment: str, id: str) -> Path:  # noqa: A002
        """Where a new backup's file is written; what an earlier attempt left there is gone."""
        folder = self._place(service, environment)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f".{id}.part"
        path.unlink(missing_ok=True)
        return path

    def put(self, draft: Path, backup: Backup) -> None:
        """Take the draft in; from now on the backup exists."""
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(self.file(backup))
        write_whole(self._card(backup), msgspec.json.encode(backup))

    def find(self, service: str, environment: str, id: str) -> Backup | None:  # noqa: A002
        """The backup, None when there is none of that id."""
        return next((one for one in self.all(service, environment) if one.id == id), None)

    def load(self, service: str, environment: str, id: str) -> Backup:  # noqa: A002
        """The backup. Raises NotFound; PermanentFailure when its file is not what was written."""
        found = self.find(service, environment, id)
        if found is None:
            known = ", ".join(one.id for one in self.all(service, environment)[:5]) or "none yet"
            raise NotFound(f"{service} in {environment} has no backup {id!r}.", f"Newest: {known}.", field="backup")
        path = self.file(found)
        if not path.exists() or digest_of(path) != found.digest:
            raise PermanentFailure(
                f"The file of backup {found.id} is not what was written: {path}.", "Use another backup."
            )
        return found

    def all(self, service: str, environment: str) -> Sequence[Backup]:
        """Every backup of a service there, the newest first. Raises PermanentFailure for a card that can't be read."""
        cards = sorted(self._place(service, environment).glob("*.json"))
        found = [_read(card) for card in cards]
        return sorted(found, key=lambda one: one.at, reverse=True)

    def thin(self, service: str, environment: str, keep: int) -> None:
        """Remove all but the newest `keep`."""
        for old in self.all(service, environment)[max(keep, 1) :]:
            self._card(old).unlink(missing_ok=True)
            self.file(old).unlink(missing_ok=True)

    def file(self, backup: Backup) -> Path:
        """Where its content is."""
        return self._place(backup.service, backup.environment) / f"{backup.id}.backup"

    def _card(self, backup: Backup) -> Path:
        return self._place(backup.service, backup.environment) / f"{backup.id}.json"

    def _place(self, service: str, environment: str) -> Path:
        return self._folder / f"{service}-{environment}"


def digest_of(path: Path) -> str:
    """`sha256:<hex>` of the file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    return f"sha256:{total.hexdigest()}"


def _read(card: Path) -> Backup:
    try:
        return msgspec.json.decode(card.read_bytes(), type=Backup)
    except msgspec.MsgspecError as error:
        raise PermanentFailure(f"The card of a backup cannot be read: {card}: {error}.", "Move it away.") from error
