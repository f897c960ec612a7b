"""Durations as Prometheus writes them: `1h30m`, `500ms`, `0`; units in falling order, each at most once.

Source of the grammar: ParseDuration of prometheus/common.
"""

import re
from datetime import timedelta
from typing import Final

_SHAPE: Final = re.compile(
    r"(?:(?P<y>[0-9]+)y)?(?:(?P<w>[0-9]+)w)?(?:(?P<d>[0-9]+)d)?"
    r"(?:(?P<h>[0-9]+)h)?(?:(?P<m>[0-9]+)m)?(?:(?P<s>[0-9]+)s)?(?:(?P<ms>[0-9]+)ms)?"
)
_MILLISECONDS: Final = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
# A year and a week are shown only when nothing would be left over, as Prometheus shows them.
_WHOLE_ONLY: Final = frozenset({"y", "w"})
_LONGEST: Final = 2**63 // 1_000_000  # the range of Go's Duration, in milliseconds


def parse_duration(text: str) -> timedelta:
    """Read a duration; a year is 365 days. Raises ValueError with Prometheus' message."""
    if text == "0":
        return timedelta(0)
    if not text:
        raise ValueError("empty duration string")
    found = _SHAPE.fullmatch(text)
    if found is None or not text.isascii():
        raise ValueError(f'not a valid duration string: "{text}"')
    milliseconds = sum(int(n) * _MILLISECONDS[unit] for unit, n in found.groupdict().items() if n)
    if milliseconds >= _LONGEST:
        raise ValueError("duration out of range")
    return timedelta(milliseconds=milliseconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration of whole milliseconds so that `parse_duration` reads the same one back."""
    left = round(duration / timedelta(milliseconds=1))
    if left == 0:
        return "0s"
    words = []
    for unit, size in _MILLISECONDS.items():
        if unit in _WHOLE_ONLY and left % size:
            continue
        count, left = divmod(left, size)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words)
