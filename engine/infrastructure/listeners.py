"""Whether a port of this machine is free, and which program listens on it where the kernel tells."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HOST: Final = "127.0.0.1"
_PROC: Final = Path("/proc")
_TABLES: Final = ("net/tcp", "net/tcp6")
_LISTENS: Final = "0A"  # proc_net_tcp.rst of the kernel: TCP_LISTEN


@dataclass(frozen=True, slots=True)
class Holder:
    """The program that listens: its pid, and its name as the kernel shows it."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def obstacle(port: int, *, own: int = 0) -> str:
    """Why nobody can listen on this loopback port, such as `is taken by python3 (pid 7)`; "" when somebody could.

    The process `own` may have it already. Nothing is left listening.
    """
    refused = _refusal(port)
    if refused is None or (own and _listens(own, _sockets(port))):
        return ""
    if refused.errno != errno.EADDRINUSE:
        return f"may not be used: {refused.strerror}"
    found = holder(port)
    return f"is taken by {found or 'another program'}"


def holder(port: int) -> Holder | None:
    """Who listens there; None when nobody does, or when the kernel does not tell us of that program."""
    wanted = _sockets(port)
    pids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()) if wanted else iter(())
    found = next((pid for pid in pids if _listens(pid, wanted)), None)
    return None if found is None else Holder(found, _name(found))


def _refusal(port: int) -> OSError | None:
    """What the kernel says no with to somebody who would listen there, as routers do."""
    with socket.socket() as probe:
        # What the last owner's connections still hold is no hindrance, and neither is it to a router.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as refused:
            return refused
    return None


def _sockets(port: int) -> frozenset[str]:
    """How the open files of a process name the sockets that listen on this port."""
    return frozenset(f"socket:[{inode}]" for local, inode in _listening() if local == port)


def _listening() -> Iterator[tuple[int, str]]:
    for table in _TABLES:
        try:
            lines = (_PROC / table).read_text().splitlines()[1:]
        except OSError:  # no Linux, or no IPv6
            continue
        for words in map(str.split, lines):
            if words[3] == _LISTENS:
                yield int(words[1].rpartition(":")[2], 16), words[9]


def _listens(pid: int, sockets: frozenset[str]) -> bool:
    files = _PROC / str(pid) / "fd"
    try:
        return any(_target(entry) in sockets for entry in files.iterdir())
    except OSError:  # another user's, or gone meanwhile
        return False


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _name(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return "a program"
