"""The inputs of a view: what they hold at first, what the person typed, and what is missing. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from bot.workspace.model import Json

HOLDS: Final = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "file_input": ("files", ""),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
"""Where each kind of input keeps its value in `state.values`, and its first value in the view."""

LISTS: Final = frozenset(value for value, _ in HOLDS.values() if value.endswith("s"))
REQUIRED: Final = "Please complete this required field."


def inputs(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each block with each of its elements that holds a value."""
    for block in blocks:
        slots = [block.get("element"), block.get("accessory"), *block.get("elements", ())]
        for element in slots:
            if isinstance(element, dict) and element.get("type") in HOLDS:
                yield block, element


def initial_values(content: Json) -> Json:
    """`state.values` of a view or message that nobody has touched."""
    values: Json = {}
    for block, element in inputs(content.get("blocks") or []):
        key, initial = HOLDS[element["type"]]
        empty: Any = [] if key in LISTS else None
        held = element.get(initial, empty) if initial else empty
        values.setdefault(block["block_id"], {})[element["action_id"]] = {"type": element["type"], key: held}
    return values


def merged(values: Json, given: Json) -> Json:
    """`state.values` with what the page gave laid over it, element by element."""
    blocks = [*values, *(block for block in given if block not in values)]
    return {block: {**values.get(block, {}), **given.get(block, {})} for block in blocks}


def missing(content: Json, values: Json) -> dict[str, str]:
    """What Slack's own client says before it sends a form: block id -> text, empty when all is well."""
    found: dict[str, str] = {}
    for block, element in inputs(content["blocks"]):
        if block["type"] != "input":
            continue
        held = values.get(block["block_id"], {}).get(element["action_id"], {})
        problem = _problem(block, element, held.get(HOLDS[element["type"]][0]))
        if problem:
            found[block["block_id"]] = problem
    return found


def _problem(block: Json, element: Json, value: Any) -> str:
    if value in (None, "", []):
        return "" if block.get("optional") else REQUIRED
    if not isinstance(value, str):
        return ""
    low, high = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < low:
        return f"Please enter at least {low} characters."
    return f"Please enter at most {high} characters." if len(value) > high else ""
