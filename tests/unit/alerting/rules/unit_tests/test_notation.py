import math
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.metrics.remote_write import STALE
from alerting.rules.unit_tests.notation import MOST_VALUES, parse_metric, parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("1 2.5 -3", [1, 2.5, -3]),
        ("1 _ 2", [1, None, 2]),
        ("_x3 1", [None, None, None, 1]),
        ("5x2", [5, 5, 5]),
        ("0x3", [0, 0, 0, 0]),
        ("-2+4x3", [-2, 2, 6, 10]),
        ("1-2x4", [1, -1, -3, -5, -7]),
        ("1e1 .5 5. +1 1_0", [10, 0.5, 5, 1, 10]),
        ("Inf -inf", [math.inf, -math.inf]),
        ("  1\n 2  ", [1, 2]),
        ("0.1+0.1x2", [0.1, 0.2, 0.30000000000000004]),
    ],
)
def test_values_are_expanded(text: str, values: list[float | None]) -> None:
    assert parse_values(text) == values


def test_a_stale_value_ends_the_series() -> None:
    (value,) = parse_values("stale")
    assert value is not None
    assert struct.pack("<d", value) == struct.pack("<d", STALE)


@pytest.mark.parametrize("text", ["x", "1x", "1+x2", "stalex2", "-stale", "_x", "infx3", "1+1", "1,2", "0x1F", "1 x3"])
def test_what_is_no_value_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no value"):
        parse_values(text)


def test_a_short_text_cannot_mean_a_billion_values() -> None:
    with pytest.raises(ValueError, match=f"more than {MOST_VALUES} values"):
        parse_values("1x999999999999")


def test_histograms_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="native histograms"):
        parse_values("{{schema:1}}x3")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("up", {"__name__": "up"}),
        ("a:b{}", {"__name__": "a:b"}),
        ('up{a="b", c = "d",}', {"__name__": "up", "a": "b", "c": "d"}),
        ('{"a.b", "c.d"="e"}', {"__name__": "a.b", "c.d": "e"}),
        ("up{a='}', b=`\\n`}", {"__name__": "up", "a": "}", "b": "\\n"}),
        ('up{a="\\u00fc\\n"}', {"__name__": "up", "a": "ü\n"}),
        ("{}", {}),
        ('up{a=""}', {"__name__": "up"}),
    ],
)
def test_metrics_are_read(text: str, labels: dict[str, str]) -> None:
    assert parse_metric(text) == labels


@pytest.mark.parametrize("text", ["", "1", "up{a}", 'up{a="b"', 'up{a=~"b"}', 'a{"b"}', 'up{a="b" c="d"}', "up[5m]"])
def test_what_is_no_metric_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_metric(text)


@given(st.text())
def test_any_text_is_read_or_told(text: str) -> None:
    for read in (parse_values, parse_metric):
        with suppress(ValueError):
            read(text)
