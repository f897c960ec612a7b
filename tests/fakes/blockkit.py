"""Looks at what views draw: whether Slack would take it, and whether outside text stayed text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.views.blocks import Message
from bot.workspace.limits import check_message, check_view

KNOWN_USER = "<@U0KNOWN>"
OURS = re.compile(
    r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|[^<>|]*>|<@U0KNOWN>|<https://board\.example/[^<>|]*\|[^<>|]*>"
)
ENTITY = re.compile(r"&(?:amp|lt|gt);")


def marked(value: Any) -> Iterator[str]:
    """Every text of blocks in which Slack reads references."""
    if isinstance(value, Mapping):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for inner in value.values():
            yield from marked(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from marked(inner)


def live_marks(text: str) -> str:
    """What Slack would read as a reference although we did not write it; empty when all is well."""
    bare = ENTITY.sub("", OURS.sub("", text))
    return "".join(letter for letter in bare if letter in "<>&")


def check(message: Message) -> None:
    """Within Slack's limits, also as an update, with a fallback that says something, and nothing of others alive."""
    content = {"text": message.text, "blocks": list(message.blocks)}
    assert check_message(content) is None
    assert check_message(content, update=True) is None
    assert message.text.strip()
    for text in (message.text, *marked(message.blocks)):
        assert live_marks(text) == "", text


def check_surface(view: Mapping[str, Any], kind: str) -> None:
    """The same for a modal or a Home tab."""
    assert check_view(dict(view), kind) is None
    for text in marked(view["blocks"]):
        assert live_marks(text) == "", text


def buttons(blocks: Any) -> dict[str, str]:
    """Labels of buttons by action id, the last one of each."""
    if isinstance(blocks, Mapping):
        if blocks.get("type") == "button":
            return {blocks["action_id"]: blocks["text"]["text"]}
        return {key: label for inner in blocks.values() for key, label in buttons(inner).items()}
    if isinstance(blocks, Sequence) and not isinstance(blocks, str):
        return {key: label for inner in blocks for key, label in buttons(inner).items()}
    return {}


def words(blocks: Any) -> str:
    """All texts of blocks, for looking whether something is said."""
    if isinstance(blocks, Mapping):
        return " ".join(words(inner) for key, inner in blocks.items() if key not in {"type", "value", "action_id"})
    if isinstance(blocks, str):
        return blocks
    return " ".join(map(words, blocks)) if isinstance(blocks, Sequence) else ""
