"""All groups: which alert is in which, and which is due next. Pure.

Source of the rules: Dispatcher.processAlert of Alertmanager.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alerting.alerts.alert import ReceivedAlert
from alerting.notify.group import Group, Timer
from alerting.notify.routing_memory import Place, Routing
from alerting.routing.tree import Route


class Groups:
    """The groups under one routing tree."""

    def __init__(self, root: Route) -> None:
        self._routing = Routing(root)
        self._groups: dict[str, Group] = {}
        self._of: dict[str, tuple[str, ...]] = {}
        self._queue: list[tuple[datetime, str]] = []

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)

    def get(self, id_: str) -> Group | None:
        """The group of this id."""
        return self._groups.get(id_)

    def of(self, fingerprint: str) -> list[Group]:
        """The groups that an alert is in."""
        return [self._groups[id_] for id_ in self._of.get(fingerprint, ())]

    def places(self, alert: ReceivedAlert) -> Sequence[Place]:
        """Where an alert belongs, for every route that matches."""
        return self._routing.places(alert.labels)

    def routes(self, labels: Mapping[str, str]) -> Sequence[Route]:
        """The routes of an alert with these labels."""
        return self._routing.routes(labels)

    def join(self, alert: ReceivedAlert, now: datetime) -> list[str]:
        """Put an alert into its groups, making those that are missing; the ids of those with another timer now."""
        return [place.id for place in self._routing.places(alert.labels) if self.enter(alert, place, now)]

    def enter(self, alert: ReceivedAlert, place: Place, now: datetime) -> bool:
        """Put an alert into one group, which is made when it is missing; whether its timer is another now."""
        id_, route, key = place
        group, mark = self._groups.get(id_), alert.fingerprint
        before = None if group is None else group.timer
        if group is None:
            group = Group(route, route.group_labels(alert.labels), key, Timer(now + route.group_wait))
            self.add(group)
        group.members[mark] = None
        known = self._of.get(mark)
        if known is None:
            self._of[mark] = (id_,)
        elif id_ not in known:
            self._of[mark] = (*known, id_)
        self.set_timer(group, group.timer.hurried(alert.starts_at, route.group_wait, now))
        return group.timer is not before

    def leave(self, group: Group, fingerprint: str) -> bool:
        """Take an alert out of a group; whether it is in none now."""
        group.members.pop(fingerprint, None)
        rest = tuple(id_ for id_ in self._of.get(fingerprint, ()) if id_ != group.id)
        if rest:
            self._of[fingerprint] = rest
            return False
        self._of.pop(fingerprint, None)
        return True

    def add(self, group: Group) -> None:
        """Take a group that was kept, without members yet."""
        self._groups[group.id] = group
        heapq.heappush(self._queue, (group.timer.due, group.id))

    def set_timer(self, group: Group, timer: Timer) -> None:
        """Give a group another time to be flushed."""
        if timer is not group.timer and timer != group.timer:
            group.timer = timer
            heapq.heappush(self._queue, (timer.due, group.id))

    def hasten(self, by: timedelta) -> None:
        """Let every group be due earlier, as when the clock was set back."""
        for group in self._groups.values():
            self.set_timer(group, replace(group.timer, due=group.timer.due - by))

    def take_due(self, now: datetime) -> list[Group]:
        """The groups whose time has come; each must get its next time. One still being told waits for `ended`."""
        due: dict[str, Group] = {}
        while self._queue and self._queue[0][0] <= now:
            at, id_ = heapq.heappop(self._queue)
            group = self._groups.get(id_)
            if group is not None and group.timer.due == at and group.telling is None:
                due[id_] = group
        return list(due.values())

    def ended(self, group: Group) -> None:
        """It is told; its time, which may have come meanwhile, counts again."""
        group.telling = None
        heapq.heappush(self._queue, (group.timer.due, group.id))

    def next_due(self) -> datetime | None:
        """No group is due before this; None when there is none."""
        return self._queue[0][0] if self._queue else None

    def drop_empty(self) -> list[Group]:
        """Forget the groups without members; these."""
        gone = [group for group in self._groups.values() if not group.members and group.telling is None]
        for group in gone:
            del self._groups[group.id]
        return gone
