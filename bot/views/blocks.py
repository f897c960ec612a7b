"""The few Block Kit shapes we use, kept within Slack's limits, with everything from outside escaped.

Limits: docs.slack.dev, reference/block-kit/blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Block = dict[str, Any]
Mention = Callable[[str], str]
"""Turns a person's id into `<@U…>`, or into their escaped name when they have no chat identity."""

MOST_BLOCKS: Final = 50
SECTION_TEXT: Final = 3000
FIELD_TEXT: Final = 2000
HEADER_TEXT: Final = 150
BUTTON_TEXT: Final = 75
ALL_TEXT: Final = 12000
MOST_FIELDS: Final = 10


@dataclass(frozen=True, slots=True)
class Message:
    """What to say: `text` for notifications and screen readers, `blocks` for the eye."""

    text: str
    blocks: Sequence[Block] = field(default_factory=tuple)


def escape(text: str) -> str:
    """`text` from outside, with the three characters Slack gives a meaning made plain."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str) -> str:
    """Outside text for mrkdwn: escaped, and with the marks of emphasis kept from working."""
    quiet = escape(text)
    for mark in "*_~`":
        quiet = quiet.replace(mark, mark + "\u200b")
    return quiet


def code(text: str, most: int = 300) -> str:
    """Outside text in code style, on one line, at most `most` characters of it."""
    return "`" + escape(cut(" ".join(text.split()), most)).replace("`", "'") + "`"


def cut(text: str, most: int) -> str:
    """`text`, shortened with … to at most `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def cut_markup(text: str, most: int) -> str:
    """`text` of our own markup, shortened without leaving half a reference, entity or code span at its end."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    for opening, closing in (("<", ">"), ("&", ";")):
        start = kept.rfind(opening)
        if start > kept.rfind(closing):
            kept = kept[:start]
    if kept.count("`") % 2:
        kept = kept[: kept.rfind("`")]
    return kept + "…"


def when(at: datetime) -> str:
    """A moment that everyone reads in their own zone."""
    fallback = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def span(duration: timedelta) -> str:
    """A duration as 2m 14s."""
    seconds = max(0, round(duration.total_seconds()))
    days, seconds = divmod(seconds, 86400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = [f"{days}d" if days else "", f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    if not days and not hours and (seconds or not minutes):
        parts.append(f"{seconds}s")
    return " ".join(part for part in parts if part)


def header(text: str) -> Block:
    """The first line of a message."""
    return {"type": "header", "text": {"type": "plain_text", "text": cut(text, HEADER_TEXT), "emoji": True}}


def section(text: str, *, accessory: Block | None = None) -> Block:
    """A paragraph of mrkdwn."""
    block: Block = {"type": "section", "text": {"type": "mrkdwn", "text": cut_markup(text, SECTION_TEXT)}}
    return {**block, "accessory": accessory} if accessory else block


def paragraphs(lines: Sequence[str]) -> list[Block]:
    """Lines of mrkdwn in as many sections as they need."""
    made: list[str] = []
    for line in lines:
        if made and len(made[-1]) + len(line) < SECTION_TEXT:
            made[-1] += f"\n{line}"
        else:
            made.append(line)
    return [section(text) for text in made]


def fields(pairs: Sequence[tuple[str, str]]) -> Block:
    """Label and value pairs in two columns, ten at most."""
    texts = [f"*{label}*\n{value}" for label, value in pairs[:MOST_FIELDS]]
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": cut_markup(text, FIELD_TEXT)} for text in texts]}


def context(*texts: str) -> Block:
    """Small print, ten pieces at most."""
    shown = [{"type": "mrkdwn", "text": cut_markup(text, FIELD_TEXT)} for text in texts[:10]]
    return {"type": "context", "elements": shown}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def actions(block_id: str, *elements: Block) -> Block:
    """A row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def button(text: str, action_id: str, value: str, *, style: str = "", confirm: Block | None = None) -> Block:
    """A button with a specific verb. `style` primary once a message, danger only with `confirm`."""
    made: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": cut(text, BUTTON_TEXT), "emoji": True},
        "action_id": action_id,
        "value": value,
    }
    return {**made, **({"style": style} if style else {}), **({"confirm": confirm} if confirm else {})}


LINKS: Final = "link."


def link(text: str, name: str, url: str) -> Block:
    """A button that opens an address of ours; its action id begins with LINKS, and nothing is done at its click."""
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": cut(text, BUTTON_TEXT)},
        "action_id": f"{LINKS}{name}",
        "url": url,
    }


def confirm(title: str, text: str, yes: str) -> Block:
    """The question before a destructive button acts."""
    return {
        "title": {"type": "plain_text", "text": cut(title, 100)},
        "text": {"type": "mrkdwn", "text": cut_markup(text, 300)},
        "confirm": {"type": "plain_text", "text": cut(yes, 30)},
        "deny": {"type": "plain_text", "text": "Not now"},
        "style": "danger",
    }


def fitted(blocks: Sequence[Block]) -> list[Block]:
    """`blocks` within Slack's limits on number and on all text together.

    Buttons are never left out, for without them nobody could act; what is left out is said.
    """
    buttons = [block for block in blocks if block["type"] == "actions"]
    places, room = MOST_BLOCKS - 1 - len(buttons), ALL_TEXT - 200 - _length(buttons)
    kept: list[Block] = []
    left = 0
    for block in blocks:
        if block["type"] == "actions":
            kept.append(block)
            continue
        room, places = room - _length(block), places - 1
        if left or places < 0 or room < 0:
            left += 1
        else:
            kept.append(block)
    return [*kept, context(f"{left} more not shown here; the board has them all.")] if left else kept


def _length(value: object) -> int:
    match value:
        case str():
            return len(value)
        case dict():
            return sum(map(_length, value.values()))
        case list() | tuple():
            return sum(map(_length, value))
    return 0
