"""Linux processes that outlive us: start one, know it again, signal its group, await its end.

A pid alone names nothing, since the kernel uses it again. `birth` is the boot id and the start time in ticks
of /proc/PID/stat (proc_pid_stat(5), field 22), so a pid with its birth names one process for ever.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

from engine.errors import EngineError, PermanentFailure, TemporaryFailure

_PROC: Final = Path("/proc")
_ENDED: Final = frozenset("ZXx")
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME")
_HOPELESS: Final = frozenset(
    {
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.ENOEXEC,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.E2BIG,
        errno.EISDIR,
    }
)
_POLL: Final = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Process:
    """One process for ever: its pid and when it was born."""

    pid: int
    birth: str


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    session: int
    ticks: int
    threads: int

    @property
    def ended(self) -> bool:
        """A zombie has ended, unless threads of it still hold its files and ports."""
        return self.state in _ENDED and self.threads <= 1


def find_process(pid: int) -> Process | None:
    """The process that has `pid` now, zombies included, or None."""
    stat = _stat(pid)
    return Process(pid, f"{_boot_id()}:{stat.ticks}") if stat else None


def is_alive(process: Process) -> bool:
    """Whether this very process still runs. A zombie does not."""
    stat = _stat(process.pid)
    if stat is None or stat.ended:
        return False
    return process.birth == f"{_boot_id()}:{stat.ticks}"


def find_leader(marks: Mapping[str, str]) -> Process | None:
    """The session leader that was started with all these environment variables, or None.

    Only leaders count: the workers an instance starts inherit its environment.
    """
    wanted = {f"{name}={value}".encode() for name, value in marks.items()}
    for pid in _pids():
        stat = _stat(pid)
        if stat and stat.session == pid and not stat.ended and wanted <= _environment_of(pid):
            return find_process(pid)
    return None


def clean_environment() -> dict[str, str]:
    """What every child may see of ours. A list of what is allowed: no secret can be forgotten on it."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    """Start `command` in a session of its own with its output appended to `log`; answers its pid.

    Raises OSError with the platform's words; see `start_failure`.
    """
    program = _program(command[0], environment.get("PATH", os.defpath))
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return os.posix_spawn(
            program,
            list(command),
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigmask=(),
            # Python ignores these two; a child that is no Python would be surprised.
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    finally:
        os.close(output)


def start_failure(what: str, error: OSError, remedy: str) -> EngineError:
    """The failure to raise when starting `what` ended in `error`: hopeless errors are permanent."""
    place = f": {error.filename}" if error.filename else ""
    reason = f"{what} could not be started: {error.strerror}{place}."
    if error.errno in _HOPELESS:
        return PermanentFailure(reason, remedy)
    return TemporaryFailure(reason, "See what this machine lacks.", retry_after=timedelta(seconds=2))


def reap(process: Process) -> int | None:
    """The exit status of an ended child of ours (negative: the signal); None for a running or foreign one."""
    if find_process(process.pid) != process:
        return None
    try:
        found, status = os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to the whole group `leader` started; none left is fine."""
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


async def wait_end(process: Process, timeout: timedelta) -> bool:
    """Wait until this process has ended; False when it still runs after `timeout`. Reaps nothing."""
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await _end(process)
    except TimeoutError:
        return not is_alive(process)
    return True


async def _end(process: Process) -> None:
    descriptor = _pidfd(process.pid)
    if descriptor is None:
        while is_alive(process):  # noqa: ASYNC110 - a kernel without pidfd gives nothing to wait on
            await asyncio.sleep(_POLL.total_seconds())
        return
    try:
        # Opened first, compared second: the pid cannot have changed hands in between.
        if is_alive(process):
            await _readable(descriptor)
    finally:
        os.close(descriptor)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _program(name: str, path: str) -> str:
    if "/" in name:
        return name
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return found


def _stat(pid: int) -> _Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name before the last ")" is free text and may hold anything.
    fields = text.rpartition(b")")[2].split()
    return _Stat(state=fields[0].decode(), session=int(fields[3]), ticks=int(fields[19]), threads=int(fields[17]))


@cache
def _boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _environment_of(pid: int) -> frozenset[bytes]:
    try:
        return frozenset((_PROC / str(pid) / "environ").read_bytes().split(b"\0"))
    except OSError:  # ended meanwhile, or another user's
        return frozenset()
