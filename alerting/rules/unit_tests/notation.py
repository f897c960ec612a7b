"""Series as promtool's unit tests write them: `name{label="value"}`, and values such as `1 _ 2+1x5 stale`.

Source of the grammar: series_description of Prometheus' PromQL parser. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import promql_parser as promql

from alerting.metrics.remote_write import STALE

MOST_VALUES: Final = 1_000_000
"""Values of one series; a notation that means more is refused."""

_QUOTED: Final = r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`"""
_METRIC: Final = re.compile(r"\s*(?P<name>[a-zA-Z_:][\w:]*)?\s*(?P<labels>\{.*\})?\s*", re.DOTALL | re.ASCII)
_LABEL: Final = re.compile(
    rf"\s*(?:(?P<name>[a-zA-Z_]\w*|{_QUOTED})\s*=\s*(?P<value>{_QUOTED})|(?P<metric>{_QUOTED}))\s*(?:,|(?=\}}))",
    re.ASCII,
)
_NUMBER: Final = r"(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
_ITEM: Final = re.compile(
    rf"(?P<blank>_)(?:x(?P<blanks>[0-9]+))?|(?P<stale>stale)"
    rf"|(?P<start>[-+]?(?:{_NUMBER}|(?P<word>(?i:inf|nan))))(?P<step>[-+](?:{_NUMBER}|(?i:inf|nan))(?=x))?"
    rf"(?:x(?P<times>[0-9]+))?",
    re.ASCII,
)


def parse_metric(text: str) -> Mapping[str, str]:
    """The labels of a series, its name as `__name__`. Raises ValueError with what is wrong."""
    found = _METRIC.fullmatch(text)
    if found is None or not (found["name"] or found["labels"]):
        raise ValueError(f'"{text}" is no series; write name{{label="value"}}')
    labels = {"__name__": found["name"]} if found["name"] else {}
    for name, value in _labels(found["labels"] or "{}"):
        if name in labels and name == "__name__":
            raise ValueError(f'metric name must not be set twice: "{labels[name]}" or "{value}"')
        labels[name] = value
    return {name: value for name, value in labels.items() if value}


def _labels(braces: str) -> Iterator[tuple[str, str]]:
    at, end = 1, len(braces) - 1
    while braces[at:end].strip():
        found = _LABEL.match(braces, at)
        if found is None:
            raise ValueError(f'expected label="value" at "{braces[at : at + 40]}"')
        at = found.end()
        if found["metric"]:
            yield "__name__", _text(found["metric"])
        else:
            yield _text(found["name"]), _text(found["value"])


def _text(written: str) -> str:
    """What is quoted, as PromQL reads it; a name that is not quoted is itself."""
    if written[0] not in "\"'`":
        return written
    tree = promql.parse(written)
    if not isinstance(tree, promql.StringLiteral):
        raise ValueError(f"{written} is no text")  # noqa: TRY004  # what is wrong is the text, not our code
    return tree.val


def parse_values(text: str) -> list[float | None]:
    """One value an interval, None where there is none and STALE where the series ends. Raises ValueError."""
    values: list[float | None] = []
    for item in text.split():
        if "{{" in item:
            raise ValueError("native histograms cannot be written to the Prometheus that runs the tests; use floats")
        found = _ITEM.fullmatch(item)
        if found is None or (found["word"] and found["times"] and not found["step"]):
            raise ValueError(f'"{item}" is no value; write for example 5, _, stale, 1x3 or 1+2x3')
        more = int(found["times"] or found["blanks"] or 0)
        if len(values) + more >= MOST_VALUES:
            raise ValueError(f'"{item}" makes more than {MOST_VALUES} values')
        values += _expanded(found, more)
    return values


def _expanded(found: re.Match[str], more: int) -> list[float | None]:
    if found["blank"]:
        return [None] * (more if found["blanks"] else 1)
    if found["stale"]:
        return [STALE]
    # Added up one after the other, as Prometheus does, so that the last bits agree.
    value, step = float(found["start"]), float(found["step"] or 0)
    values: list[float | None] = [value]
    for _ in range(more):
        value += step
        values.append(value)
    return values
