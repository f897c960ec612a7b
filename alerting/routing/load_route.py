"""Routes and inhibition rules of a configuration.

Source of the rules: config/config.go and dispatch/route.go of Alertmanager.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import yaml

from alerting.routing import document
from alerting.routing.config import InhibitRule
from alerting.routing.document import Section
from alerting.routing.matcher import Matcher, format_matchers
from alerting.routing.tree import ALL_LABELS, Route
from alerting.rules.document import Node

_MATCHERS: Final = ("match", "match_re", "matchers")
_INTERVALS: Final = ("mute_time_intervals", "active_time_intervals")
_WAITS: Final = ("group_wait", "group_interval", "repeat_interval")
_FIELDS: Final = frozenset({"receiver", "group_by", "continue", "routes", *_MATCHERS, *_INTERVALS, *_WAITS})
_INHIBIT: Final = frozenset({
    "name", "source_match", "source_match_re", "source_matchers", "target_match", "target_match_re", "target_matchers",
    "equal",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """What routes may name."""

    receivers: Collection[str]
    intervals: Collection[str]


def parse_root(section: Section, node: Node, names: Names) -> Route:
    """Read the whole tree."""
    given = document.fields(section, node, _FIELDS, "route")
    if not document.text(section, given.get("receiver")):
        section.complain(given.get("receiver", node), "root route must specify a default receiver")
    for name in (*_MATCHERS, *_INTERVALS):
        if name in given and given[name].value:
            what = "any matchers" if name in _MATCHERS else f"any {name.replace('_', ' ')}"
            section.at(name).complain(given[name], f"root route must not have {what}")
    if document.boolean(section.at("continue"), given.get("continue"), default=False):
        section.at("continue").complain(given["continue"], "cannot have continue in root route")
    root = Route(key="{}", receiver="", id="{}")
    return _filled(section, given, root, names)


def _parse(section: Section, node: Node, parent: Route, index: int, names: Names) -> Route:
    if not isinstance(node, yaml.MappingNode):
        section.complain(node, "expected the fields of a route")
    given = document.fields(section, node, _FIELDS, "route")
    matchers = _route_matchers(section, given)
    shown = format_matchers(matchers)
    route = Route(
        key=f"{parent.key}/{shown}",
        id=f"{parent.id}/{shown}/{index}",
        receiver=parent.receiver,
        matchers=matchers,
        group_by=parent.group_by,
        group_wait=parent.group_wait,
        group_interval=parent.group_interval,
        repeat_interval=parent.repeat_interval,
        mute_time_intervals=_interval_names(section, given, "mute_time_intervals", names),
        active_time_intervals=_interval_names(section, given, "active_time_intervals", names),
        goes_on=document.boolean(section.at("continue"), given.get("continue"), default=False),
    )
    return _filled(section, given, route, names)


def _filled(section: Section, given: Mapping[str, Node], route: Route, names: Names) -> Route:
    """The route with what it sets itself, and with its children."""
    route = replace(
        route,
        receiver=_receiver(section.at("receiver"), given.get("receiver"), names) or route.receiver,
        group_by=_group_by(section.at("group_by"), given.get("group_by")) or route.group_by,
        group_wait=_wait(section, given, "group_wait", route.group_wait),
        group_interval=_wait(section, given, "group_interval", route.group_interval),
        repeat_interval=_wait(section, given, "repeat_interval", route.repeat_interval),
    )
    children = document.items(section.at("routes"), given.get("routes"), "route")
    return replace(
        route, routes=tuple(_parse(part, item, route, index, names) for index, (part, item) in enumerate(children))
    )


def _wait(section: Section, given: Mapping[str, Node], name: str, inherited: timedelta) -> timedelta:
    return document.duration(section.at(name), given.get(name), inherited, zero=name == "group_wait")


def _receiver(section: Section, node: Node | None, names: Names) -> str:
    name = document.text(section, node)
    if node is not None and name and name not in names.receivers:
        section.complain(node, f'undefined receiver "{name}" used in route')
    return name


def _group_by(section: Section, node: Node | None) -> tuple[str, ...]:
    """The labels; an empty list is as none, which is inherited."""
    found: list[str] = []
    for part, item in document.items(section, node, "string"):
        name = document.text(part, item)
        if not name:
            part.complain(item, 'invalid label name "" in group_by list')
        if name in found and name != ALL_LABELS:
            part.complain(item, f'duplicated label "{name}" in group_by')
        found.append(name)
    if node is not None and ALL_LABELS in found and set(found) != {ALL_LABELS}:
        section.complain(node, "cannot have wildcard group_by (`...`) and other labels at the same time")
    return tuple(dict.fromkeys(found))


def _route_matchers(section: Section, given: Mapping[str, Node]) -> tuple[Matcher, ...]:
    found = [
        *document.match(section.at("match"), given.get("match")),
        *document.match_re(section.at("match_re"), given.get("match_re")),
        *document.matchers(section.at("matchers"), given.get("matchers")),
    ]
    return tuple(sorted(found, key=lambda one: one.order))


def _interval_names(section: Section, given: Mapping[str, Node], name: str, names: Names) -> tuple[str, ...]:
    found = []
    for part, item in document.items(section.at(name), given.get(name), "string"):
        word = document.text(part, item)
        if word not in names.intervals:
            part.complain(item, f'undefined time interval "{word}" used in route')
        found.append(word)
    return tuple(found)


def parse_inhibit_rule(section: Section, node: Node) -> InhibitRule:
    """Read one inhibition rule."""
    given = document.fields(section, node, _INHIBIT, "inhibit_rule")
    document.text(section.at("name"), given.get("name"))
    return InhibitRule(
        source=_side(section, given, "source"),
        target=_side(section, given, "target"),
        equal=_equal(section.at("equal"), given.get("equal")),
    )


def _side(section: Section, given: Mapping[str, Node], side: str) -> tuple[Matcher, ...]:
    match, match_re, matchers = f"{side}_match", f"{side}_match_re", f"{side}_matchers"
    return (
        *document.match(section.at(match), given.get(match)),
        *document.match_re(section.at(match_re), given.get(match_re)),
        *document.matchers(section.at(matchers), given.get(matchers)),
    )


def _equal(section: Section, node: Node | None) -> tuple[str, ...]:
    names = []
    for part, item in document.items(section, node, "string"):
        name = document.text(part, item)
        if not name:
            part.complain(item, 'invalid label name "" in equal list')
        names.append(name)
    return tuple(dict.fromkeys(names))
