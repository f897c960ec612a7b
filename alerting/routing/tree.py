"""The routing tree: which receivers hear of an alert, in which group. Pure.

Source of the rules: dispatch/route.go of Alertmanager.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerting.routing.matcher import Matcher, all_match

ALL_LABELS: Final = "..."
"""In `group_by`: every label set is a group of its own."""


@dataclass(frozen=True, slots=True)
class Route:
    """One node with what it inherited filled in; `key` tells it from every other, as Alertmanager writes it.

    Time intervals are not inherited.
    """

    key: str
    receiver: str
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] = ()
    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    goes_on: bool = False
    routes: tuple["Route", ...] = ()

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels that tell the alert's group from the others of this route; absent ones are left out."""
        if ALL_LABELS in self.group_by:
            return dict(labels)
        return {name: labels[name] for name in self.group_by if name in labels}

    def walk(self) -> Iterator["Route"]:
        """This node and all below it, depth first."""
        yield self
        for child in self.routes:
            yield from child.walk()


def matching(route: Route, labels: Mapping[str, str]) -> list[Route]:
    """The deepest nodes that match, in order; the first child that matches ends the search unless it goes on."""
    if not all_match(route.matchers, labels):
        return []
    found: list[Route] = []
    for child in route.routes:
        below = matching(child, labels)
        found += below
        if below and not child.goes_on:
            break
    return found or [route]
