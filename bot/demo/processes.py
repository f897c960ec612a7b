"""The demo's child processes: started, watched, ended together; those of a killed demo are found and ended too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp

from bot.demo.parts import Part
from engine.infrastructure import processes as system

PATIENCE: Final = timedelta(seconds=15)
UP_WITHIN: Final = timedelta(seconds=60)
TAIL: Final = 15  # lines


class ChildFailed(Exception):
    """A part of the demo ended or did not come up."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running part."""

    part: Part
    process: asyncio.subprocess.Process
    log: Path

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL:]
        return "\n".join(f"    {line}" for line in lines)


class Children:
    """Starts parts and ends all of them. The list of them is on disk, for the demo that comes after a crash."""

    def __init__(self, data: Path, environment: Mapping[str, str]) -> None:
        self._data = data
        self._environment = environment
        self._running: list[Child] = []

    async def start(self, part: Part) -> Child:
        """Start one, in a session of its own so that Ctrl-C reaches it through us only."""
        log = self._data / "logs" / f"{part.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**self._environment, **part.environment},
                start_new_session=True,
            )
        child = Child(part, process, log)
        self._running = [one for one in self._running if one.part.name != part.name] + [child]
        self._write_down()
        return child

    async def stop(self) -> None:
        """End all: the last started first, each asked before it is made to."""
        while self._running:
            await _end(self._running.pop())
            self._write_down()

    async def end_leftovers(self) -> int:
        """End what a killed demo left behind; how many there were."""
        found = [system.find_process(pid) for pid in self._written()]
        left = [one for one in found if one is not None and _is_ours(one.pid, self._data)]
        for one in left:
            system.signal_group(one.pid, signal.SIGTERM)
        for one in left:
            if not await system.wait_end(one, PATIENCE):
                system.signal_group(one.pid, signal.SIGKILL)
        return len(left)

    def _write_down(self) -> None:
        pids = [child.process.pid for child in self._running]
        (self._data / "children.json").write_text(json.dumps(pids), encoding="utf-8")

    def _written(self) -> list[int]:
        try:
            pids = json.loads((self._data / "children.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return []
        return [pid for pid in pids if isinstance(pid, int)]


def _is_ours(pid: int, data: Path) -> bool:
    """Whether the process was started for this data folder: its command names a file of it, or of the example."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return str(data) in words or "examples/demo" in words


async def wait_up(child: Child) -> None:
    """Wait until the part answers. Raises ChildFailed with the end of its log."""
    url = child.part.ready
    try:
        async with asyncio.timeout(UP_WITHIN.total_seconds()), aiohttp.ClientSession() as session:
            while not await _answers(session, url):
                if child.process.returncode is not None:
                    raise ChildFailed(f"{child.part.name} ended at once. The end of {child.log}:\n{child.tail()}")
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise ChildFailed(
            f"{child.part.name} does not answer at {url}. The end of {child.log}:\n{child.tail()}"
        ) from None


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _end(child: Child) -> None:
    if child.process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await child.process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.process.kill()
        await child.process.wait()
