"""Reads a routing configuration in Alertmanager's own format and tells every fault of it at once.

Source of the rules and of most messages: config/config.go of Alertmanager 0.28, as `amtool check-config` shows them.
What Alertmanager can do and we cannot is a fault where a route uses it, since nobody would be told, and a warning
elsewhere.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import yaml

from alerting.errors import PermanentFailure, Place, RuleProblem
from alerting.routing import document
from alerting.routing.config import RoutingConfig
from alerting.routing.document import Section
from alerting.routing.intervals import TimeInterval
from alerting.routing.load_http import parse_http
from alerting.routing.load_intervals import parse_named
from alerting.routing.load_receivers import ReceiverFound, Surroundings, http_lacks, parse_receiver
from alerting.routing.load_route import Names, parse_inhibit_rule, parse_root
from alerting.routing.tree import Route
from alerting.rules.document import Node

_LONGEST: Final = 4 * 1024 * 1024
_FIELDS: Final = frozenset({
    "global", "route", "inhibit_rules", "receivers", "templates", "mute_time_intervals", "time_intervals", "tracing",
    "event_recorder",
})  # fmt: skip
_NO_EFFECT: Final = ("templates", "tracing", "event_recorder")
_GLOBAL: Final = frozenset({
    "resolve_timeout", "http_config", "jira_api_url", "smtp_from", "smtp_hello", "smtp_smarthost", "smtp_auth_username",
    "smtp_auth_password", "smtp_auth_password_file", "smtp_auth_secret", "smtp_auth_secret_file", "smtp_auth_identity",
    "smtp_require_tls", "smtp_tls_config", "smtp_force_implicit_tls", "slack_api_url", "slack_api_url_file",
    "slack_app_token", "slack_app_token_file", "slack_app_url", "pagerduty_url", "opsgenie_api_url", "opsgenie_api_key",
    "opsgenie_api_key_file", "wechat_api_url", "wechat_api_secret", "wechat_api_secret_file", "wechat_api_corp_id",
    "victorops_api_url", "victorops_api_key", "victorops_api_key_file", "telegram_api_url", "telegram_bot_token",
    "telegram_bot_token_file", "webex_api_url", "rocketchat_api_url", "rocketchat_token", "rocketchat_token_file",
    "rocketchat_token_id", "rocketchat_token_id_file", "mattermost_webhook_url", "mattermost_webhook_url_file",
})  # fmt: skip
_MEANT: Final = ("resolve_timeout", "http_config")
_RESOLVE_TIMEOUT: Final = timedelta(minutes=5)


class RoutingWrong(PermanentFailure):
    """A configuration that cannot be served; `problems` are its faults in order, each a `file:line:column: …`."""

    def __init__(self, problems: tuple[RuleProblem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class RoutingRead:
    """What was read. Problems refuse it, and so do `lacks`: parts without a counterpart here that a route uses."""

    config: RoutingConfig
    problems: tuple[RuleProblem, ...]
    lacks: tuple[RuleProblem, ...]
    warnings: tuple[RuleProblem, ...]


def load_routing(path: Path, policies: Collection[str] | None = None) -> RoutingConfig:
    """Read a file. `policies` are the escalation policies that receivers may name (None: any). Raises RoutingWrong."""
    return parse_routing(str(path), _text(path), policies)


def parse_routing(file: str, text: str, policies: Collection[str] | None = None) -> RoutingConfig:
    """Read a text; `file` is the name its faults are told under. Raises RoutingWrong."""
    found = read_routing(file, text, policies)
    if found.problems or found.lacks:
        raise RoutingWrong(tuple(sorted((*found.problems, *found.lacks), key=_position)))
    return found.config


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST + 1)
    except OSError as wrong:
        reason = f"cannot be read: {wrong.strerror or wrong}"
    except UnicodeDecodeError as wrong:
        reason = f"yaml: invalid UTF-8 at byte {wrong.start}"
    raise RoutingWrong((RuleProblem(Place(str(path), 1, 1), reason),))


def _position(problem: RuleProblem) -> tuple[int, int]:
    return problem.line, problem.column


def read_routing(file: str, text: str, policies: Collection[str] | None = None) -> RoutingRead:
    """Read a text as far as it goes. Never raises for a bad one."""
    if len(text) > _LONGEST:
        return _nothing((RuleProblem(Place(file, 1, 1), f"longer than {_LONGEST} characters"),))
    section, root = document.compose(file, text)
    if root is None:
        return _nothing(tuple(section.problems) or (section.fault_at_start("no route provided in config"),))
    given = document.fields(section, root, _FIELDS, "configuration")
    for name in _NO_EFFECT:
        if name in given and given[name].value:
            section.at(name).warn(given[name], "without effect here")
    document.texts(section.at("templates"), given.get("templates"))
    resolve_timeout, around = _global(section.at("global"), given.get("global"), Path(file).parent, policies)
    found = _receivers(section, given, around)
    intervals = _intervals(section, given)
    rules = [parse_inhibit_rule(*each) for each in _list(section, given, "inhibit_rules")]
    if "route" not in given:
        section.complain(root, "no route provided in config")
        return _nothing(tuple(section.problems))
    route = parse_root(section.at("route"), given["route"], Names(found, intervals))
    lacks = _split_lacks(section, found, route)
    receivers = {name: one.receiver for name, one in found.items()}
    warnings = tuple(sorted(section.warnings, key=_position))
    config = RoutingConfig(route, receivers, tuple(rules), intervals, resolve_timeout, text, tuple(map(str, warnings)))
    return RoutingRead(config, tuple(section.problems), lacks, warnings)


def _nothing(problems: tuple[RuleProblem, ...]) -> RoutingRead:
    return RoutingRead(RoutingConfig(Route(key="{}", receiver=""), {}), problems, (), ())


def _list(section: Section, given: Mapping[str, Node], name: str) -> list[tuple[Section, Node]]:
    return document.items(section.at(name), given.get(name), name)


def _global(
    section: Section, node: Node | None, folder: Path, policies: Collection[str] | None
) -> tuple[timedelta, Surroundings]:
    if node is None:
        return _RESOLVE_TIMEOUT, Surroundings(folder, policies=policies)
    given = document.fields(section, node, _GLOBAL, "global")
    if unused := [name for name in given if name not in _MEANT]:
        section.warn(node, f"{', '.join(unused)}: without effect here")
    timeout = document.duration(section.at("resolve_timeout"), given.get("resolve_timeout"), _RESOLVE_TIMEOUT)
    http = given.get("http_config")
    if http is None:
        return timeout, Surroundings(folder, policies=policies)
    inside = section.at("http_config")
    return timeout, Surroundings(folder, parse_http(inside, http, folder), tuple(http_lacks(inside, http)), policies)


def _receivers(section: Section, given: Mapping[str, Node], around: Surroundings) -> dict[str, ReceiverFound]:
    found: dict[str, ReceiverFound] = {}
    for part, node in _list(section, given, "receivers"):
        one = parse_receiver(part, node, around)
        if one.receiver.name in found:
            part.complain(node, f'notification config name "{one.receiver.name}" is not unique')
        found[one.receiver.name] = one
    return found


def _intervals(section: Section, given: Mapping[str, Node]) -> dict[str, tuple[TimeInterval, ...]]:
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for kind in ("mute_time_intervals", "time_intervals"):
        for part, node in _list(section, given, kind):
            name, place, specs = parse_named(part, node)
            if name in found:
                part.complain(place, f'{kind.replace("_", " ").removesuffix("s")} "{name}" is not unique')
            found[name] = specs
    return found


def _split_lacks(section: Section, found: Mapping[str, ReceiverFound], route: Route) -> tuple[RuleProblem, ...]:
    """What used receivers lack; what the others lack is a warning."""
    used = {node.receiver for node in route.walk()}
    section.warnings.extend(lack for name, one in found.items() if name not in used for lack in one.lacks)
    return tuple(dict.fromkeys(lack for name, one in found.items() if name in used for lack in one.lacks))


def default_routing(channel: str, policy: str | None = None) -> RoutingConfig:
    """What is used when no file is set: everything goes to one channel, an incident for each alert of a service.

    The first alert is told at once, since the incident's message is brought up to date in place when others join.
    """
    chat = {"channel": channel, "policy": policy} if policy else {"channel": channel}
    route = {
        "receiver": "chat",
        "group_by": ["alertname", "service", "environment"],
        "group_wait": "0s",
        "group_interval": "30s",
        "repeat_interval": "4h",
    }
    receivers = [{"name": "chat", "chat_configs": [chat]}]
    return parse_routing("the default routing", yaml.safe_dump({"route": route, "receivers": receivers}))
