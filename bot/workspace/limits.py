"""Slack's limits on texts, blocks, messages and views, answered with Slack's own error codes.

Source: the reference pages of Block Kit (blocks, elements, composition objects, views) and of chat.postMessage,
chat.update and views.*. Pure: a value goes in, what is wrong comes out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.workspace.model import Json
from bot.workspace.shapes import (
    Rule,
    anything,
    at,
    by_type,
    choice,
    either,
    flag,
    items,
    number,
    shape,
    string,
)

TEXT_LIMIT: Final = 40_000
UPDATE_TEXT_LIMIT: Final = 4_000
BLOCK_TEXT_LIMIT: Final = 12_000
"""Characters in all blocks of a message together; more fails although every block fits."""
METADATA_LIMIT: Final = 16_000
VIEW_LIMIT: Final = 250_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Slack's error code with the lines for `response_metadata.messages`."""

    error: str
    messages: tuple[str, ...] = ()


def text(limit: int, *kinds: str) -> Rule:
    """A text object of one of these `kinds` with 1 to `limit` characters.

    Source: "Text object", where `emoji` is for plain_text and `verbatim` for mrkdwn.
    """
    fields: Mapping[str, Rule] = {"emoji": flag} if kinds == ("plain_text",) else {"emoji": flag, "verbatim": flag}
    return shape({"type": choice(*kinds), "text": string(limit)}, fields)


def plain(limit: int) -> Rule:
    """A text object that must be plain_text, 1 to `limit` characters."""
    return text(limit, "plain_text")


def rich(limit: int) -> Rule:
    """A text object that may be plain_text or mrkdwn, 1 to `limit` characters."""
    return text(limit, "plain_text", "mrkdwn")


ID: Final = string(255)
CONFIRM: Final = shape(
    {"title": plain(100), "text": rich(300), "confirm": plain(30), "deny": plain(30)},
    {"style": choice("primary", "danger")},
)
OPTION: Final = shape({"text": rich(75), "value": string(150)}, {"description": rich(75), "url": string(3000)})
GROUP: Final = shape({"label": plain(75), "options": items(100, OPTION)}, {})
KEEP: Final[Mapping[str, Rule]] = {"type": anything, "action_id": ID, "confirm": CONFIRM, "focus_on_load": flag}
PLACEHOLDER: Final[Mapping[str, Rule]] = {**KEEP, "placeholder": plain(150)}
MULTI: Final[Mapping[str, Rule]] = {**PLACEHOLDER, "max_selected_items": number(1, 100)}
STATIC: Final[Mapping[str, Rule]] = {"options": items(100, OPTION), "option_groups": items(100, GROUP)}
CONVERSATIONS: Final[Mapping[str, Rule]] = {
    "default_to_current_conversation": flag,
    "response_url_enabled": flag,
    "filter": anything,
}
WORDS: Final[Mapping[str, Rule]] = {**PLACEHOLDER, "initial_value": string(3000, 0), "dispatch_action_config": anything}
LENGTHS: Final[Mapping[str, Rule]] = {"min_length": number(0, 3000), "max_length": number(1, 3000)}
IMAGE: Final = either(
    "image_url",
    "slack_file",
    shape({"alt_text": string(2000)}, {"type": anything, "image_url": string(3000), "slack_file": anything}),
)
BUTTON_FIELDS: Final[Mapping[str, Rule]] = {
    **KEEP,
    "value": string(2000, 0),
    "url": string(3000),
    "style": choice("primary", "danger"),
    "accessibility_label": string(75),
}

CLICKABLE: Final[dict[str, Rule]] = {
    "button": shape({"text": plain(75)}, BUTTON_FIELDS),
    "static_select": either("options", "option_groups", shape({}, {**PLACEHOLDER, **STATIC, "initial_option": OPTION})),
    "external_select": shape({}, {**PLACEHOLDER, "initial_option": OPTION, "min_query_length": number(0, 3000)}),
    "users_select": shape({}, {**PLACEHOLDER, "initial_user": ID}),
    "conversations_select": shape({}, {**PLACEHOLDER, **CONVERSATIONS, "initial_conversation": ID}),
    "channels_select": shape({}, {**PLACEHOLDER, "initial_channel": ID, "response_url_enabled": flag}),
    "multi_static_select": either(
        "options", "option_groups", shape({}, {**MULTI, **STATIC, "initial_options": items(100, OPTION)})
    ),
    "multi_external_select": shape(
        {}, {**MULTI, "initial_options": items(100, OPTION), "min_query_length": number(0, 3000)}
    ),
    "multi_users_select": shape({}, {**MULTI, "initial_users": items(100, ID)}),
    "multi_conversations_select": shape({}, {**MULTI, **CONVERSATIONS, "initial_conversations": items(100, ID)}),
    "multi_channels_select": shape({}, {**MULTI, "initial_channels": items(100, ID)}),
    "overflow": shape({"options": items(5, OPTION)}, KEEP),
    "datepicker": shape({}, {**PLACEHOLDER, "initial_date": string(10)}),
    "timepicker": shape({}, {**PLACEHOLDER, "initial_time": string(5), "timezone": string(100)}),
    "datetimepicker": shape({}, {**KEEP, "initial_date_time": number(0, 9_999_999_999)}),
    "checkboxes": shape({"options": items(10, OPTION)}, {**KEEP, "initial_options": items(10, OPTION)}),
    "radio_buttons": shape({"options": items(10, OPTION)}, {**KEEP, "initial_option": OPTION}),
    "workflow_button": shape({"text": plain(75), "workflow": anything}, BUTTON_FIELDS),
}
TYPED: Final[dict[str, Rule]] = {
    "plain_text_input": shape({}, {**WORDS, **LENGTHS, "multiline": flag}),
    "email_text_input": shape({}, WORDS),
    "url_text_input": shape({}, WORDS),
    "number_input": shape({"is_decimal_allowed": flag}, {**WORDS, "min_value": string(30), "max_value": string(30)}),
    "rich_text_input": shape({}, {**PLACEHOLDER, "initial_value": anything, "dispatch_action_config": anything}),
    "file_input": shape({}, {**KEEP, "filetypes": anything, "max_files": number(1, 10)}),
}
NOT_IN_INPUTS: Final = ("button", "overflow", "workflow_button")
INPUTS: Final = {**TYPED, **{name: rule for name, rule in CLICKABLE.items() if name not in NOT_IN_INPUTS}}
IN_CONTEXT: Final = by_type({"image": IMAGE, "plain_text": plain(2000), "mrkdwn": text(2000, "mrkdwn")})
COMMON: Final[Mapping[str, Rule]] = {"type": anything, "block_id": ID}
BLOCKS: Final[dict[str, Rule]] = {
    "section": either(
        "text",
        "fields",
        shape(
            {},
            {
                **COMMON,
                "text": rich(3000),
                "fields": items(10, rich(2000)),
                "accessory": by_type({**CLICKABLE, "image": IMAGE}),
                "expand": flag,
            },
        ),
    ),
    "header": shape({"text": plain(150)}, {**COMMON, "level": number(1, 4)}),
    "divider": shape({}, COMMON),
    "context": shape({"elements": items(10, IN_CONTEXT)}, COMMON),
    "actions": shape({"elements": items(25, by_type(CLICKABLE))}, COMMON),
    "input": shape(
        {"label": plain(2000), "element": by_type(INPUTS)},
        {**COMMON, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
    "image": either(
        "image_url",
        "slack_file",
        shape(
            {"alt_text": string(2000)},
            {**COMMON, "image_url": string(3000), "slack_file": anything, "title": plain(2000)},
        ),
    ),
    "rich_text": shape({"elements": items(1000, anything)}, COMMON),
    "markdown": shape({"text": string(12_000)}, COMMON),
    "table": shape({"rows": items(100, items(20, anything))}, {**COMMON, "column_settings": anything}),
}
MODAL: Final = shape(
    {"type": anything, "title": plain(24), "blocks": items(100, by_type(BLOCKS), 0)},
    {
        "close": plain(24),
        "submit": plain(24),
        "private_metadata": string(3000, 0),
        "callback_id": string(255, 0),
        "external_id": string(255, 0),
        "clear_on_close": flag,
        "notify_on_close": flag,
        "submit_disabled": flag,
    },
)
HOME: Final = shape(
    {"type": anything, "blocks": items(100, by_type(BLOCKS), 0)},
    {"private_metadata": string(3000, 0), "callback_id": string(255, 0), "external_id": string(255, 0)},
)
MESSAGE_BLOCKS: Final = items(50, by_type(BLOCKS), 0)


def check_message(content: Json, *, update: bool = False) -> Refusal | None:
    """What Slack would refuse in `text`, `blocks`, `attachments` and `metadata` of a message, or None."""
    if not any(content.get(part) for part in ("text", "blocks", "attachments")):
        return Refusal("no_text")
    if len(content.get("text") or "") > (UPDATE_TEXT_LIMIT if update else TEXT_LIMIT):
        return Refusal("msg_too_long")
    return (
        _check_blocks(content.get("blocks"))
        or _check_attachments(content.get("attachments"))
        or _check_metadata(content)
    )


def check_view(view: Any, kind: str) -> Refusal | None:
    """What Slack would refuse in a view of `kind` ("modal" or "home"), or None."""
    if not isinstance(view, dict) or view.get("type") != kind:
        return _arguments([at(f"must be a view of type {kind}", "/view/type")])
    if written(view) > VIEW_LIMIT:
        return Refusal("view_too_large")
    problems = list((MODAL if kind == "modal" else HOME)(view, "/view"))
    if not problems:
        problems = [*_twice(view["blocks"], "/view/blocks"), *_needs_submit(view, kind)]
    return _arguments(problems) if problems else None


def written(value: Any) -> int:
    """Characters of all texts inside a value."""
    match value:
        case str():
            return len(value)
        case dict():
            return sum(written(entry) for entry in value.values())
        case list():
            return sum(written(entry) for entry in value)
    return 0


def shown(value: Any) -> int:
    """Characters that a reader sees inside blocks: every `text` in them, ids and values left out."""
    match value:
        case dict():
            inner = sum(shown(entry) for key, entry in value.items() if key != "text")
            words = value.get("text")
            return inner + (len(words) if isinstance(words, str) else shown(words))
        case list():
            return sum(shown(entry) for entry in value)
    return 0


def _check_blocks(blocks: Any) -> Refusal | None:
    if blocks is None:
        return None
    if not isinstance(blocks, list):
        return Refusal("invalid_blocks_format", ("[ERROR] must provide an array [json-pointer:/blocks]",))
    problems = list(MESSAGE_BLOCKS(blocks, "/blocks")) or list(_twice(blocks, "/blocks"))
    if problems:
        return Refusal("invalid_blocks", tuple(f"[ERROR] {problem}" for problem in problems))
    return Refusal("msg_blocks_too_long") if shown(blocks) > BLOCK_TEXT_LIMIT else None


def _check_attachments(attachments: Any) -> Refusal | None:
    if attachments is None:
        return None
    if not isinstance(attachments, list) or not all(isinstance(entry, dict) for entry in attachments):
        return Refusal("invalid_attachments")
    if len(attachments) > 100:
        return Refusal("too_many_attachments")
    return next((found for entry in attachments if (found := _check_blocks(entry.get("blocks")))), None)


def _check_metadata(content: Json) -> Refusal | None:
    metadata = content.get("metadata")
    if not metadata:
        return None
    well = isinstance(metadata, dict) and isinstance(metadata.get("event_payload", {}), dict)
    if not well or not metadata.get("event_type"):
        return Refusal("invalid_metadata_format")
    return Refusal("metadata_too_large") if written(metadata) > METADATA_LIMIT else None


def _twice(blocks: list[Json], pointer: str) -> Iterator[str]:
    """Ids that stand twice: block ids in one surface, action ids in one block."""
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id in seen:
            yield at(f"`block_id` {block_id} already exists", f"{pointer}/{index}/block_id")
        if block_id:
            seen.add(block_id)
        entries = [entry for entry in block.get("elements", ()) if isinstance(entry, dict)]
        ids = [entry["action_id"] for entry in entries if entry.get("action_id")]
        if len(ids) != len(set(ids)):
            yield at("`action_id` already exists for another element in this block", f"{pointer}/{index}/elements")


def _needs_submit(view: Json, kind: str) -> Iterator[str]:
    if kind == "modal" and not view.get("submit") and any(block["type"] == "input" for block in view["blocks"]):
        yield at("missing required field: submit", "/view")


def _arguments(problems: list[str]) -> Refusal:
    return Refusal("invalid_arguments", tuple(f"[ERROR] {problem}" for problem in problems))
