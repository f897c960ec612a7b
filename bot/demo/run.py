"""`pilothouse demo`: starts the parts, brings the first version out the way a team would, and waits for Ctrl-C.

The product runs as a child of its own, so that it can be killed and started again while everything else goes on.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp

from bot.demo.layout import DemoImpossible, Layout, load_keys, taken_ports, write_settings
from bot.demo.opening import bring_out
from bot.demo.parts import MISSING_PROMETHEUS, PRODUCT, inherited, parts
from bot.demo.processes import Child, ChildFailed, Children, wait_up
from bot.house.single import AlreadyRunning, DataFolderUnusable, only_process
from engine.infrastructure.balancers.proxy import ProxyShifter
from engine.infrastructure.local import LocalManager

KNOWN: Final = (AlreadyRunning, DataFolderUnusable, DemoImpossible, ChildFailed)
SHOP: Final = frozenset({"shop in production", "shop in staging"})
LAST_BASE: Final = 65529  # six ports follow
RESTART_PAUSE: Final = 1.0  # seconds


def demo(data: Path, base: int) -> int:
    """Run until Ctrl-C; the exit code."""
    layout = Layout(data.resolve(), base)
    try:
        with only_process(layout.data, "demo", elsewhere="others with `make run DATA=/tmp/demo PORT=9100`"):
            asyncio.run(_Demo(layout).run())
    except KNOWN as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command's word
        return 1
    return 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a command's word


class _Demo:
    """One run of the demo."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._children = Children(layout.data, inherited())
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """From the first check to the last process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        await self._prepare()
        try:
            await self._until_stopped(self._bring_up())
        finally:
            _say("Stopping …")
            await self._children.stop()
            await self._stop_what_outlives()
        _say("Stopped. Nothing is left running; everything that happened is kept for the next start.")

    async def _prepare(self) -> None:
        left = await self._children.end_leftovers()
        if left:
            _say(f"An earlier demo was killed; its {left} remaining parts were ended. Its services go on running.")
        if not 1024 <= self._layout.base <= LAST_BASE:
            raise DemoImpossible(f"PORT has to lie between 1024 and {LAST_BASE}, not {self._layout.base}.")
        proxy_alive = (self._layout.house / "proxy").exists()
        taken = taken_ports(self._layout, ours=SHOP if proxy_alive else frozenset())
        if taken:
            lines = ", ".join(f"{port} ({name})" for name, port in taken.items())
            raise DemoImpossible(f"Taken by another program: {lines}. Choose other ports with `make run PORT=9100`.")
        write_settings(self._layout)
        if shutil.which("prometheus") is None:
            _say(MISSING_PROMETHEUS)

    async def _until_stopped(self, work: object) -> None:
        """Run `work`, but end it when somebody wants to stop."""
        doing = asyncio.ensure_future(work)  # type: ignore[call-overload]
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        done, _ = await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (doing, stopping):
            task.cancel()
        await asyncio.gather(doing, stopping, return_exceptions=True)
        if doing in done and doing.exception() is not None:
            raise doing.exception()

    async def _bring_up(self) -> None:
        keys = load_keys(self._layout)
        running = []
        for part in parts(self._layout, keys):
            _say(f"Starting {part.name} …")
            child = await self._children.start(part)
            await wait_up(child)
            running.append(child)
        await self._open()
        self._welcome(running[-1])
        async with asyncio.TaskGroup() as group:
            for child in running:
                group.create_task(self._keep(child), name=f"keep {child.part.name}")

    async def _open(self) -> None:
        for environment, approve in (("staging", False), ("production", True)):
            if await self._version(environment) is None:
                _say(f"Bringing out shop v1 to {environment} …")
                try:
                    await bring_out(self._layout.workspace_url, environment, approve=approve)
                except TimeoutError as late:
                    raise ChildFailed(f"shop v1 did not get to {environment}: {late}") from late

    async def _version(self, environment: str) -> str | None:
        url = f"{self._layout.board_url}/api/v1/components/shop/{environment}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            body = await answer.json()
            version: str | None = body.get("version")
            return version

    def _welcome(self, product: Child) -> None:
        _say("")
        _say(f"  Open {self._layout.workspace_url}")
        _say("")
        _say(f"  The board is at {self._layout.board_url}, Prometheus at {self._layout.prometheus_url}.")
        _say(f"  Pilothouse is process {product.process.pid}: kill -9 it, it comes back. Ctrl-C stops everything.")
        _say("")

    async def _keep(self, child: Child) -> None:
        """Start a part again whenever it ends."""
        while True:
            code = await child.process.wait()
            at = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
            _say(f"{at} {child.part.name} ended ({_cause(code)}); starting it again.")
            child = await self._children.start(child.part)
            try:
                await wait_up(child)
            except ChildFailed as failure:
                _say(str(failure))
                await asyncio.sleep(RESTART_PAUSE)
                continue
            if child.part.name == PRODUCT:
                _say(f"{child.part.name} is back as process {child.process.pid}.")

    async def _stop_what_outlives(self) -> None:
        """The shop's instances and the proxy outlive the product; the demo's end is theirs too."""
        house = self._layout.house
        if (house / "proxy").exists():
            await ProxyShifter(house / "proxy").stop()
        if (house / "instances").exists():
            await LocalManager(house / "instances", now=lambda: datetime.now(UTC)).stop_everything()


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
