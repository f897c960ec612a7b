"""One process for a data folder: a lock that ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ELSEWHERE: Final = "another folder with PILOTHOUSE_DATA and another port with PILOTHOUSE_PORT"


class AlreadyRunning(Exception):
    """Another process uses the data folder."""

    def __init__(self, data: Path, pid: str, elsewhere: str) -> None:
        super().__init__(
            f"Pilothouse already runs with the data folder {data} (process {pid or 'unknown'}). "
            f"Stop it first, or choose {elsewhere}."
        )


class DataFolderUnusable(Exception):
    """The data folder can't be made or written."""

    def __init__(self, data: Path, error: OSError) -> None:
        super().__init__(
            f"The data folder {data} can't be used: {error.strerror}. Choose another with PILOTHOUSE_DATA."
        )


@contextmanager
def only_process(data: Path, name: str = "pilothouse", *, elsewhere: str = ELSEWHERE) -> Iterator[None]:
    """Hold the lock `name` of the folder; `elsewhere` says how to run a second one.

    Raises AlreadyRunning, DataFolderUnusable.
    """
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(data / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataFolderUnusable(data, error) from error
    try:
        _take(handle, data, elsewhere)
        yield
    finally:
        os.close(handle)


def _take(handle: int, data: Path, elsewhere: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(data, os.pread(handle, 20, 0).decode(errors="replace").strip(), elsewhere) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
