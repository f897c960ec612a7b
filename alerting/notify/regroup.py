"""Groups after a restart or under another configuration: their timers go on, and nobody waits anew. Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime

from alerting.alerts.alert import ReceivedAlert
from alerting.notify.group import Group, Timer
from alerting.notify.groups import Groups
from alerting.notify.timers import KeptGroup
from alerting.routing.tree import Route

Owes = Callable[[str, str, str], bool]
"""Whether a group (by key) must still tell a receiver that an alert (by fingerprint) is over."""


def restored(
    root: Route, kept: Iterable[KeptGroup], alerts: Iterable[ReceivedAlert], owes: Owes, now: datetime
) -> Groups:
    """The groups as a crash left them. `alerts` are those of which something may have to be told."""
    groups, routes = Groups(root), {route.id: route for route in root.walk()}
    for one in kept:
        if one.route in routes:
            groups.add(Group(routes[one.route], one.labels, one.key, one.timer, one.settled_at))
    for alert in alerts:
        for place in groups.places(alert):
            if (
                not alert.resolved(now)
                or _unsettled(groups.get(place.id), alert)
                or owes(place.key, place.route.receiver, alert.fingerprint)
            ):
                groups.enter(alert, place, now)
    return groups


def regrouped(root: Route, before: Groups, alerts: Iterable[ReceivedAlert], owes: Owes, now: datetime) -> Groups:
    """The groups under another tree; one that is there as before keeps its timer, and what is being told of it."""
    groups, routes = Groups(root), {route.id: route for route in root.walk()}
    over = {group.id: set(group.members) for group in before}
    for group in before:
        if group.route.id in routes:
            group.route, group.members = routes[group.route.id], {}
            latest = now + (group.route.group_interval if group.timer.flushed else group.route.group_wait)
            group.timer = Timer(min(group.timer.due, latest), group.timer.flushed)
            groups.add(group)
    for alert in alerts:
        for place in groups.places(alert):
            stays = alert.fingerprint in over.get(place.id, ())
            if stays or not alert.resolved(now) or owes(place.key, place.route.receiver, alert.fingerprint):
                groups.enter(alert, place, now)
    return groups


def _unsettled(group: Group | None, alert: ReceivedAlert) -> bool:
    """Whether the alert ended after the last flush that left nothing to tell of what was over then."""
    if group is None or group.settled_at is None or alert.ends_at is None:
        return True
    return max(alert.updated_at, alert.ends_at) > group.settled_at
