"""The first route whose labels match takes the alert. Pure.

Equality on a flat list for now; the tree of Alertmanager (children, regular expressions, `continue`) goes in here.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

ALL_LABELS: Final = "..."  # in group_by, as Alertmanager writes it: every label set is a group of its own


@dataclass(frozen=True, slots=True)
class Route:
    """Alerts that carry all of `matchers` are told in `channel` and escalated by `policy` (None: nobody is paged).

    Alerts that agree in the labels of `group_by` are one incident. `severity_label` names the label with the severity.
    """

    channel: str
    matchers: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    group_by: tuple[str, ...] = ("alertname", "service", "environment")
    severity_label: str = "severity"

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every matcher holds; an absent label is an empty one, as in Prometheus."""
        return all(labels.get(name, "") == value for name, value in self.matchers.items())


@dataclass(frozen=True, slots=True)
class Routing:
    """All routes in the order they are tried; `default` takes what no route matches."""

    default: Route
    routes: tuple[Route, ...] = ()

    def names(self) -> frozenset[str]:
        """Every escalation policy that a route names."""
        return frozenset(one.policy for one in (*self.routes, self.default) if one.policy)


def route(labels: Mapping[str, str], routes: Iterable[Route], default: Route) -> Route:
    """Return the first route that matches, `default` when none does."""
    return next((one for one in routes if one.matches(labels)), default)


def group_key(chosen: Route, labels: Mapping[str, str]) -> str:
    """Return the name of the alert's group: `{severity="page"}:{alertname="Down",service="shop"}`.

    Alertmanager's form: the route's matchers, then the group's labels, each in label order. Labels the alert lacks
    are left out.
    """
    names = labels if ALL_LABELS in chosen.group_by else chosen.group_by
    group = {name: labels[name] for name in names if labels.get(name)}
    return f"{_braces(chosen.matchers)}:{_braces(group)}"


def _braces(labels: Mapping[str, str]) -> str:
    pairs = (f"{name}={json.dumps(labels[name], ensure_ascii=False)}" for name in sorted(labels))
    return "{" + ",".join(pairs) + "}"
