"""Turns an Alertmanager configuration into one that is served here, and names what has no counterpart. Pure.

Slack's receivers become chat receivers, and what has no effect here goes. The rest stays as it is written.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from alerting.errors import Place, RuleProblem
from alerting.routing.document import compose
from alerting.routing.load import read_routing
from alerting.routing.load_receivers import UNKNOWN_HERE
from alerting.routing.splice import Edit, splice
from alerting.rules.document import Node

_DROPPED: Final = frozenset({"templates", "tracing", "event_recorder"})
_GLOBAL: Final = frozenset({"resolve_timeout", "http_config", "<<"})
_PAGERS: Final = frozenset({
    "incidentio_configs", "opsgenie_configs", "pagerduty_configs", "pushover_configs", "victorops_configs",
})  # fmt: skip
"""What gets somebody out of bed; a channel does not."""
_TEXT: Final = "tag:yaml.org,2002:str"
_MAP: Final = "tag:yaml.org,2002:map"
_LIST: Final = "tag:yaml.org,2002:seq"
Pair = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class Converted:
    """The new text, empty when the file has `problems`.

    `lost` are the parts of the file that tell somebody and have no counterpart here, `notes` those whose absence harms
    nobody. `unpaged` are the pagers that a channel without a policy replaces, which pages nobody. `left` are the faults
    that the new text still has: it is served only when there are none.
    """

    text: str
    problems: tuple[RuleProblem, ...] = ()
    lost: tuple[RuleProblem, ...] = ()
    notes: tuple[RuleProblem, ...] = ()
    unpaged: tuple[RuleProblem, ...] = ()
    left: tuple[RuleProblem, ...] = ()


def convert(file: str, text: str, channel: str = "") -> Converted:
    """Convert a text. `channel` is told in place of what has no counterpart; without one, that stays as it is."""
    read = read_routing(file, text)
    _, root = compose(file, text)
    if read.problems or root is None:
        return Converted("", read.problems)
    edits = list(_edits(root, channel.removeprefix("#")))
    new = splice(text, edits, _edited(root, {id(edit.old): edit.new for edit in edits}))
    left = read_routing(file, new)
    routed = {route.receiver for route in read.config.route.walk()}
    unpaged = tuple(_unpaged(file, root, routed)) if channel else ()
    return Converted(new, (), read.lacks, read.warnings, unpaged, (*left.problems, *left.lacks))


def _edits(root: Node, channel: str) -> Iterator[Edit]:
    for key, value in root.value:
        if key.value in _DROPPED:
            yield Edit(value, None, key)
        elif key.value == "global" and isinstance(value, yaml.MappingNode):
            kept = [pair for pair in value.value if pair[0].value in _GLOBAL]
            if len(kept) < len(value.value):
                yield Edit(value, _mapping(kept), None) if kept else Edit(value, None, key)
        elif key.value == "receivers" and isinstance(value, yaml.SequenceNode):
            for item in value.value:
                if any(_replaced(name.value, channel) for name, _ in item.value):
                    yield Edit(item, _receiver(item, channel))


def _edited(root: Node, changed: Mapping[int, Node | None]) -> Node:
    """The document with its changes."""
    pairs: list[Pair] = []
    for key, value in root.value:
        new = changed.get(id(value), value)
        if key.value == "receivers" and isinstance(value, yaml.SequenceNode):
            pairs.append((key, _sequence([changed.get(id(item)) or item for item in value.value])))
        elif new is not None:
            pairs.append((key, new))
    return _mapping(pairs)


def _unpaged(file: str, root: Node, routed: Collection[str]) -> Iterator[RuleProblem]:
    """The pagers of receivers that a route uses and none of whose chat receivers has a policy yet."""
    receivers = _field(root, "receivers")
    for item in receivers.value if receivers is not None else ():
        named, chats = _field(item, "name"), _field(item, "chat_configs")
        name = str(named.value) if named is not None else ""
        if name not in routed or any(_field(one, "policy") is not None for one in (chats.value if chats else ())):
            continue
        for key, value in item.value:
            if key.value in _PAGERS and value.value:
                told = f'receiver "{name}" paged by {key.value}: nobody is paged until its chat_configs name a policy'
                yield RuleProblem(Place(file, key.start_mark.line + 1, key.start_mark.column + 1), told)


def _receiver(node: Node, channel: str) -> Node:
    """One receiver; its chat receivers come where its first one of Slack's was."""
    chats = list(_chats(node, channel))
    kept = [pair for pair in node.value if not _replaced(pair[0].value, channel)]
    if any(key.value == "slack_configs" for key, _ in node.value) and not channel:
        kept += _slack_left(node)
    if chats:
        kept = [pair for pair in kept if pair[0].value != "chat_configs"]
        kept.append((_scalar("chat_configs"), _sequence(chats)))
    return _mapping(kept)


def _replaced(kind: str, channel: str) -> bool:
    return kind == "slack_configs" or (bool(channel) and kind in UNKNOWN_HERE)


def _chats(node: Node, channel: str) -> Iterator[Node]:
    """The chat receivers of a receiver: its own, Slack's, and one for all that has no counterpart."""
    told: set[str] = set()
    lost = False
    for key, value in node.value:
        items = value.value if isinstance(value, yaml.SequenceNode) else []
        if key.value == "chat_configs":
            yield from items
        elif key.value == "slack_configs":
            for item in items:
                name = _channel(item)
                lost |= not name
                if name:
                    told.add(name)
                    yield _chat(name, _field(item, "send_resolved"))
        lost |= key.value in UNKNOWN_HERE and bool(items)
    if lost and channel and channel not in told:
        yield _chat(channel, None)


def _slack_left(node: Node) -> Iterator[Pair]:
    """What of Slack's receivers names no channel that we know, left for a person to decide."""
    for key, value in node.value:
        if key.value == "slack_configs":
            left = [item for item in value.value if not _channel(item)]
            if left:
                yield key, _sequence(left)


def _channel(node: Node) -> str:
    found = _field(node, "channel")
    name = str(found.value).removeprefix("#") if found is not None else ""
    return "" if "{{" in name or name.startswith("@") or any(sign.isspace() for sign in name) else name


def _field(node: Node, name: str) -> Node | None:
    return next((value for key, value in node.value if key.value == name), None)


def _chat(channel: str, send_resolved: Node | None) -> Node:
    pairs = [(_scalar("channel"), _scalar(channel))]
    return _mapping(pairs if send_resolved is None else [*pairs, (_scalar("send_resolved"), send_resolved)])


def _scalar(text: str) -> Node:
    return yaml.ScalarNode(_TEXT, text)


def _mapping(pairs: list[Pair]) -> Node:
    return yaml.MappingNode(_MAP, pairs, flow_style=False)


def _sequence(items: list[Node]) -> Node:
    return yaml.SequenceNode(_LIST, items, flow_style=False)
