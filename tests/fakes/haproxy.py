"""A real HAProxy of a test's own, with one empty backend and its runtime socket in the test's folder."""

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.infrastructure.balancers.runtime_socket import RuntimeSocket
from engine.targets import Haproxy

BACKEND: Final = "shop"
CONFIG: Final = """
global
    stats socket {socket} level {level}
    stats socket ipv4@127.0.0.1:{admin_port} level {level}
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    timeout check 300ms
frontend callers
    bind 127.0.0.1:{port}
    {callers}
    default_backend {backend}
backend {backend}
    balance {balance}
    option httpchk GET /healthz
    option redispatch 1
    retry-on conn-failure empty-response
    {more}
"""


def program() -> str | None:
    """Where HAProxy is; None where it is not installed."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class RealHaproxy:
    """One HAProxy that can be ended and started again. `port` is for callers, `target` for placements."""

    folder: Path
    port: int
    admin_port: int
    level: str = "admin"
    balance: str = "roundrobin"
    more: str = ""
    callers: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "admin.sock"

    @property
    def target(self) -> Haproxy:
        return Haproxy(str(self.socket), BACKEND)

    async def ask(self, command: str) -> str:
        """What a person at the socket reads."""
        return await RuntimeSocket(self.target).ask(command)

    async def start(self) -> None:
        """Start it and wait until its socket answers."""
        self.process = self._spawn()
        async with asyncio.timeout(10):
            while not self.socket.is_socket():
                assert self.process.poll() is None, (self.folder / "haproxy.log").read_text()
                await asyncio.sleep(0.02)

    def _spawn(self) -> subprocess.Popen[bytes]:
        found = program()
        assert found is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "haproxy.cfg"
        config.write_text(self._config())
        self.socket.unlink(missing_ok=True)
        with (self.folder / "haproxy.log").open("ab") as log:
            return subprocess.Popen([found, "-db", "-f", config], stdout=log, stderr=log)

    def stop(self) -> None:
        """End it at once; one that does not run is fine."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def _config(self) -> str:
        return CONFIG.format(
            socket=self.socket,
            level=self.level,
            admin_port=self.admin_port,
            port=self.port,
            backend=BACKEND,
            balance=self.balance,
            more=self.more,
            callers=self.callers,
        )


@asynccontextmanager
async def running_haproxy(
    folder: Path, *, level: str = "admin", balance: str = "roundrobin", more: str = "", callers: str = ""
) -> AsyncIterator[RealHaproxy]:
    """An HAProxy for the time of a test. `more` are further lines of the backend, `callers` of the frontend."""
    haproxy = RealHaproxy(folder, free_port(), free_port(), level, balance, more, callers)
    await haproxy.start()
    try:
        yield haproxy
    finally:
        haproxy.stop()
