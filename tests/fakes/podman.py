"""A real Docker Engine API of the tests' own, one a process: Podman's compatible service in a temporary folder.

Podman wants root for published ports. No registry is reachable, so images are built from nothing but busybox. The
service dies with the process that started it, even by kill -9 (PR_SET_PDEATHSIG); its containers are removed before.
"""

import asyncio
import atexit
import fcntl
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import aiodocker

START_WITHIN: Final = 30.0
NEEDED: Final = {
    "podman": "podman",
    "runc": "runc",
    "iptables": "iptables",
    "/usr/lib/podman/netavark": "netavark",
    "busybox": "busybox-static",
}
SETTINGS: Final = """
[containers]
default_ulimits=["nofile=4096:4096","nproc=4096:4096"]
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
runtime="runc"
[network]
network_backend="netavark"
default_subnet="{subnet}"
"""
SERVE: Final = "exec /bin/busybox httpd -f -p $PORT -h /www"


@cache
def missing() -> str | None:
    """Return why there can be no engine here, None when there can."""
    packages = [package for program, package in NEEDED.items() if _program(program) is None]
    if packages:
        return f"Podman cannot run here (apt install {' '.join(packages)})"
    return None if os.geteuid() == 0 else "Podman publishes ports only as root"


@cache
def shared_engine() -> "Engine":
    """Return this process's engine, starting it the first time (about 1 s)."""
    engine = start_engine()
    atexit.register(engine.stop)
    return engine


@dataclass(slots=True)
class Engine:
    """A running engine; `url` is what a service's settings name."""

    folder: Path
    process: subprocess.Popen[bytes]
    images: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'podman.sock'}"

    def stop(self) -> None:
        """End all containers and the service, and remove their files."""
        words = [*_podman(self.folder), "rm", "--all", "--force", "--time", "0"]
        subprocess.run(words, env=_environment(self.folder), check=False, capture_output=True)
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


async def image(engine: "Engine", version: str, *, name: str = "shop", stop_signal: str = "KILL") -> str:
    """An image built when it is first asked for: an HTTP server that says `version`, and well at /healthz.

    Answers what a target calls it, with `{version}` in it.
    The first process of a container does not hear SIGTERM unless it asks to, hence the stop signal.
    """
    template = f"localhost/{name}:{{version}}"
    tag = template.format(version=version)
    if tag not in engine.images:
        dockerfile = (
            f'FROM scratch\nCOPY . /\nSTOPSIGNAL SIG{stop_signal}\nCMD ["/bin/busybox", "sh", "-c", "{SERVE}"]\n'
        )
        files = {"healthz": "ok", "index.html": version}
        async with aiodocker.Docker(url=engine.url) as docker:
            lines = await docker.images.build(fileobj=_context(dockerfile, files), encoding="identity", tag=tag)
        errors = [line["error"] for line in lines if "error" in line]
        if errors:
            raise RuntimeError(f"{tag} could not be built: {errors}")
        engine.images.add(tag)
    return template


@asynccontextmanager
async def engine_alone() -> AsyncIterator[Engine]:
    """This process's engine, while no other test of this machine has containers; none is left afterwards.

    Engines in different folders know nothing of each other, and yet share one bridge and its firewall rules.
    """
    with (Path(tempfile.gettempdir()) / "pilothouse-podman.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        engine = shared_engine()
        yield engine
        await _clear(engine.url)


async def _clear(url: str) -> None:
    async with aiodocker.Docker(url=url) as docker:
        left = await docker.containers.list(all=True)
        await asyncio.gather(*(container.delete(force=True, v=True) for container in left))


def start_engine() -> Engine:
    """Start an engine that has no image and no container."""
    if reason := missing():
        raise RuntimeError(reason)
    folder = Path(tempfile.mkdtemp(prefix="pilothouse-podman-"))
    (folder / "containers.conf").write_text(SETTINGS.format(subnet=_subnet()))
    words = ["setpriv", "--pdeathsig", "KILL", *_podman(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*words, "system", "service", "--time=0", f"unix://{folder / 'podman.sock'}"],
            env=_environment(folder),
            stdout=log,
            stderr=log,
        )
    engine = Engine(folder, process)
    _wait(engine)
    return engine


def _wait(engine: Engine) -> None:
    end = time.monotonic() + START_WITHIN
    while not (engine.folder / "podman.sock").is_socket():
        if engine.process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"Podman did not start: {(engine.folder / 'log').read_text()}")
        time.sleep(0.05)


def _subnet() -> str:
    """Addresses of this process's own: the kernel remembers for a while whose an address was."""
    return f"10.{100 + os.getpid() // 256 % 100}.{os.getpid() % 256}.0/24"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _podman(folder: Path) -> list[str]:
    return ["podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]


def _environment(folder: Path) -> dict[str, str]:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return {**os.environ, "PATH": path, "CONTAINERS_CONF": str(folder / "containers.conf")}


def _context(dockerfile: str, files: Mapping[str, str]) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        busybox = _program("busybox")
        assert busybox is not None
        _add(tar, "bin/busybox", Path(busybox).read_bytes(), mode=0o755)
        _add(tar, "Dockerfile", dockerfile.encode())
        for name, text in files.items():
            _add(tar, f"www/{name}", text.encode())
    packed.seek(0)
    return packed


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
