"""One placement behind its ports: its instances, whose turn it is, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from engine.catalog import HealthCheck, Version
from engine.infrastructure.balancers.backend import Backend
from engine.infrastructure.balancers.balancing import effective_weights, turns
from engine.infrastructure.balancers.checks import watch
from engine.infrastructure.balancers.client import Client
from engine.infrastructure.balancers.door import Door
from engine.infrastructure.balancers.flight import in_flight
from engine.infrastructure.balancers.limits import Limits
from engine.infrastructure.balancers.meters import Measured, Meters
from engine.infrastructure.balancers.orders import Member, Reading, Route
from engine.infrastructure.balancers.picking import PICKERS, Picker
from engine.infrastructure.balancers.preview import Preview
from engine.infrastructure.balancers.tasks import Tasks
from engine.infrastructure.balancers.wishes import Reader, Wish, reader_of
from engine.ports import InstanceId


class Site:
    """Sends each request to the next ready instance. `changed` is called when an instance's standing changes."""

    def __init__(self, route: Route, *, limits: Limits, tasks: Tasks, changed: Callable[[], None]) -> None:
        self.route = route
        self.limits = limits
        self.tasks = tasks
        self.read_wish: Reader | None = None
        self.time = asyncio.get_running_loop().time
        self.clients: set[Client] = set()
        self.meters = Meters()
        self.preview = Preview(self)
        self._changed = changed
        self._door = Door(lambda: Client(self))
        self._members: dict[Member, Backend] = {}
        self._draining: list[Backend] = []
        self._weights: dict[Version, int] = {}
        self._former: dict[Version, int] = {}
        self._order: Sequence[Version] = ()
        self._cursor = 0
        self._groups: dict[Version, list[Backend]] = {}
        self._pickers: dict[Version, Picker] = {}

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
        return await self._door.open(port)

    def adopt(self, route: Route, ready: Collection[InstanceId] = ()) -> None:
        """Serve `route` from now on. Known instances keep their standing, absent ones drain.

        Until somebody of the new weights is ready, those of the former ones who are still in the route go on: a
        shift straight to a version that has yet to pass its first check would answer nobody meanwhile.
        `ready` passed their checks before the proxy started and are trusted until a check or a request fails.
        """
        if route.balancing != self.route.balancing:
            self._pickers = {}
        self.route = route
        self.read_wish = reader_of(route.pin, route.balancing)
        self._former = self._weights if any(route.weights.values()) else {}
        wanted = set(route.members)
        for member in [one for one in self._members if one not in wanted]:
            self._retire(self._members.pop(member))
        for member in route.members:
            if member not in self._members:
                self._members[member] = self._enlist(member, ready=member.id in ready)
        self._arrange()

    def choose(self, wish: Wish, avoid: Collection[Backend], now: float) -> Backend | None:
        """Whose turn it is among those not to avoid; one of the version in flight when a pin asks for it."""
        if wish.pinned and (flight := in_flight(self.route)) is not None:
            backend = self.one_of(flight, wish, avoid, now)
            if backend is not None:
                return backend
        order = self._order
        for _ in order:
            self._cursor = (self._cursor + 1) % len(order)
            backend = self.one_of(order[self._cursor], wish, avoid, now)
            if backend is not None:
                return backend
        return None

    def one_of(self, version: Version, wish: Wish, avoid: Collection[Backend], now: float) -> Backend | None:
        """Whose turn it is among the ready instances of a version, whatever its share."""
        group = self._groups.get(version)
        if avoid and group:
            group = [one for one in group if one not in avoid]
        return self._pickers[version].pick(group, wish.caller, now) if group else None

    def has_only(self, backend: Backend) -> bool:
        """Whether nobody but this one can answer those who come by the ordinary port."""
        return not any(one is not backend for version in self._weights for one in self._groups[version])

    def nobody(self) -> tuple[str, str]:
        """See Entrance."""
        return "no-instance", f"No instance of {self.title} is healthy."

    def count(self, version: str, status: int, since: float) -> None:
        """A request is over."""
        self.meters.count(version, status, self.time() - since)

    def lose(self) -> None:
        """A request got no whole answer from an instance."""
        self.meters.lost += 1

    def count_retry(self, reason: str) -> None:
        """A request is sent again, or to another instance."""
        self.meters.retries[reason] += 1

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

    def everybody(self) -> tuple[Client, ...]:
        """All callers of both ports."""
        return (*self.clients, *self.preview.clients)

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
        for client in [one for one in self.everybody() if one.deadline <= now]:
            client.expire()
        for backend in self._members.values():
            backend.sweep(now - self.limits.pooled_idle)

    def leave(self) -> None:
        """Take no new connection and no further request on those there are."""
        self._door.close()
        self.preview.close()
        for client in tuple(self.clients):
            client.leave()

    def abort(self) -> None:
        """Cut what is left."""
        for client in self.everybody():
            client.abort()
        for backend in self._members.values():
            backend.retire()

    def _arrange(self) -> None:
        groups: dict[Version, list[Backend]] = {}
        for member, backend in self._members.items():
            if backend.standing.ready:
                groups.setdefault(member.version, []).append(backend)
        told = effective_weights(self.route.weights, groups)
        if told:
            self._former = {}
        self._weights = told or effective_weights(self._former, groups) or self._last_resort(groups)
        self._groups = groups
        self._pickers = {one: self._pickers.get(one) or PICKERS[self.route.balancing]() for one in groups}
        self._order = turns(self._weights)

    def _last_resort(self, groups: Mapping[Version, Sequence[Backend]]) -> dict[Version, int]:
        """A version that had the traffic before and is still kept: better than nobody. Never one that is only shown."""
        flight = in_flight(self.route)
        kept = [version for version in self.route.known if version != flight and version in groups]
        return {kept[-1]: 100} if kept and any(self.route.weights.values()) else {}

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
