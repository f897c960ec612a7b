from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.metrics.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("1s500ms", 1.5),
    ],
)
def test_reads_what_prometheus_reads(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "5x", "m5", "-1m", "1.5h", " 5m", "1m1h", "5m5m", "٥m", "300y", "9" * 20 + "y"]
)
def test_refuses_the_rest(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration"):
        parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 2**40))
def test_reads_back_what_it_writes(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


def test_writes_as_prometheus_does() -> None:
    assert [format_duration(timedelta(seconds=s)) for s in (0, 90, 86_400, 90_000, 604_800)] == [
        "0s", "1m30s", "1d", "1d1h", "1w",
    ]  # fmt: skip
