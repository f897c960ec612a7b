"""What is stored comes back as it was, or is refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.codec import decode, decode_time, encode, encode_time

texts = st.text(st.characters(codec="utf-8"))
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001


def exact(value: object) -> object:
    """Tell 1 from 1.0 and True, and -0.0 from 0.0."""
    match value:
        case dict():
            return [(key, exact(item)) for key, item in value.items()]
        case list():
            return [exact(item) for item in value]
        case _:
            return (type(value), repr(value))


@settings(deadline=None)
@given(st.dictionaries(texts, values))
def test_values_come_back_exactly(value: dict[str, Any]) -> None:
    text = encode(value)
    assert exact(decode(text)) == exact(value)
    assert "\x00" not in text, "PostgreSQL keeps no NUL"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), "\ud800", object(), {1: {(1, 2): 3}}])
def test_what_json_cannot_hold_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="cannot be stored as JSON"):
        encode({"deep": [{"in": (bad,)}]})


def test_null_is_not_mistaken_for_nan() -> None:
    assert decode(encode({"a": None, "b": "null", "c": 1.5})) == {"a": None, "b": "null", "c": 1.5}


@pytest.mark.parametrize("text", ["[]", "1", "", "{", '{"a": NaN}'])
def test_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(text)


@settings(deadline=None)
@given(moments)
def test_times_come_back_in_utc(at: datetime) -> None:
    back = decode_time(encode_time(at))
    assert back == at
    assert back.utcoffset() == timedelta(0)


@settings(deadline=None)
@given(moments, moments)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert (encode_time(one) < encode_time(other)) == (one < other)


def test_times_are_rfc_3339() -> None:
    assert encode_time(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01T12:00:00.000000Z"


def test_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        encode_time(datetime(2026, 3, 1))  # noqa: DTZ001
