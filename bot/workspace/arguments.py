"""The arguments of one Web API call, whether they came as JSON, as a form or in the address."""

import json
import re
from typing import Any

from aiohttp import web

from bot.workspace.errors import Refused
from bot.workspace.model import Json


class Arguments:
    """Typed reading of what an app sent. Form values are text; JSON values keep their type."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def text(self, name: str, *, needed: str = "") -> str:
        """A text, "" if absent. With `needed`, absence raises Refused with that code."""
        value = self.values.get(name)
        if value in (None, "") and needed:
            raise Refused(needed)
        return "" if value is None else str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A yes or no: JSON true, or the texts `true` and `1`. Anything else is no, absence is `default`."""
        value = self.values.get(name)
        return default if value is None else str(value).lower() in ("true", "1")

    def number(self, name: str, default: int, highest: int) -> int:
        """A whole number from 1 to `highest`. Raises Refused(invalid_arguments)."""
        value = str(self.values.get(name) or default)
        if not value.isdigit():
            raise Refused("invalid_arguments")
        return min(max(int(value), 1), highest)

    def moment(self, name: str, default: float) -> float:
        """A ts as seconds since 1970. Raises Refused(invalid_ts_oldest, invalid_ts_latest) after its name."""
        value = self.text(name)
        if not value:
            return default
        if not re.fullmatch(r"\d{1,12}(\.\d*)?", value):
            raise Refused(f"invalid_ts_{name}")
        return float(value)

    def structure(self, name: str, *, broken: str) -> Any:
        """A JSON value, itself or as text, None if absent. Raises Refused with the code `broken`."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError as error:
            raise Refused(broken) from error

    def listing(self, name: str) -> list[str]:
        """A list, itself or as text with commas."""
        value = self.values.get(name)
        parts = value if isinstance(value, list) else self.text(name).split(",")
        return [str(part).strip() for part in parts if str(part).strip()]


async def read_arguments(request: web.Request) -> Arguments:
    """The arguments of a request. Raises Refused(invalid_json, invalid_form_data)."""
    values: Json = dict(request.query)
    if request.content_type == "application/json":
        values |= await _json_body(request)
    elif request.can_read_body:
        form = await request.post()
        values |= {name: value for name, value in form.items() if isinstance(value, str)}
    return Arguments(values)


async def _json_body(request: web.Request) -> Json:
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as error:
        raise Refused("invalid_json") from error
    if not isinstance(body, dict):
        raise Refused("json_not_object")
    return body


def page(entries: list[Json], arguments: Arguments, default: int, highest: int) -> tuple[list[Json], Json]:
    """One page of a list and its `response_metadata`. Raises Refused(invalid_cursor)."""
    cursor = arguments.text("cursor") or "o:0"
    kind, _, number = cursor.partition(":")
    if kind != "o" or not number.isdigit():
        raise Refused("invalid_cursor")
    start, limit = int(number), arguments.number("limit", default, highest)
    more = start + limit < len(entries)
    return entries[start : start + limit], {"next_cursor": f"o:{start + limit}" if more else ""}
