"""A real Alertmanager of the test's own."""

import asyncio
import re
import shutil
import socket
import subprocess
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def missing_alertmanager() -> str | None:
    """Why tests with a real Alertmanager cannot run here; None when they can."""
    if shutil.which("alertmanager") is None:
        return "alertmanager is not on PATH: install the package prometheus-alertmanager"
    return None


def version() -> tuple[int, int]:
    """Major and minor version of the Alertmanager on PATH."""
    said = subprocess.run(["alertmanager", "--version"], capture_output=True, text=True, check=True)
    major, minor = re.search(r"version (\d+)\.(\d+)", said.stdout + said.stderr).groups()  # type: ignore[union-attr]
    return int(major), int(minor)


class Alertmanager:
    """An Alertmanager without peers that follows `config`, from entering to leaving; `url` is where it listens."""

    def __init__(self, config: str, *flags: str) -> None:
        self._config = config
        self._flags = flags
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.pid = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alertmanager-")))
            (room / "alertmanager.yml").write_text(self._config, encoding="utf-8")
            process = await self._start(room)
            stack.push_async_callback(_stop, process)
            self.pid = process.pid
            await self._wait_until_ready(process, room)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, room: Path) -> asyncio.subprocess.Process:
        with (room / "log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                "alertmanager",
                f"--config.file={room / 'alertmanager.yml'}",
                f"--storage.path={room / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=",
                "--log.level=warn",
                *self._flags,
                stdout=log, stderr=log,
            )  # fmt: skip

    async def _wait_until_ready(self, process: asyncio.subprocess.Process, room: Path) -> None:
        deadline = asyncio.get_running_loop().time() + 20
        async with aiohttp.ClientSession() as session:
            while not await _answers(session, f"{self.url}/-/ready"):
                if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                    raise RuntimeError(f"alertmanager did not start: {(room / 'log').read_text()[-2000:]}")
                await asyncio.sleep(0.05)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
