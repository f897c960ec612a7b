"""Sends a placement's requests through the built-in proxy: starts it, adopts a running one, tells it what to do."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import msgspec

import engine
from engine.catalog import EnvironmentName, HealthCheck, Placement, ServiceName, Version
from engine.errors import PermanentFailure, TemporaryFailure
from engine.infrastructure import processes
from engine.infrastructure.balancers.control import tell
from engine.infrastructure.balancers.line import Line
from engine.infrastructure.balancers.orders import (
    KNOWS,
    Answer,
    Configure,
    Done,
    Drained,
    DrainedAnswer,
    Failed,
    Member,
    Order,
    Ping,
    Pong,
    Read,
    Reading,
    Route,
    Stop,
)
from engine.infrastructure.files import rotate, tail
from engine.ports import Instance, InstanceId, TrafficReading
from engine.targets import ContainerTarget, LocalTarget

_Expected = TypeVar("_Expected", Done, Reading, DrainedAnswer, Pong)
_START: Final = timedelta(seconds=10)
_STOP: Final = timedelta(seconds=8)
_ANSWER: Final = timedelta(seconds=10)
_RETRY: Final = timedelta(seconds=1)
_AWAY: Final = (OSError, EOFError, TimeoutError)
_PLAIN: Final = Route(ServiceName(""), EnvironmentName(""), 0, HealthCheck())

log = logging.getLogger(__name__)


class ProxyShifter:
    """The proxy whose socket, routes and log are in `directory`.

    Every call starts the proxy when none answers, and waits for it; it serves as before then.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = directory / "proxy.log"
        self._line = Line(directory)
        self._starting = asyncio.Lock()
        self._child: processes.Process | None = None
        self._unheeded: frozenset[str] = frozenset()

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """Route to these instances. Those that never passed a check get requests only after their first success.

        `weights` sum to 100, or are empty to send nothing. Raises PermanentFailure when the port is taken.
        """
        target = _proxied(place)
        route = Route(
            service=place.service,
            environment=place.environment,
            port=target.port,
            health=place.health,
            members=tuple(Member(one.id, one.version, one.address) for one in instances),
            weights=dict(weights),
            balancing=target.balancing,
            preview_port=target.preview_port,
            pin=place.strategy.pin,
        )
        done = await self._ask(Configure(route), Done)
        self._compare(route, done.knows)
        if done.trouble:
            log.warning("%s It is tried again each time the proxy is told something.", done.trouble)

    async def read(self, place: Placement) -> TrafficReading:
        """What the proxy does now: effective weights, and who passes its checks."""
        got = await self._ask(Read(place.service, place.environment), Reading)
        return TrafficReading(got.weights, got.ready, got.requests, got.lost)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether none of these is answering a request any more."""
        order = Drained(place.service, place.environment, tuple(instances))
        return (await self._ask(order, DrainedAnswer)).drained

    async def metrics_address(self) -> str:
        """`host:port` of the proxy's /metrics page, for service discovery."""
        return f"127.0.0.1:{(await self._ask(Ping(), Pong)).metrics_port}"

    async def stop(self) -> None:
        """End the proxy after the requests it answers now, or while it only starts; none running is fine."""
        try:
            pong = await self._tell(Ping())
            running = processes.find_process(pong.pid) if isinstance(pong, Pong) else None
            await self._tell(Stop())
        except _AWAY:
            running = await asyncio.to_thread(processes.find_leader, self._mark())
            if running is not None:
                processes.signal_group(running.pid, signal.SIGTERM)
        if running is not None and not await processes.wait_end(running, _STOP):
            raise TemporaryFailure(f"The proxy (pid {running.pid}) does not end.", "Try again, or kill it.")
        self._reap()

    def _compare(self, route: Route, known: Collection[str]) -> None:
        """Say once what a proxy of an earlier release passes over; it serves all the same."""
        asked = {name for name in KNOWS if getattr(route, name) != getattr(_PLAIN, name)}
        unheeded = frozenset(asked - set(known))
        if fresh := unheeded - self._unheeded:
            names = ", ".join(sorted(fresh))
            log.warning(
                "The running proxy is of an earlier release and does not heed %s. To have it, end the process in %s.",
                names,
                self._directory / "proxy.pid",
            )
        self._unheeded |= unheeded

    async def _ask(self, order: Order, expected: type[_Expected]) -> _Expected:
        try:
            answer = await self._tell(order)
        except _AWAY:
            await self._ensure_running()
            answer = await self._tell_again(order)
        if isinstance(answer, expected):
            return answer
        raise _failure(answer)

    async def _tell_again(self, order: Order) -> Answer:
        try:
            return await self._tell(order)
        except _AWAY as error:
            raise TemporaryFailure(
                "The proxy ended while it was asked.", "It is started again.", retry_after=_RETRY
            ) from error

    async def _tell(self, order: Order) -> Answer:
        async with asyncio.timeout(_ANSWER.total_seconds()):
            try:
                quick = isinstance(order, (Read, Drained))
                return await (self._line.ask(order) if quick else tell(self._directory, order))
            except msgspec.MsgspecError as error:
                raise PermanentFailure(
                    f"The proxy answers what this release does not know: {error}.",
                    "Stop the running proxy (`pilothouse proxy` of the other release) and try again.",
                ) from error

    async def _ensure_running(self) -> None:
        async with self._starting:
            if await self._who_answers() is not None:
                return
            self._reap()
            process = await asyncio.to_thread(self._spawn)
            self._child = process
            await self._wait_for(process)

    async def _who_answers(self) -> int | None:
        try:
            pong = await self._tell(Ping())
        except _AWAY:
            return None
        return pong.pid if isinstance(pong, Pong) else None

    async def _wait_for(self, process: processes.Process) -> None:
        try:
            async with asyncio.timeout(_START.total_seconds()):
                while (pid := await self._who_answers()) is None:
                    if not processes.is_alive(process) and not self._another_starts(process):
                        raise self._stillborn()
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise TemporaryFailure("The proxy does not answer yet.", f"See {self._log}.", retry_after=_RETRY) from error
        if pid != process.pid:
            # Another was first. Ours must be seen to end, or it would take over when that one stops.
            await processes.wait_end(process, _START)

    def _another_starts(self, mine: processes.Process) -> bool:
        """Whether another Pilothouse was first: then ours ended at once, and the other proxy will answer."""
        try:
            pid = int((self._directory / "proxy.pid").read_text())
        except (FileNotFoundError, ValueError):
            return False
        found = processes.find_process(pid)
        return found is not None and found != mine and processes.is_alive(found)

    def _stillborn(self) -> PermanentFailure:
        return PermanentFailure(f"The proxy ended at its start: {tail(self._log, 5)}", f"See {self._log}.")

    def _spawn(self) -> processes.Process:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        rotate(self._log)
        module = "engine.infrastructure.balancers.proxy_process"
        command = (sys.executable, "-m", module, "--directory", str(self._directory))
        try:
            pid = processes.spawn(command, {**_environment(), **self._mark()}, self._log)
        except OSError as error:
            raise processes.start_failure("The proxy", error, "Check the installation.") from error
        found = processes.find_process(pid)
        if found is None:
            raise self._stillborn()
        return found

    def _mark(self) -> dict[str, str]:
        """How the proxy of this directory is known before it answers."""
        return {"PILOTHOUSE_PROXY": str(self._directory.absolute())}

    def _reap(self) -> None:
        if self._child is not None:
            processes.reap(self._child)
            self._child = None


def _proxied(place: Placement) -> LocalTarget | ContainerTarget:
    return place.on(LocalTarget) if isinstance(place.target, LocalTarget) else place.on(ContainerTarget)


def _environment() -> Mapping[str, str]:
    """What the proxy sees: nothing secret, and where our packages are when they are not installed."""
    return {**processes.clean_environment(), "PYTHONPATH": os.fspath(Path(engine.__file__).parents[1])}


def _failure(answer: Answer) -> TemporaryFailure | PermanentFailure:
    if isinstance(answer, Failed):
        if answer.kind == "temporary":
            return TemporaryFailure(answer.reason, answer.remedy, retry_after=_RETRY)
        return PermanentFailure(answer.reason, answer.remedy)
    return PermanentFailure("The proxy gave the answer to another question.", "Is it of the same release?")
