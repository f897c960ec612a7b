"""The calls to container engines that we need, each with a deadline, its failures told by class (see faults)."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import aiodocker
import aiohttp

from engine.errors import PermanentFailure
from engine.infrastructure.container.containers import Found
from engine.infrastructure.container.faults import Absent, fault, pull_fault, slow, unreached


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an engine may take: to answer, to change a container, to pull an image."""

    answer: timedelta = timedelta(seconds=15)
    change: timedelta = timedelta(seconds=60)
    pull: timedelta = timedelta(minutes=10)


PATIENCE: Final = Patience()


class Api:
    """The engine at one address. Raises Absent, Conflict, TemporaryFailure or PermanentFailure."""

    def __init__(self, address: str, patience: Patience = PATIENCE) -> None:
        self._address = address
        self._patience = patience
        try:
            self._docker = aiodocker.Docker(url=address)
        except ValueError as error:
            raise PermanentFailure(
                f"{address!r} is no address of a container engine: {error}",
                "Write unix:///path or tcp://host:port as `engine` in the service's container settings.",
            ) from error

    async def images(self) -> Sequence[Found]:
        """The images that are there."""
        async with self._asking("list images"):
            return await self._docker.images.list()

    async def image(self, name: str) -> Found | None:
        """The image called `name`, None when it is not there."""
        try:
            async with self._asking(f"look at image {name}"):
                return await self._docker.images.inspect(name)
        except Absent:
            return None

    async def pull(self, name: str) -> None:
        """Fetch `name` from its registry. Raises Absent when that does not have it."""
        async with self._asking(f"pull {name}", self._patience.pull):
            lines = await self._docker.images.pull(name)
        words = next((str(line["error"]) for line in lines if line.get("error")), "")
        if words:
            raise pull_fault(name, words)

    async def containers(self, labels: Mapping[str, str]) -> Sequence[Found]:
        """Every container with these labels, ended ones too; one that goes away meanwhile is left out."""
        wanted = json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]})
        async with self._asking("list containers"):
            listed = await self._docker.containers.list(all=True, filters=wanted)
        found = await asyncio.gather(*(self.container(one.id) for one in listed))
        return [one for one in found if one is not None]

    async def container(self, name: str) -> Found | None:
        """The container of that name or id, None when there is none."""
        try:
            async with self._asking(f"look at container {name}"):
                return await self._docker.containers.container(name).show()
        except Absent:
            return None

    async def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Make a container without starting it; answers its id.

        Raises Conflict when the name is taken, Absent without its image.
        """
        async with self._asking(f"create container {name}"):
            return (await self._docker.containers.create(dict(config), name=name)).id

    async def start(self, name: str) -> None:
        """Start a container; one that runs is left alone."""
        async with self._asking(f"start container {name}", self._patience.change):
            await self._docker.containers.container(name).start()

    async def stop(self, name: str, timeout: timedelta) -> None:
        """Ask a container to end, and make it end after `timeout` (whole seconds, rounded up)."""
        seconds = math.ceil(timeout.total_seconds())
        async with self._asking(f"stop container {name}", timeout + self._patience.change):
            await self._docker.containers.container(name).stop(t=seconds)

    async def remove(self, name: str) -> None:
        """Remove a container with its anonymous volumes; none of that name is fine."""
        try:
            async with self._asking(f"remove container {name}", self._patience.change):
                await self._docker.containers.container(name).delete(force=True, v=True)
        except Absent:
            return

    async def tail(self, name: str, lines: int) -> str:
        """The last lines of a container's output; empty when it is gone."""
        try:
            async with self._asking(f"read the log of {name}"):
                container = self._docker.containers.container(name)
                pieces = await container.log(stdout=True, stderr=True, tail=lines)
        except Absent:
            return ""
        return "".join(pieces).strip()

    async def close(self) -> None:
        """End the connections."""
        await self._docker.close()

    @asynccontextmanager
    async def _asking(self, doing: str, patience: timedelta | None = None) -> AsyncIterator[None]:
        within = patience or self._patience.answer
        try:
            async with asyncio.timeout(within.total_seconds()):
                yield
        except TimeoutError as error:
            raise slow(doing, self._address, within) from error
        except aiodocker.DockerError as error:
            raise fault(error.status, error.message, doing, self._address) from error
        except (aiohttp.ClientError, OSError) as error:
            raise unreached(str(error), self._address) from error


class Apis:
    """One connection pool for each engine, made when it is first used."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self._patience = patience
        self._apis: dict[str, Api] = {}

    def at(self, address: str) -> Api:
        """The engine at `address`."""
        if address not in self._apis:
            self._apis[address] = Api(address, self._patience)
        return self._apis[address]

    async def close(self) -> None:
        """End all connections; containers go on."""
        for api in self._apis.values():
            await api.close()
        self._apis.clear()
