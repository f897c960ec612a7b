"""What HAProxy shows of a backend's servers, and what to tell it so that they serve as wanted. Pure.

Facts from the HAProxy 2.6 Management Guide: `show servers state` (9.3, the state format is version 1), `show stat`
(9.1), `add server` (a new server is in maintenance, and its checks sleep until `enable health`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from engine.catalog import HealthCheck, Placement, Version
from engine.infrastructure.balancers.balancing import effective_weights
from engine.infrastructure.balancers.orders import Member
from engine.infrastructure.balancers.runtime_socket import Command

HEAVIEST: Final = 256
_MAINTENANCE: Final = 0x01 | 0x02 | 0x20
_RUNS: Final = frozenset({1, 2})  # starting slowly, running
_SOON: Final = timedelta(milliseconds=200)  # between looks at one that is down, as the built-in proxy does


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the backend. `effective` is the weight it has now; `active` counts requests it has to answer."""

    name: str
    address: str
    up: bool
    admin: int
    weight: int
    effective: int
    active: int
    backup: bool

    @property
    def in_maintenance(self) -> bool:
        """Taken out altogether: neither checked nor asked."""
        return bool(self.admin & _MAINTENANCE)

    @property
    def ready(self) -> bool:
        """Takes new requests when its weight is not 0."""
        return self.up and not self.admin


@dataclass(frozen=True, slots=True)
class Picture:
    """A backend as HAProxy shows it: its servers, and its own counters."""

    servers: tuple[Server, ...]
    requests: int
    lost: int

    def ours(self, place: Placement) -> dict[str, Server]:
        """The servers named as instances of this placement."""
        return {one.name: one for one in self.servers if version_in(place, one.name) is not None}


def version_in(place: Placement, name: str) -> Version | None:
    """The version in an instance's name; None when it is no instance of this placement."""
    start = re.escape(f"{place.service}-{place.environment}-")
    found = re.fullmatch(rf"{start}([A-Za-z0-9][A-Za-z0-9._-]*)-[0-9]+", name)
    return Version(found[1]) if found else None


def parse_picture(states: str, stats: str) -> Picture:
    """From the answers to `show servers state BACKEND` and `show stat BACKEND 6 -1`."""
    counters = {row["svname"]: row for row in _stats(stats)}
    backend = counters["BACKEND"]
    servers = tuple(_server(row, counters[row["srv_name"]]) for row in _states(states) if row["srv_name"] in counters)
    # A backend in TCP mode counts no requests, only connections.
    requests = int(backend["req_tot"] or backend["stot"])
    return Picture(servers, requests, int(backend["econ"]) + int(backend["eresp"]))


def _stats(text: str) -> Iterator[Mapping[str, str]]:
    return csv.DictReader(text.strip().removeprefix("# ").splitlines())


def _states(text: str) -> Iterator[Mapping[str, str]]:
    lines = text.strip().splitlines()
    names = lines[1].removeprefix("# ").split()
    for line in lines[2:]:
        yield dict(zip(names, line.split(), strict=False))


def _server(state: Mapping[str, str], stat: Mapping[str, str]) -> Server:
    return Server(
        name=state["srv_name"],
        address=f"{state['srv_addr']}:{state['srv_port']}",
        up=int(state["srv_op_state"]) in _RUNS,
        admin=int(state["srv_admin_state"]),
        weight=int(state["srv_uweight"]),
        effective=int(stat["weight"]),
        active=int(stat["scur"]) + int(stat["qcur"]),
        backup=stat["bck"] == "1",
    )


def weights_now(place: Placement, picture: Picture) -> dict[Version, int]:
    """Percent by version, from the effective weights of the servers that take requests."""
    sums: dict[Version, int] = {}
    for name, server in picture.ours(place).items():
        version = version_in(place, name)
        if version is not None and server.ready:
            sums[version] = sums.get(version, 0) + server.effective
    return effective_weights(sums, sums)


def wanted_weights(
    members: Sequence[Member], told: Mapping[Version, int], ready: Collection[str], now: Mapping[str, int]
) -> dict[str, int]:
    """HAProxy's weight for each member, by name.

    `ready` take requests, with the weights `now`. Until one of a version with a share is ready, they keep those.
    """
    serving = {one.version for one in members if one.id in ready}
    former = any(now.get(one.id, 0) for one in members if one.id in ready)
    shared = {version for version, share in told.items() if share > 0}
    if shared and former and not shared & serving:
        return {one.id: now.get(one.id, 0) for one in members}
    return _spread(members, told, ready)


def _spread(members: Sequence[Member], told: Mapping[Version, int], ready: Collection[str]) -> dict[str, int]:
    """Percent by version as weights of its ready members, so that their sums are exactly in proportion.

    A member that is not ready gets what its siblings have; HAProxy gives it requests once its checks succeed.
    """
    groups = {version: _sharing(members, version, ready) for version, share in told.items() if share > 0}
    scale = min((HEAVIEST * len(group) // told[version] for version, group in groups.items() if group), default=1)
    weights: dict[str, int] = {one.id: 0 for one in members}
    for version, group in groups.items():
        least, more = divmod(told[version] * scale, len(group)) if group else (0, 0)
        most = least + bool(more)
        weights.update({one.id: most for one in members if one.version == version})
        weights.update({one.id: least + (place < more) for place, one in enumerate(group)})
    return weights


def _sharing(members: Sequence[Member], version: Version, ready: Collection[str]) -> list[Member]:
    mine = [one for one in members if one.version == version]
    return [one for one in mine if one.id in ready] or mine


def enlist(backend: str, member: Member, server: Server | None, check: HealthCheck) -> list[Command]:
    """Commands that make the member known, with weight 0 unless it is known as it should be.

    A new one is told to be down before its checks begin: HAProxy would trust it until the first of them fails.
    """
    name = f"{backend}/{member.id}"
    if server is None:
        options = f"check {_check_options(check)} weight 0"
        known = ("New server registered", "Already exists a server")
        return [Command(f"add server {name} {member.address} {options}", known), *_prove(name)]
    if server.address != member.address or server.in_maintenance:
        host, _, port = member.address.rpartition(":")
        moved = Command(f"set server {name} addr {host} port {port}", ("changed", "no need to change"))
        return [weigh(name, 0), moved, *_prove(name)]
    return [weigh(name, 0), _ready(name)] if server.admin else []


def _prove(name: str) -> list[Command]:
    return [_ready(name), Command(f"set server {name} health down"), Command(f"enable health {name}")]


def _ready(name: str) -> Command:
    return Command(f"set server {name} state ready")


def weigh(name: str, weight: int) -> Command:
    """Give a server (`backend/server`) a weight of 0 to 256."""
    if not 0 <= weight <= HEAVIEST:
        raise ValueError(f"HAProxy's weights are 0 to {HEAVIEST}, not {weight}")
    return Command(f"set weight {name} {weight}")


def _check_options(check: HealthCheck) -> str:
    interval = _milliseconds(check.interval)
    soon = min(interval, _milliseconds(_SOON))
    return f"inter {interval} downinter {soon} rise {check.healthy_after} fall {check.unhealthy_after}"


def _milliseconds(time: timedelta) -> int:
    return max(1, round(time.total_seconds() * 1000))


def reweigh(backend: str, wanted: Mapping[str, int], now: Mapping[str, int]) -> list[Command]:
    """Commands for the weights that differ. More comes before less: at no moment has nobody a weight."""
    changes = sorted(
        ((name, weight) for name, weight in wanted.items() if weight != now.get(name)),
        key=lambda change: now.get(change[0], 0) - change[1],
    )
    return [weigh(f"{backend}/{name}", weight) for name, weight in changes]


def drain(backend: str, server: Server) -> list[Command]:
    """Commands that send it no new request."""
    return [] if server.admin else [Command(f"set server {backend}/{server.name} state drain")]


def remove(backend: str, server: Server) -> list[Command]:
    """Commands that make HAProxy forget a server that answers nothing.

    It stays in maintenance while idle connections to it are kept; that harms nobody, and the next removal gets it.
    """
    name = f"{backend}/{server.name}"
    gone = ("Server deleted", "still has connections", "No such server")
    return [Command(f"set server {name} state maint", ("No such server",)), Command(f"del server {name}", gone)]
