"""What the local manager remembers of each instance: one small file each, written whole or not at all.

Intent goes to disk before a process is started and its pid after, so a crash in between leaves a record whose
process is found by its launch mark.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from engine.catalog import EnvironmentName, ServiceName, Version
from engine.errors import PermanentFailure
from engine.infrastructure.files import rotate, tail, write_whole
from engine.infrastructure.processes import Process
from engine.ports import InstanceId


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
        paths = sorted(self._directory.glob(f"{beginning}*.json"))
        return tuple(record for path in paths if (record := _read(path)) is not None)

    def find(self, instance: InstanceId) -> Record | None:
        """The record of one instance, or None."""
        return _read(self._path(instance))

    def write(self, record: Record) -> None:
        """Keep `record` in place of the one before."""
        write_whole(self._path(record.id), msgspec.json.encode(record))

    def remove(self, instance: InstanceId) -> None:
        """Forget the instance; its log stays."""
        self._path(instance).unlink(missing_ok=True)

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
        return self._directory / f"{instance}.json"


def _read(path: Path) -> Record | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise PermanentFailure(
            f"The state file {path} is not readable: {error}.",
            "Move it away; if its process still runs, end it by hand.",
        ) from error
