"""The routing tree: which receivers hear of an alert, in which group. Pure.

Source of the rules: dispatch/route.go and dispatch/dispatch.go of Alertmanager.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerting.routing.matcher import Matcher, all_match
from alerting.rules.template.literals import quoted

ALL_LABELS: Final = "..."
"""In `group_by`: every label set is a group of its own."""


@dataclass(frozen=True, slots=True)
class Route:
    """One node with what it inherited filled in.

    `key` is how group keys name it: the matchers from the root down, as Alertmanager writes them; two nodes with the
    same matchers share it. `id` tells it from every other. Time intervals are not inherited.
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
    id: str = ""

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


def group_key(route: Route, labels: Mapping[str, str]) -> str:
    """The name of the group of an alert with these labels: `{}/{severity="page"}:{alertname="Down", team="shop"}`."""
    group = route.group_labels(labels)
    pairs = ", ".join(f"{name}={quoted(group[name])}" for name in sorted(group))
    return f"{route.key}:{{{pairs}}}"
