"""One workspace for a journal: a lock that ends with the process, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class JournalInUse(Exception):
    """Another workspace writes this journal. The message names the file, the process and the way out."""


@contextmanager
def only_writer(journal: Path) -> Iterator[None]:
    """Hold the lock of a journal for as long as the block lasts. Raises JournalInUse, OSError.

    The lock is a file of its own, ``<journal>.lock``, because a journal that is tidied becomes another file.
    """
    handle = os.open(journal.with_name(f"{journal.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, journal)
        yield
    finally:
        os.close(handle)


def _take(handle: int, journal: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
        raise JournalInUse(
            f"another workspace (process {pid}) uses the journal {journal}. Stop it first, or choose another --journal."
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
