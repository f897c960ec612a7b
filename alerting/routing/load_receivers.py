"""Receivers of a configuration: ours, Alertmanager's that we have too, and those that have no counterpart here.

Source of the rules: config/notifiers.go of Alertmanager.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from alerting.errors import RuleProblem, TemporaryFailure
from alerting.routing import document
from alerting.routing.config import ChatReceiver, HeaderSource, Integration, Receiver, Secret, WebhookReceiver
from alerting.routing.document import Section
from alerting.routing.load_http import NO_COUNTERPART, parse_http
from alerting.routing.secret_files import read_headers, read_secret
from alerting.rules.document import Node

_CALLS: Final = "let an escalation policy page them: chat_configs with a channel and a policy"
_BRIDGE: Final = "use chat_configs, or webhook_configs to a program that passes it on"
UNKNOWN_HERE: Final[Mapping[str, str]] = {
    "discord_configs": _BRIDGE,
    "email_configs": _CALLS,
    "incidentio_configs": _BRIDGE,
    "jira_configs": _BRIDGE,
    "mattermost_configs": _BRIDGE,
    "msteams_configs": _BRIDGE,
    "msteamsv2_configs": _BRIDGE,
    "opsgenie_configs": _CALLS,
    "pagerduty_configs": _CALLS,
    "pushover_configs": _CALLS,
    "rocketchat_configs": _BRIDGE,
    "sns_configs": _BRIDGE,
    "telegram_configs": _BRIDGE,
    "victorops_configs": _CALLS,
    "webex_configs": _BRIDGE,
    "wechat_configs": _BRIDGE,
}
"""Kinds of receivers that Alertmanager has and we have not, and what to use in their place."""
_FIELDS: Final = frozenset({"name", "chat_configs", "slack_configs", "webhook_configs", *UNKNOWN_HERE})
_CHAT: Final = frozenset({"channel", "policy", "send_resolved"})
_WEBHOOK: Final = frozenset({"url", "url_file", "send_resolved", "max_alerts", "timeout", "http_config"})
_LOOKS: Final = frozenset({
    "username", "color", "title", "title_link", "pretext", "text", "fields", "short_fields", "footer", "fallback",
    "callback_id", "icon_emoji", "icon_url", "image_url", "thumb_url", "link_names", "mrkdwn_in", "actions",
    "message_text", "timeout",
})  # fmt: skip
_ACCESS: Final = frozenset({"api_url", "api_url_file", "http_config", "app_token", "app_token_file", "app_url"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What receivers lean on: the file's folder, what the global `http_config` gives and lacks, and the known policies
    (None: any)."""

    folder: Path
    headers: tuple[HeaderSource, ...] = ()
    lacks: tuple[RuleProblem, ...] = ()
    policies: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class ReceiverFound:
    """A receiver, and what of it tells nobody here: a fault as soon as a route uses it."""

    receiver: Receiver
    lacks: tuple[RuleProblem, ...] = ()


def parse_receiver(section: Section, node: Node, around: Surroundings) -> ReceiverFound:
    """Read one receiver."""
    given = document.fields(section, node, _FIELDS, "receiver")
    name = document.text(section, given.get("name"))
    if not name:
        section.complain(node, "missing name in receiver")
    lacks = [_lack(part, item, kind) for kind in UNKNOWN_HERE for part, item in _configs(section, given, kind)]
    found: list[Integration] = []
    for part, item in _configs(section, given, "chat_configs"):
        found.append(_chat(part, item, around.policies))
    for part, item in _configs(section, given, "slack_configs"):
        found += _slack(part, item, lacks)
    for part, item in _configs(section, given, "webhook_configs"):
        found.append(_webhook(part, item, around, lacks))
    return ReceiverFound(Receiver(name, tuple(found)), tuple(lacks))


def _configs(section: Section, given: Mapping[str, Node], kind: str) -> Iterator[tuple[Section, Node]]:
    for part, item in document.items(section.at(kind), given.get(kind), kind):
        if isinstance(item, yaml.MappingNode):
            yield part, item
        else:
            part.complain(item, f"expected the fields of one of {kind}")


def _lack(section: Section, node: Node, kind: str) -> RuleProblem:
    return section.fault(node, f"{kind} have no counterpart here, so nobody would be told; {UNKNOWN_HERE[kind]}")


def _chat(section: Section, node: Node, policies: Collection[str] | None) -> ChatReceiver:
    given = document.fields(section, node, _CHAT, "chat_config")
    channel = document.text(section, given.get("channel")).removeprefix("#")
    if not channel or any(sign.isspace() for sign in channel):
        section.complain(given.get("channel", node), "name the channel, as #ops")
    policy = document.text(section, given.get("policy")) or None
    if policy is not None and policies is not None and policy not in policies:
        known = ", ".join(sorted(policies)) or "none"
        section.at("policy").complain(given["policy"], f'there is no escalation policy "{policy}"; known: {known}')
    resolved = document.boolean(section.at("send_resolved"), given.get("send_resolved"), default=True)
    return ChatReceiver(channel, policy, resolved)


def _slack(section: Section, node: Node, lacks: list[RuleProblem]) -> list[ChatReceiver]:
    given = document.fields(section, node, _LOOKS | _ACCESS | {"channel", "send_resolved"}, "slack_config")
    if "api_url" in given and "api_url_file" in given:
        section.complain(given["api_url_file"], "at most one of api_url & api_url_file must be configured")
    if "api_url" in given:
        document.url(section.at("api_url"), given["api_url"])
    _warn_unused(section, node, given)
    # Not told unless asked for by Alertmanager; here an incident that hears of no end would stay open for ever.
    resolved = document.boolean(section.at("send_resolved"), given.get("send_resolved"), default=True)
    channel = document.text(section, given.get("channel"))
    if reason := _no_channel(channel):
        place = given.get("channel", node)
        lacks.append(section.fault(place, f"{reason}, so nobody would be told; name one channel, as #ops"))
        return []
    return [ChatReceiver(channel.removeprefix("#"), None, resolved)]


def _warn_unused(section: Section, node: Node, given: Mapping[str, Node]) -> None:
    if access := sorted(_ACCESS & given.keys()):
        section.warn(node, f"{', '.join(access)}: not needed, messages go to the workspace Pilothouse is in")
    if looks := sorted(_LOOKS & given.keys()):
        section.warn(node, f"{', '.join(looks)}: without effect, Pilothouse writes its own incident message")


def _no_channel(channel: str) -> str:
    """Why a channel of Slack's receiver is none of ours, empty when it is one."""
    if not channel.removeprefix("#"):
        return "no channel is named"
    if "{{" in channel:
        return "the channel is a template, which has no counterpart here"
    if channel.startswith("@"):
        return "a person is no channel"
    return "a channel's name holds no space" if any(sign.isspace() for sign in channel) else ""


def _webhook(section: Section, node: Node, around: Surroundings, lacks: list[RuleProblem]) -> WebhookReceiver:
    given = document.fields(section, node, _WEBHOOK, "webhook_config")
    http = given.get("http_config")
    sources = around.headers if http is None else parse_http(section.at("http_config"), http, around.folder)
    lacks += around.lacks if http is None else http_lacks(section.at("http_config"), http)
    url, file = _address(section, node, given, around.folder)
    return WebhookReceiver(
        url=url,
        send_resolved=document.boolean(section.at("send_resolved"), given.get("send_resolved"), default=True),
        max_alerts=document.natural(section.at("max_alerts"), given.get("max_alerts")),
        timeout=document.go_duration(section.at("timeout"), given.get("timeout")),
        headers=_now(section, node, sources),
        url_file=file,
        sources=sources,
    )


def http_lacks(section: Section, node: Node) -> list[RuleProblem]:
    """What an `http_config` asks for that cannot be had here."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [
        section.fault(
            key, f"{key.value} has no counterpart here, so calls would fail; put a proxy that does it between"
        )
        for key, _ in pairs
        if key.value in NO_COUNTERPART
    ]


def _address(section: Section, node: Node, given: Mapping[str, Node], folder: Path) -> tuple[str, str]:
    """The URL, and the file it is kept in."""
    file = document.text(section, given.get("url_file"))
    if "url" in given:
        if file:
            section.complain(node, "at most one of url & url_file must be configured")
        return document.url(section.at("url"), given["url"]), ""
    if not file:
        section.complain(node, "one of url or url_file must be configured")
        return "", ""
    path = str(folder / file)
    try:
        address = read_secret(Secret(file=path))
    except TemporaryFailure as wrong:
        section.at("url_file").warn(given["url_file"], str(wrong))
        return "", path
    if reason := document.url_fault(address):
        section.at("url_file").complain(given["url_file"], f"{path}: {reason}")
    return address, path


def _now(section: Section, node: Node, sources: tuple[HeaderSource, ...]) -> Mapping[str, str]:
    try:
        return read_headers(sources)
    except TemporaryFailure as wrong:
        section.warn(node, str(wrong))
        return {}
