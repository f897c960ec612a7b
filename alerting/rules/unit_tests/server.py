"""A Prometheus of its own for one test: empty, writable, gone afterwards."""

import asyncio
import re
import shutil
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.metrics.duration import format_duration

_LISTENING: Final = re.compile(r'msg="Listening on".* address=(\S+)')
_READY: Final = "ready to receive web requests"
_START: Final = 30.0  # seconds
_STOP: Final = 10.0
_LOOK: Final = 0.01


class TemporaryPrometheus:
    """Started by `async with`, which gives its address.

    `binary` is a path or a name on PATH; subqueries without a step go by `interval`. Raises PermanentFailure when
    there is no such binary and TemporaryFailure when it does not start.
    """

    def __init__(self, binary: str, *, interval: timedelta, experimental: bool = False) -> None:
        self._binary = binary
        self._interval = interval
        self._experimental = experimental
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> str:
        found = shutil.which(self._binary)
        if found is None:
            raise PermanentFailure(
                f'there is no program "{self._binary}" to run the tests on',
                "install Prometheus, or name its binary with --prometheus-binary",
            )
        async with AsyncExitStack() as stack:
            room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pilothouse-rules-")))
            process = await self._start(found, room)
            stack.push_async_callback(_stop, process)
            address = await _address(process, room / "log")
            self._stack = stack.pop_all()
        return f"http://{address}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, binary: str, room: Path) -> asyncio.subprocess.Process:
        settings = f"global: {{evaluation_interval: {format_duration(self._interval)}}}\n"
        (room / "prometheus.yml").write_text(settings, encoding="utf-8")
        features = ["--enable-feature=promql-experimental-functions"] if self._experimental else []
        with (room / "log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                binary,
                f"--config.file={room / 'prometheus.yml'}",
                f"--storage.tsdb.path={room / 'data'}",
                # Tests run in 1970.
                "--storage.tsdb.retention.time=100y",
                "--web.listen-address=127.0.0.1:0",
                "--web.enable-remote-write-receiver",
                *features,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    """Where it listens, which it writes down before it says that it is ready."""
    try:
        async with asyncio.timeout(_START):
            while process.returncode is None:
                said = _read(log)
                if (found := _LISTENING.search(said)) and _READY in said:
                    return found[1]
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        pass
    lines = _read(log).strip().splitlines() or ["it said nothing"]
    raise TemporaryFailure(f"prometheus did not start: {lines[-1]}")


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP)
    except TimeoutError:
        process.kill()
        await process.wait()
