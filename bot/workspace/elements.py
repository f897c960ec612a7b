"""Finding and filling the elements of a message or view, as a page does. Pure."""

from collections.abc import Iterator
from typing import Any

from bot.workspace.forms import HOLDS, inputs
from bot.workspace.model import Json


def elements(place: Json, action_id: str, block_id: str = "") -> tuple[Json, Json]:
    """The block and element with this action id. Raises LookupError that names those which are there."""
    there = list(_all(place))
    for block, element in there:
        if element.get("action_id") == action_id and block_id in ("", block["block_id"]):
            return block, element
    known = [element.get("action_id") for _, element in there]
    raise LookupError(f"There is no {action_id!r} here, only {known}")


def chosen(element: Json, value: Any) -> Json:
    """What an element holds after a choice: an option by its value, anything else as it is."""
    key = HOLDS.get(element["type"], ("selected_option", ""))[0]
    match key:
        case "selected_option":
            return {key: _option(element, value)}
        case "selected_options":
            return {key: [_option(element, one) for one in value]}
    return {key: value}


def typed(view: Json, values: dict[str, Any]) -> Json:
    """`state.values` of a view, from a map of action id to value. Raises LookupError for an unknown action id."""
    state: Json = {}
    for action_id, value in values.items():
        block, element = elements({**view, "blocks": [block for block, _ in inputs(view["blocks"])]}, action_id)
        held = {"type": element["type"], **chosen(element, value)}
        state.setdefault(block["block_id"], {})[action_id] = held
    return state


def _all(place: Json) -> Iterator[tuple[Json, Json]]:
    attached = [block for attachment in place.get("attachments") or [] for block in attachment.get("blocks") or []]
    for block in [*(place.get("blocks") or []), *attached]:
        for element in (block.get("element"), block.get("accessory"), *block.get("elements", ())):
            if isinstance(element, dict) and "action_id" in element:
                yield block, element


def _option(element: Json, value: Any) -> Json:
    """The option with this value; for an external select, whose options are the app's, one made of it."""
    if isinstance(value, dict):
        return value
    groups = [group["options"] for group in element.get("option_groups") or []]
    options = [*(element.get("options") or []), *(option for group in groups for option in group)]
    found = next((option for option in options if option.get("value") == value), None)
    if found is None and options:
        raise LookupError(f"There is no option {value!r}, only {[option.get('value') for option in options]}")
    return found or {"text": {"type": "plain_text", "text": str(value)}, "value": value}
