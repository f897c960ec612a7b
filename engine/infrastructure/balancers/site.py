"""One placement behind one port: its instances, whose turn it is, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from engine.catalog import HealthCheck, Version
from engine.infrastructure.balancers.backend import Backend
from engine.infrastructure.balancers.balancing import effective_weights, turns
from engine.infrastructure.balancers.checks import watch
from engine.infrastructure.balancers.client import Client
from engine.infrastructure.balancers.limits import Limits
from engine.infrastructure.balancers.meters import Measured, Meters
from engine.infrastructure.balancers.orders import Member, Reading, Route
from engine.infrastructure.balancers.tasks import Tasks
from engine.ports import InstanceId

_HOST = "127.0.0.1"


class Site:
    """Sends each request to the next ready instance. `changed` is called when an instance's standing changes."""

    def __init__(self, route: Route, *, limits: Limits, tasks: Tasks, changed: Callable[[], None]) -> None:
        self.route = route
        self.limits = limits
        self.tasks = tasks
        self.time = asyncio.get_running_loop().time
        self.clients: set[Client] = set()
        self.meters = Meters()
        self._changed = changed
        self._server: asyncio.Server | None = None
        self._port = 0
        self._members: dict[Member, Backend] = {}
        self._draining: list[Backend] = []
        self._weights: dict[Version, int] = {}
        self._former: dict[Version, int] = {}
        self._order: Sequence[Version] = ()
        self._cursor = 0
        self._groups: dict[Version, list[Backend]] = {}
        self._next: dict[Version, int] = {}

    @property
    def title(self) -> str:
        """How people call this placement."""
        return f"{self.route.service} in {self.route.environment}"

    @property
    def health(self) -> HealthCheck:
        """The checks its instances have to pass."""
        return self.route.health

    async def listen(self, port: int) -> int:
        """Take requests on this port (0: any), no longer on the one before. Raises OSError when it is taken."""
        if self._server is not None and port == self._port:
            return port
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Client(self), _HOST, port, backlog=1024)
        self._close_server()
        self._server = server
        self._port = server.sockets[0].getsockname()[1]
        return self._port

    def adopt(self, route: Route, ready: Collection[InstanceId] = ()) -> None:
        """Serve `route` from now on. Known instances keep their standing, absent ones drain.

        Until somebody of the new weights is ready, those of the former ones who are still in the route go on: a
        shift straight to a version that has yet to pass its first check would answer nobody meanwhile.
        `ready` passed their checks before the proxy started and are trusted until a check or a request fails.
        """
        self.route = route
        self._former = self._weights if any(route.weights.values()) else {}
        wanted = set(route.members)
        for member in [one for one in self._members if one not in wanted]:
            self._retire(self._members.pop(member))
        for member in route.members:
            if member not in self._members:
                self._members[member] = self._enlist(member, ready=member.id in ready)
        self._arrange()

    def choose(self, avoid: Collection[Backend]) -> Backend | None:
        """Whose turn it is; one to avoid only when there is no other; None when nobody is ready."""
        for _ in range(len(self._order)):
            backend = self._turn()
            if backend not in avoid:
                return backend
        others = [one for group in self._groups.values() for one in group]
        return next((one for one in others if one not in avoid), others[0] if others else None)

    def has_other(self, avoid: Collection[Backend]) -> bool:
        """Whether somebody not to avoid is ready."""
        return any(one not in avoid for group in self._groups.values() for one in group)

    def count(self, version: str, status: int, since: float) -> None:
        """A request is over."""
        self.meters.count(version, status, self.time() - since)

    def lose(self) -> None:
        """A request got no whole answer from an instance."""
        self.meters.lost += 1

    def standing_changed(self) -> None:
        """An instance became ready, or stopped to be."""
        self._arrange()
        self._changed()

    def drained_one(self, backend: Backend) -> None:
        """A retired instance answered its last request."""
        if backend in self._draining:
            self._draining.remove(backend)

    def ready(self) -> tuple[InstanceId, ...]:
        """Who passes the checks."""
        return tuple(member.id for member, one in self._members.items() if one.standing.ready)

    def reading(self) -> Reading:
        """What is served now."""
        return Reading(self._weights, self.ready(), self.meters.requests, self.meters.lost)

    def drained(self, instances: Collection[InstanceId]) -> bool:
        """Whether none of these answers a request."""
        known = [*self._members.values(), *self._draining]
        return not any(one.active for one in known if one.member.id in instances)

    def measured(self) -> Measured:
        """The numbers for the metrics page."""
        return Measured(
            labels={"service": self.route.service, "environment": self.route.environment},
            meters=self.meters,
            weights={member.version: self._weights.get(member.version, 0) for member in self._members},
            ready={(member.version, member.id): one.standing.ready for member, one in self._members.items()},
        )

    def sweep(self) -> None:
        """End the patience with callers that used it up, and close connections nobody needed for long."""
        now = self.time()
        for client in [one for one in self.clients if one.deadline <= now]:
            client.expire()
        for backend in self._members.values():
            backend.sweep(now - self.limits.pooled_idle)

    def leave(self) -> None:
        """Take no new connection and no further request on those there are."""
        self._close_server()
        for client in tuple(self.clients):
            client.leave()

    def abort(self) -> None:
        """Cut what is left."""
        for client in tuple(self.clients):
            client.abort()
        for backend in self._members.values():
            backend.retire()

    def _turn(self) -> Backend:
        self._cursor = (self._cursor + 1) % len(self._order)
        version = self._order[self._cursor]
        group = self._groups[version]
        position = self._next.get(version, 0) % len(group)
        self._next[version] = position + 1
        return group[position]

    def _arrange(self) -> None:
        groups: dict[Version, list[Backend]] = {}
        for member, backend in self._members.items():
            if backend.standing.ready:
                groups.setdefault(member.version, []).append(backend)
        told = effective_weights(self.route.weights, groups)
        if told:
            self._former = {}
        self._weights = told or effective_weights(self._former, groups)
        self._groups = {version: groups[version] for version in self._weights}
        self._order = turns(self._weights)

    def _enlist(self, member: Member, *, ready: bool) -> Backend:
        for backend in self._draining:
            if backend.member == member:
                self._draining.remove(backend)
                backend.rejoin()
                break
        else:
            backend = Backend(self, member, ready=ready)
        backend.watcher = self.tasks.create_task(watch(backend, lambda: self.health), name=f"check {member.id}")
        return backend

    def _retire(self, backend: Backend) -> None:
        if backend.watcher is not None:
            backend.watcher.cancel()
        backend.retire()
        if backend.active:
            self._draining.append(backend)

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server, self._port = None, 0
