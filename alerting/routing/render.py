"""A routing configuration as YAML that Alertmanager's own tools read, and as the trees amtool draws. Pure.

Secrets are shown as `<secret>`, as Alertmanager shows them. A chat receiver is shown as one of Slack's, whose `api_url`
is such a secret.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Final

import yaml

from alerting.metrics.duration import format_duration
from alerting.routing.config import ChatReceiver, InhibitRule, Integration, Receiver, RoutingConfig
from alerting.routing.intervals import NEVER, Range, TimeInterval
from alerting.routing.load_intervals import MONTHS, WEEKDAYS
from alerting.routing.matcher import Matcher, all_match, format_matchers
from alerting.routing.tree import Route

SECRET: Final = "<secret>"  # noqa: S105  # what is shown in its place
Shown = dict[str, object]


def render_config(config: RoutingConfig) -> str:
    """The configuration for `config.original` of API v2; amtool reads it and routes as we do."""
    shown: Shown = {
        "global": {"resolve_timeout": format_duration(config.resolve_timeout)},
        "route": _route(config.route, None),
        "inhibit_rules": [_inhibit_rule(rule) for rule in config.inhibit_rules],
        "receivers": [_receiver(receiver) for receiver in config.receivers.values()],
        "templates": [],
        "time_intervals": [
            {"name": name, "time_intervals": [_interval(one) for one in intervals]}
            for name, intervals in config.time_intervals.items()
        ],
    }
    return yaml.safe_dump(
        {name: value for name, value in shown.items() if value or name == "templates"},
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
    )


def _route(route: Route, parent: Route | None) -> Shown:
    """A node with what it does not inherit."""
    values = {
        "receiver": route.receiver,
        "group_by": list(route.group_by),
        "group_wait": format_duration(route.group_wait),
        "group_interval": format_duration(route.group_interval),
        "repeat_interval": format_duration(route.repeat_interval),
    }
    inherited = _route(_alone(parent), None) if parent else {}
    shown: Shown = {name: value for name, value in values.items() if value and inherited.get(name) != value}
    lists = {
        "matchers": [str(matcher) for matcher in route.matchers],
        "mute_time_intervals": list(route.mute_time_intervals),
        "active_time_intervals": list(route.active_time_intervals),
        "routes": [_route(child, route) for child in route.routes],
    }
    if route.goes_on:
        shown["continue"] = True
    return shown | {name: value for name, value in lists.items() if value}


def _alone(route: Route) -> Route:
    return Route(
        key=route.key,
        receiver=route.receiver,
        group_by=route.group_by,
        group_wait=route.group_wait,
        group_interval=route.group_interval,
        repeat_interval=route.repeat_interval,
    )


def _inhibit_rule(rule: InhibitRule) -> Shown:
    shown = {
        "source_matchers": _texts(rule.source),
        "target_matchers": _texts(rule.target),
        "equal": list(rule.equal),
    }
    return {name: value for name, value in shown.items() if value}


def _texts(matchers: Iterable[Matcher]) -> list[str]:
    return [str(matcher) for matcher in matchers]


def _receiver(receiver: Receiver) -> Shown:
    shown: dict[str, list[Shown]] = {}
    for one in receiver.integrations:
        kind = "slack_configs" if isinstance(one, ChatReceiver) else "webhook_configs"
        shown.setdefault(kind, []).append(_integration(one))
    return {"name": receiver.name, **shown}


def _integration(one: Integration) -> Shown:
    if isinstance(one, ChatReceiver):
        return {"send_resolved": one.send_resolved, "api_url": SECRET, "channel": f"#{one.channel}"}
    shown: Shown = {"send_resolved": one.send_resolved, "url": SECRET, "max_alerts": one.max_alerts}
    if one.timeout:
        shown["timeout"] = f"{one.timeout / timedelta(milliseconds=1):.0f}ms"
    return shown


def _interval(interval: TimeInterval) -> Shown:
    parts: dict[str, tuple[tuple[Range, ...], Callable[[int], str]]] = {
        "weekdays": (interval.weekdays, lambda day: WEEKDAYS[day]),
        "days_of_month": (interval.days, str),
        "months": (interval.months, lambda month: MONTHS[month - 1] if 1 <= month <= 12 else str(month)),
        "years": (interval.years, str),
    }
    shown: Shown = {}
    if interval.times:
        shown["times"] = [] if interval.times == NEVER else [_times(one) for one in interval.times]
    for name, (ranges, word) in parts.items():
        if ranges:
            shown[name] = [] if ranges == NEVER else [_range(one, word) for one in ranges]
    return shown | {"location": interval.location}


def _times(minutes: Range) -> Shown:
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in minutes)
    return {"start_time": start, "end_time": end}


def _range(ends: Range, word: Callable[[int], str]) -> str:
    first, last = ends
    return word(first) if first == last else f"{word(first)}:{word(last)}"


def render_tree(route: Route) -> str:
    """The whole tree as `amtool config routes show` draws it."""
    return "\n".join([".", *_branch(route, "", lambda node: _slug(node, details=True), lambda node: node.routes)])


def render_matching_tree(route: Route, labels: Mapping[str, str]) -> str:
    """The nodes that labels reach, as `amtool config routes test --tree` draws them."""

    def reached(node: Route) -> list[Route]:
        found: list[Route] = []
        for child in node.routes:
            if all_match(child.matchers, labels):
                found.append(child)
                if not child.goes_on:
                    break
        return found

    def slug(node: Route) -> str:
        return f"{_slug(node)}{'' if reached(node) else _receives(node)}"

    return "\n".join([".", *_branch(route, "", slug, reached)])


def _slug(node: Route, *, details: bool = False) -> str:
    name = format_matchers(node.matchers) if node.matchers else "default-route"
    if not details:
        return name
    return f"{name}{'  continue: true' if node.goes_on else ''}{_receives(node)}"


def _receives(node: Route) -> str:
    return f"  receiver: {node.receiver}"


def _branch(
    node: Route,
    indent: str,
    slug: Callable[[Route], str],
    below: Callable[[Route], Iterable[Route]],
    *,
    last: bool = True,
) -> list[str]:
    lines = [f"{indent}{'└── ' if last else '├── '}{slug(node)}"]
    children = list(below(node))
    inside = indent + ("    " if last else "│   ")
    for place, child in enumerate(children, start=1):
        lines += _branch(child, inside, slug, below, last=place == len(children))
    return lines
