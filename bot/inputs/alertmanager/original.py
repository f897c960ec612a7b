"""The configuration as Alertmanager's own tools read it back: without secrets, and without what only we know. Pure.

Source: config.Config.String of Alertmanager, which writes `<secret>`, and http.URL.Redacted of Go. Comments go, as
they may hold what was hidden.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Final

import yaml

HIDDEN: Final = "<secret>"
_SECRETS: Final = frozenset({
    "api_key", "api_secret", "auth_password", "auth_secret", "bearer_token", "bot_token", "client_secret",
    "credentials", "key", "opsgenie_api_key", "password", "rocketchat_token", "rocketchat_token_id", "routing_key",
    "secret_key", "secrets", "service_key", "slack_api_url", "slack_app_token", "smtp_auth_password",
    "smtp_auth_secret", "token", "token_id", "user_key", "victorops_api_key", "webhook_url", "wechat_api_secret",
})  # fmt: skip
_SECRETS_OF: Final = {"webhook_configs": {"url"}, "slack_configs": {"api_url", "app_token"}}
_PASSWORD: Final = re.compile(r"(://[^/:@\s]*):[^/@\s]*@")
_STRING: Final = "tag:yaml.org,2002:str"

Pairs = list[tuple[yaml.Node, yaml.Node]]


@lru_cache(maxsize=4)
def render_original(text: str) -> str:
    """`text`, YAML that was read before, as it may be shown."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return ""
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            node.value = list(_shown(node.value))
            _hide(node.value, _SECRETS)
        elif isinstance(node, yaml.ScalarNode):
            node.value = _PASSWORD.sub(r"\1:xxxxx@", node.value)
    return str(yaml.serialize(root, Dumper=yaml.SafeDumper))


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node once, those above first; what one below is has to be asked after it was yielded."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _shown(pairs: Pairs) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    for key, value in pairs:
        for one in value.value if isinstance(value, yaml.SequenceNode) else ():
            if isinstance(one, yaml.MappingNode):
                _hide(one.value, _SECRETS_OF.get(key.value, frozenset()))
        yield (_text("slack_configs"), _as_slack(value)) if key.value == "chat_configs" else (key, value)


def _as_slack(configs: yaml.Node) -> yaml.Node:
    """Chat receivers as Alertmanager's nearest kind, since its tools refuse kinds they do not know."""
    found = [one for one in configs.value if isinstance(one, yaml.MappingNode)]
    return yaml.SequenceNode("tag:yaml.org,2002:seq", [_slack(one) for one in found])


def _slack(config: yaml.MappingNode) -> yaml.Node:
    kept = [(key, value) for key, value in config.value if key.value in {"channel", "send_resolved"}]
    return yaml.MappingNode("tag:yaml.org,2002:map", [*kept, (_text("api_url"), _text(HIDDEN))])


def _hide(pairs: Pairs, names: Collection[str]) -> None:
    pairs[:] = [
        (key, _hidden(value) if isinstance(key.value, str) and key.value in names else value) for key, value in pairs
    ]


def _hidden(value: yaml.Node) -> yaml.Node:
    if isinstance(value, yaml.SequenceNode):
        return yaml.SequenceNode(value.tag, [_text(HIDDEN) for _ in value.value])
    return _text(HIDDEN)


def _text(value: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(_STRING, value)
