"""What the local manager remembers of each instance: one small file each, written whole or not at all.

Intent goes to disk before a process is started and its pid after, so a crash in between leaves a record whose
process is found by its launch mark.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from engine.catalog import EnvironmentName, ServiceName, Version
from engine.errors import PermanentFailure
from engine.infrastructure.files import rotate, tail, write_whole
from engine.infrastructure.processes import Process
from engine.ports import InstanceId

_SUFFIX: Final = ".json"
_CERTAIN: Final = 1_000_000_000  # ns: clocks of file systems tick in far less

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Record:
    """An instance we mean to run. `pid` is 0 until it is known; `launch` marks this one start of it."""

    id: InstanceId
    service: ServiceName
    environment: EnvironmentName
    version: Version
    port: int
    launch: str
    started_at: datetime
    stop_timeout: float
    pid: int = 0
    birth: str = ""
    exit_status: int | None = None

    @property
    def process(self) -> Process:
        """The process this record is of."""
        return Process(self.pid, self.birth)


class Records:
    """The records and logs in one directory, readable by our user only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, tuple[_Stamp, Record]] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else starts, adopts or forgets an instance meanwhile, in this process or another.

        A child inherits the lock until its exec, so whoever gets it next sees that child's environment.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._directory / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def all(self, beginning: str = "") -> tuple[Record, ...]:
        """Every record whose id has this beginning, by id. They are whole without the lock too."""
        try:
            names = os.listdir(self._directory)  # noqa: PTH208  # hundreds of services look here many times a second
        except FileNotFoundError:
            return ()
        mine = sorted(name for name in names if name.startswith(beginning) and name.endswith(_SUFFIX))
        return tuple(record for name in mine if (record := self._find(name)) is not None)

    def find(self, instance: InstanceId) -> Record | None:
        """The record of one instance, or None."""
        return self._find(f"{instance}{_SUFFIX}")

    def write(self, record: Record) -> None:
        """Keep `record` in place of the one before."""
        write_whole(self._path(record.id), msgspec.json.encode(record))

    def remove(self, instance: InstanceId) -> None:
        """Forget the instance; its log stays."""
        self._path(instance).unlink(missing_ok=True)
        self._read.pop(f"{instance}{_SUFFIX}", None)

    def log(self, instance: InstanceId) -> Path:
        """Where the instance's output goes."""
        return self._directory / f"{instance}.log"

    def rotate_log(self, instance: InstanceId) -> None:
        """Put a large log aside, in place of the one put aside before."""
        rotate(self.log(instance))

    def tail(self, instance: InstanceId, lines: int) -> str:
        """The last lines of the instance's output, of its last 64 KiB at most."""
        return tail(self.log(instance), lines)

    def _path(self, instance: InstanceId) -> Path:
        return self._directory / f"{instance}{_SUFFIX}"

    def _find(self, name: str) -> Record | None:
        """What the file holds; read only when it is another than the one read before."""
        try:
            status = (self._directory / name).stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            known = self._read.get(name)
            if known is not None and known[0] == stamp:
                return known[1]
            record = _parse(self._directory / name)
        except FileNotFoundError:
            self._read.pop(name, None)
            return None
        # A file that was written just now could be replaced within one tick of the clock, by one that looks the same.
        if time.time_ns() - status.st_mtime_ns > _CERTAIN:
            self._read[name] = (stamp, record)
        return record


def _parse(path: Path) -> Record:
    """The record in a file. Raises FileNotFoundError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except msgspec.MsgspecError as error:
        raise PermanentFailure(
            f"The state file {path} is not readable: {error}.",
            "Move it away; if its process still runs, end it by hand.",
        ) from error
