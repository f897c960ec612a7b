"""Sends a placement's requests through an HAProxy of the team's own, told over its runtime socket.

HAProxy forgets servers that were added while it ran when it is restarted or reloaded. So what it was told last is kept
on disk, and told again when another HAProxy process is found without our servers.
"""

from __future__ import annotations

import asyncio
import fcntl
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from engine.catalog import Placement, Version
from engine.errors import PermanentFailure
from engine.infrastructure.balancers.flight import following
from engine.infrastructure.balancers.haproxy_servers import (
    Picture,
    drain,
    enlist,
    parse_picture,
    remove,
    reweigh,
    version_in,
    wanted_weights,
    weights_now,
)
from engine.infrastructure.balancers.orders import Member, Route
from engine.infrastructure.balancers.runtime_socket import Command, RuntimeSocket
from engine.infrastructure.files import write_whole
from engine.ports import Instance, InstanceId, TrafficReading
from engine.targets import ContainerTarget, Haproxy, LocalTarget

_BACKEND: Final = re.compile(r"[A-Za-z0-9_.:-]+")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_.-]+:[0-9]{1,5}")


class Told(msgspec.Struct, frozen=True):
    """What an HAProxy process (`process` names it) was told last of a placement.

    `known` are the versions named in the order they came: of several the last one is in flight.
    """

    process: str
    members: tuple[Member, ...]
    weights: dict[Version, int]
    known: tuple[Version, ...] = ()

    @property
    def flight(self) -> Version | None:
        """The version in flight."""
        return self.known[-1] if len(self.known) > 1 else None

    def preview(self) -> Told:
        """What the preview backend is told: the version in flight alone, whatever its share."""
        members = tuple(one for one in self.members if one.version == self.flight)
        return Told(self.process, members, {self.flight: 100} if self.flight is not None else {})


def haproxy_of(place: Placement) -> Haproxy | None:
    """The HAProxy in front of a placement; None where the built-in proxy, or the platform itself, routes."""
    return place.target.haproxy if isinstance(place.target, LocalTarget | ContainerTarget) else None


class HaproxyShifter:
    """Tells each placement's HAProxy. `directory` keeps what was told; only servers named as instances are touched.

    Every call raises TemporaryFailure when the socket does not answer, and PermanentFailure with what to write in
    haproxy.cfg when the backend is missing or may not be changed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def configure(self, place: Placement, instances: Sequence[Instance], weights: Mapping[Version, int]) -> None:
        """Route to these instances by these percent, which sum to 100 or are empty to send nothing.

        Those with no check passed yet get requests after HAProxy's own checks succeeded.
        """
        members = tuple(Member(one.id, one.version, one.address) for one in instances)
        _validate(place, members, weights)
        async with self._turn(place):
            router = _Router(place)
            known = await asyncio.to_thread(self._known, place)
            route = following(known, Route(place.service, place.environment, 0, place.health, members, dict(weights)))
            told = Told(await router.process(), members, dict(weights), route.known)
            await asyncio.to_thread(self._keep, place, told)
            await _apply(place, told)

    async def read(self, place: Placement) -> TrafficReading:
        """What HAProxy does now. Requests and losses are counted by its backend since it started.

        Servers of a version in flight that its preview backend lacks are not ready: that is still to be done.
        """
        async with self._turn(place):
            router = _Router(place)
            picture = await router.look()
            if not picture.ours(place) and await self._restore(place, router):
                picture = await router.look()
            hidden = await self._unshown(place)
        ready = tuple(InstanceId(name) for name, one in picture.ours(place).items() if one.ready and name not in hidden)
        return TrafficReading(weights_now(place, picture), ready, picture.requests, picture.lost)

    async def drained(self, place: Placement, instances: Collection[InstanceId]) -> bool:
        """Whether none of these is answering a request any more. Those that were let go are removed then."""
        async with self._turn(place):
            asked = [
                (router, one)
                for router in _routers(place)
                for name, one in (await router.look()).ours(place).items()
                if name in instances
            ]
            if any(one.active for _, one in asked):
                return False
            for router, server in asked:
                if server.admin:
                    await router.tell(remove(router.backend, server))
        return True

    def _turn(self, place: Placement) -> asyncio.Lock:
        return self._turns[place.service, place.environment]

    async def _restore(self, place: Placement, router: _Router) -> bool:
        """Tell another process than the one that was told the same again."""
        told = await asyncio.to_thread(self._kept, place)
        if told is None or not told.members or told.process == (process := await router.process()):
            return False
        again = msgspec.structs.replace(told, process=process)
        await _apply(place, again)
        await asyncio.to_thread(self._keep, place, again)
        return True

    async def _unshown(self, place: Placement) -> frozenset[str]:
        """The instances of the version in flight that the preview backend should have and does not use."""
        preview = _preview(place)
        told = await asyncio.to_thread(self._kept, place) if preview is not None else None
        if preview is None or told is None:
            return frozenset()
        shown = {name for name, one in (await preview.look()).ours(place).items() if one.weight and not one.admin}
        return frozenset(one.id for one in told.preview().members) - shown

    def _known(self, place: Placement) -> tuple[Version, ...]:
        """The versions in the order they came; none after a file that cannot be read, which is written anew."""
        try:
            told = self._kept(place)
        except PermanentFailure:
            return ()
        return told.known if told is not None else ()

    def _path(self, place: Placement) -> Path:
        return self._directory / f"{place.service}@{place.environment}.json"

    def _keep(self, place: Placement, told: Told) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._directory / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # another Pilothouse may write the same
            write_whole(self._path(place), msgspec.json.encode(told))

    def _kept(self, place: Placement) -> Told | None:
        try:
            return msgspec.json.decode(self._path(place).read_bytes(), type=Told)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise PermanentFailure(
                f"{self._path(place)} is not readable: {error}.", "Move it away; the next deployment writes it again."
            ) from error


async def _apply(place: Placement, told: Told) -> None:
    """Tell all backends; that of the preview first, so that a version is not promoted or dropped before it is told."""
    if (preview := _preview(place)) is not None:
        await preview.apply(told.preview())
    await _Router(place).apply(told)


def _routers(place: Placement) -> list[_Router]:
    """The backends of a placement."""
    preview = _preview(place)
    return [_Router(place)] if preview is None else [_Router(place), preview]


def _preview(place: Placement) -> _Router | None:
    haproxy = haproxy_of(place)
    return _Router(place, haproxy.preview_backend) if haproxy is not None and haproxy.preview_backend else None


class _Router:
    """A backend of one placement, that of its callers unless another is named, for the time of one call."""

    def __init__(self, place: Placement, backend: str = "") -> None:
        haproxy = haproxy_of(place)
        if haproxy is None:
            raise TypeError(f"{place.service} in {place.environment} has no HAProxy")
        if backend:
            haproxy = replace(haproxy, backend=backend)
        if not _BACKEND.fullmatch(haproxy.backend):
            raise PermanentFailure(
                f"{haproxy.backend!r} cannot be a backend of HAProxy.",
                "Correct it in `haproxy`: letters, digits, dash, underscore, dot and colon.",
            )
        self.backend = haproxy.backend
        self._place = place
        self._socket = RuntimeSocket(haproxy)

    async def process(self) -> str:
        """What tells this HAProxy process from the next."""
        answer = await self._socket.ask("show info")
        return " ".join(line for line in answer.splitlines() if line.startswith(("Pid:", "Start_time_sec:")))

    async def look(self) -> Picture:
        """The backend as it is."""
        states = await self._socket.ask(f"show servers state {self.backend}")
        return parse_picture(states, await self._socket.ask(f"show stat {self.backend} 6 -1"))

    async def tell(self, commands: Sequence[Command]) -> None:
        """Have these done, in this order."""
        for command in commands:
            await self._socket.tell(command)

    async def apply(self, told: Told) -> None:
        """Make known, weigh, and let go of the rest, in an order in which no request is lost."""
        picture = await self.look()
        self._refuse_strangers(picture)
        before = picture.ours(self._place)
        for member in told.members:
            await self.tell(enlist(self.backend, member, before.get(member.id), self._place.health))
        await self._weigh(told)
        names = {member.id for member in told.members}
        leaving = [one for name, one in before.items() if name not in names]
        for server in leaving:
            await self.tell(drain(self.backend, server))
        await self._sweep({one.name for one in leaving})

    async def _weigh(self, told: Told) -> None:
        servers = (await self.look()).ours(self._place)
        now = {name: one.weight for name, one in servers.items()}
        ready = {name for name, one in servers.items() if one.ready}
        await self.tell(reweigh(self.backend, wanted_weights(told.members, told.weights, ready, now), now))

    async def _sweep(self, leaving: Collection[str]) -> None:
        """Forget those of the leaving who answer nothing any more."""
        if leaving:
            for name, server in (await self.look()).ours(self._place).items():
                if name in leaving and not server.active:
                    await self.tell(remove(self.backend, server))

    def _refuse_strangers(self, picture: Picture) -> None:
        ours = picture.ours(self._place)
        strangers = [
            one.name
            for one in picture.servers
            if one.name not in ours and one.ready and one.effective and not one.backup
        ]
        if strangers:
            raise PermanentFailure(
                f"Backend {self.backend} of HAProxy sends requests to {', '.join(strangers)} too, so that no share "
                "of ours would be true.",
                "Take them out of haproxy.cfg, or mark them `backup`: the backend must be Pilothouse's alone.",
            )


def _validate(place: Placement, members: Sequence[Member], weights: Mapping[Version, int]) -> None:
    """Check before the call what HAProxy would take without a word, or as another command."""
    if weights and (sum(weights.values()) != 100 or min(weights.values()) < 0):
        raise PermanentFailure(f"Weights {dict(weights)} are no percent that sum to 100.", "Correct the strategy.")
    for one in members:
        if version_in(place, one.id) != one.version or not _ADDRESS.fullmatch(one.address):
            raise PermanentFailure(
                f"{one.id} at {one.address} cannot be a server of HAProxy.",
                "Names may have letters, digits, dot, dash and underscore; addresses are host:port.",
            )
