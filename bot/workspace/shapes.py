"""Small rules out of which the limits of Block Kit are made.

A rule looks at a value and yields what is wrong with it, in the words of Slack's own `response_metadata`:
``must be less than 151 characters [json-pointer:/blocks/0/text/text]``.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Problems = Iterator[str]
Rule = Callable[[Any, str], Problems]


def at(problem: str, pointer: str) -> str:
    """A problem with the JSON pointer (RFC 6901) of its place, as one line of `response_metadata.messages`."""
    return f"{problem} [json-pointer:{pointer}]"


def anything(_value: Any, _pointer: str) -> Problems:
    """Fits every value: for what this workspace does not look into."""
    yield from ()


def string(limit: int, minimum: int = 1) -> Rule:
    """A text of `minimum` to `limit` characters."""

    def check(value: Any, pointer: str) -> Problems:
        if not isinstance(value, str):
            yield at("must provide a string", pointer)
        elif len(value) > limit:
            yield at(f"must be less than {limit + 1} characters", pointer)
        elif len(value) < minimum:
            yield at(f"must be more than {minimum - 1} characters", pointer)

    return check


def flag(value: Any, pointer: str) -> Problems:
    """True or false; no texts or numbers."""
    if not isinstance(value, bool):
        yield at("must provide a boolean", pointer)


def number(low: int, high: int) -> Rule:
    """A whole number from `low` to `high`."""

    def check(value: Any, pointer: str) -> Problems:
        if isinstance(value, bool) or not isinstance(value, int):
            yield at("must provide a number", pointer)
        elif not low <= value <= high:
            yield at(f"must be between {low} and {high}", pointer)

    return check


def choice(*allowed: str) -> Rule:
    """One of these texts."""

    def check(value: Any, pointer: str) -> Problems:
        if value not in allowed:
            yield at("must be a valid enum value", pointer)

    return check


def items(limit: int, rule: Rule, minimum: int = 1) -> Rule:
    """A list of `minimum` to `limit` entries, each of which fits `rule`."""

    def check(value: Any, pointer: str) -> Problems:
        if not isinstance(value, list):
            yield at("must provide an array", pointer)
            return
        if len(value) > limit:
            yield at(f"no more than {limit} items allowed", pointer)
        if len(value) < minimum:
            yield at(f"no fewer than {minimum} items allowed", pointer)
        for index, entry in enumerate(value[:limit]):
            yield from rule(entry, f"{pointer}/{index}")

    return check


def shape(required: Mapping[str, Rule], optional: Mapping[str, Rule]) -> Rule:
    """An object with these fields and no others."""
    known = {**required, **optional}

    def check(value: Any, pointer: str) -> Problems:
        if not isinstance(value, dict):
            yield at("must provide an object", pointer)
            return
        for name in required:
            if value.get(name) is None:
                yield at(f"missing required field: {name}", pointer)
        for name, entry in value.items():
            if name not in known:
                yield at(f"invalid additional property: {name}", pointer)
            elif entry is not None:
                yield from known[name](entry, f"{pointer}/{name}")

    return check


def by_type(table: Mapping[str, Rule]) -> Rule:
    """An object whose `type` names the rule that it must fit."""

    def check(value: Any, pointer: str) -> Problems:
        if not isinstance(value, dict):
            yield at("must provide an object", pointer)
        elif not isinstance(value.get("type"), str):
            yield at("missing required field: type", pointer)
        elif value["type"] not in table:
            yield at(f"unsupported type: {value['type']}", f"{pointer}/type")
        else:
            yield from table[value["type"]](value, pointer)

    return check


def either(name: str, other: str, rule: Rule) -> Rule:
    """An object that also needs one of two fields."""

    def check(value: Any, pointer: str) -> Problems:
        if isinstance(value, dict) and value.get(name) is None and value.get(other) is None:
            yield at(f"missing required field: {name}", pointer)
        yield from rule(value, pointer)

    return check
