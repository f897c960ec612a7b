"""A group of alerts that are told together, and when. Pure.

Source of the rules: aggrGroup of Alertmanager.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerting.routing.tree import Route


@dataclass(frozen=True, slots=True)
class Timer:
    """When a group is flushed next, and whether it ever was."""

    due: datetime
    flushed: bool = False

    def hurried(self, starts_at: datetime, wait: timedelta, now: datetime) -> "Timer":
        """Nobody waits for company for an alert that has been there longer than the wait."""
        if self.flushed or starts_at + wait >= now or self.due <= now:
            return self
        return replace(self, due=now)

    def begun(self, interval: timedelta, now: datetime) -> "Timer":
        """The group is flushed now; next after the interval, or when it had been due again if it was late."""
        return Timer(self.due + interval * ((now - self.due) // interval + 1), flushed=True)


@dataclass(slots=True, eq=False)
class Group:
    """The alerts of one route that agree in its `group_by`; `members` are their fingerprints.

    `key` names it as Alertmanager does, `id` also tells apart the groups of routes with the same matchers.
    `settled_at` is the last flush that left nothing to tell of what was over then. While the group is being told,
    `telling` is the timer that ran out for it.
    """

    route: Route
    labels: Mapping[str, str]
    key: str
    timer: Timer
    settled_at: datetime | None = None
    members: dict[str, None] = field(default_factory=dict)
    telling: Timer | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = group_id(self.route, self.key)

    @property
    def kept_timer(self) -> Timer:
        """What a restart goes by: a telling that a crash ends begins anew."""
        return self.telling or self.timer


def group_id(route: Route, key: str) -> str:
    """What tells a group from every other: its key and its route."""
    return f"{route.id} {key}"
