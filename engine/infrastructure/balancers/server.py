"""The proxy itself: its placements, what it keeps on disk, and the answers to what it is told."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from engine.catalog import EnvironmentName, ServiceName
from engine.infrastructure.balancers.flight import following
from engine.infrastructure.balancers.limits import Limits
from engine.infrastructure.balancers.meters import render
from engine.infrastructure.balancers.orders import (
    KNOWS,
    Answer,
    Configure,
    Done,
    Drained,
    DrainedAnswer,
    Failed,
    Memory,
    Order,
    Ping,
    Pong,
    Read,
    Reading,
    Route,
    Stop,
)
from engine.infrastructure.balancers.pages import serve_metrics
from engine.infrastructure.balancers.site import Site
from engine.infrastructure.balancers.tasks import Tasks
from engine.infrastructure.files import write_whole

_GOODBYE: Final = 5.0  # seconds for what runs when the proxy is told to stop
_Key = tuple[ServiceName, EnvironmentName]


class ProxyServer:
    """Serves placements as `directory`/routes.json says and keeps that file as it is told.

    `stopping` is set when somebody asked it to end.
    """

    def __init__(self, directory: Path, *, limits: Limits) -> None:
        self.stopping = asyncio.Event()
        self._file = directory / "routes.json"
        self._limits = limits
        self._tasks = Tasks()
        self._sites: dict[_Key, Site] = {}
        self._deaf: dict[_Key, Failed] = {}
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()
        self._metrics: asyncio.Server | None = None
        self._metrics_port = 0

    async def start(self) -> None:
        """Serve as before the last end. Raises OSError or msgspec.MsgspecError when the file cannot be used."""
        memory = await asyncio.to_thread(self._load)
        self._metrics, self._metrics_port = await serve_metrics(self._page, memory.metrics_port)
        for route in memory.routes:
            await self._resume(route, memory)
        self._tasks.create_task(self._sweep(), name="sweep connections")
        self._tasks.create_task(self._remember(), name="remember who is ready")

    async def _resume(self, route: Route, memory: Memory) -> None:
        route = following(route.known, route)
        site = self._sites[_key(route)] = self._new_site(route)
        try:
            await site.listen(route.port)
        except OSError as error:  # the others can be served; whoever asks for this one hears why it is not
            self._deaf[_key(route)] = _not_done(route, error)
        await _show(site, route)
        site.adopt(route, memory.ready)

    async def stop(self) -> None:
        """Take nothing new, let what runs finish for a few seconds, then cut it."""
        for site in self._sites.values():
            site.leave()
        if self._metrics is not None:
            self._metrics.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                while any(site.everybody() for site in self._sites.values()):  # noqa: ASYNC110 - once, at the end
                    await asyncio.sleep(0.02)
        for site in self._sites.values():
            site.abort()
        await self._tasks.cancel()

    async def obey(self, order: Order) -> Answer:
        """Do what is told, or say why not."""
        match order:
            case Configure(route=route):
                return await self._configure(route)
            case Read(service=service, environment=environment):
                return self._read((service, environment))
            case Drained(service=service, environment=environment, instances=instances):
                site = self._sites.get((service, environment))
                return DrainedAnswer(site is None or site.drained(instances))
            case Ping():
                return Pong(os.getpid(), self._metrics_port)
            case Stop():
                self.stopping.set()
                return Done(KNOWS)

    def _read(self, key: _Key) -> Answer:
        site = self._sites.get(key)
        return self._deaf.get(key) or (site.reading() if site else Reading({}, (), 0, 0))

    async def _configure(self, route: Route) -> Answer:
        if (failed := _wrong(route)) is not None:
            return failed
        async with self._saving:
            site = self._sites.get(_key(route)) or self._new_site(route)
            route = following(site.route.known, route)
            done = await self._admit(site, route)
            if isinstance(done, Failed):
                if _key(route) not in self._sites:
                    site.leave()
                return done
            self._sites[_key(route)] = site
            self._deaf.pop(_key(route), None)
            site.adopt(route)
            return done

    async def _admit(self, site: Site, route: Route) -> Done | Failed:
        """Open the ports and keep the route on disk."""
        try:
            await site.listen(route.port)
            trouble = await _show(site, route)
            # One that was open and was lost over a crash must not keep the route from being told.
            was_open = _key(route) in self._sites and route.preview_port == site.route.preview_port
            if trouble and not was_open:
                return Failed("permanent", trouble, "Stop the program that has it, or choose another.")
            await self._save(self._memory(instead=route))
        except OSError as error:
            return _not_done(route, error)
        return Done(KNOWS, trouble)

    def _new_site(self, route: Route) -> Site:
        return Site(route, limits=self._limits, tasks=self._tasks, changed=self._changed.set)

    def _memory(self, instead: Route | None = None) -> Memory:
        routes = {key: site.route for key, site in self._sites.items()}
        if instead is not None:
            routes[_key(instead)] = instead
        ready = tuple(instance for site in self._sites.values() for instance in site.ready())
        return Memory(tuple(routes.values()), ready, self._metrics_port)

    def _load(self) -> Memory:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Memory)
        except FileNotFoundError:
            return Memory()

    async def _save(self, memory: Memory) -> None:
        await asyncio.to_thread(write_whole, self._file, msgspec.json.encode(memory))

    async def _remember(self) -> None:
        """Keep on disk who is ready, so that a restart need not wait for checks."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            async with self._saving:
                await self._save(self._memory())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.sweep)
            for site in self._sites.values():
                site.sweep()

    def _page(self) -> str:
        return render(site.measured() for site in self._sites.values())


def _key(route: Route) -> _Key:
    return route.service, route.environment


def _wrong(route: Route) -> Failed | None:
    total = sum(route.weights.values())
    if min(route.weights.values(), default=0) < 0 or total not in {0, 100}:
        told = ", ".join(f"{version} {weight}" for version, weight in route.weights.items())
        return Failed("permanent", f"The weights of {route.service} do not sum to 100: {told}.", "")
    return None


async def _show(site: Site, route: Route) -> str:
    """Open the preview port, or say why not."""
    try:
        await site.preview.show_at(route.preview_port)
    except OSError as error:
        why = error.strerror or error
        return f"The proxy cannot listen on `preview_port` {route.preview_port} for {site.title}: {why}."
    return ""


def _not_done(route: Route, error: OSError) -> Failed:
    name = f"{route.service} in {route.environment}"
    if error.filename is None:
        return Failed(
            "permanent",
            f"The proxy cannot listen on port {route.port} for {name}: {error.strerror or error}.",
            "Stop the program that has the port, or choose another `port` in the settings.",
        )
    return Failed("temporary", f"The proxy cannot write {error.filename}: {error.strerror}.", "Make room on the disk.")
