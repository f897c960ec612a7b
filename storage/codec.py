"""JSON and times as they are stored: the same text on every database.

Numbers keep their kind and their value, keys their order. What JSON cannot hold (NaN, infinities, a lone
surrogate) is refused when written, since it would come back as something else. A time inside a value comes back
as text: write it with `encode_time`, read it with `decode_time`.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NewType, TypeAlias

import msgspec

JSON: TypeAlias = dict[str, Any]
Written = NewType("Written", str)
"""The text of a JSON object, as `encode` writes it."""

_object: Final = msgspec.json.Decoder(dict[str, Any])


def encode(value: JSON) -> str:
    """Return `value` as JSON text; ValueError names what cannot be stored."""
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"cannot be stored as JSON: {error}") from error
    if "null" in text:
        _refuse_numbers_without_json(value)
    return text


def written(value: msgspec.Struct) -> Written:
    """Return a structure without floating-point numbers as text, at once; ValueError when it cannot be stored."""
    try:
        return Written(msgspec.json.encode(value).decode())
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"cannot be stored as JSON: {error}") from error


def text_of(value: JSON | Written) -> str:
    """Return the text of either; ValueError names what cannot be stored."""
    return value if isinstance(value, str) else encode(value)


def decode(text: str) -> JSON:
    """Return the object that `encode` wrote; ValueError when the text is no JSON object."""
    return _object.decode(text)


def encode_time(at: datetime) -> str:
    """Return an aware time as RFC 3339 UTC with six digits of microseconds, so text order is time order."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; storage keeps UTC only")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def decode_time(text: str) -> datetime:
    """Return the aware UTC time that `encode_time` wrote."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _refuse_numbers_without_json(value: JSON) -> None:
    """msgspec writes NaN and the infinities as null, which would be silently another value."""
    for number in _floats(value):
        if not math.isfinite(number):
            raise ValueError(f"cannot be stored as JSON: {number}")


def _floats(value: object) -> Iterator[float]:
    match value:
        case float():
            yield value
        case dict():
            for item in value.values():
                yield from _floats(item)
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from _floats(item)
