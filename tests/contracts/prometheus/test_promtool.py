"""The verdict on a rule file is promtool's, but for what the tables of differences list."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from alerting.rules.load import parse_rules
from tests.contracts.prometheus.promtool import judge, version


def rule(text: str) -> str:
    return f"groups:\n- name: g\n  rules:\n  - {text}\n"


GOOD: dict[str, str | bytes] = {
    "empty": "",
    "no groups": "groups: []",
    "null group list": "groups:",
    "plain": rule("{alert: A, expr: up == 0}"),
    "every field": (
        "groups:\n- name: g\n  interval: 15s\n  limit: 3\n  rules:\n"
        "  - {alert: A, expr: up, for: 1m, keep_firing_for: 5m, labels: {a: b}, annotations: {c: d}}\n"
    ),
    "no rules": "groups: [{name: g, rules: []}]",
    "rules missing": "groups: [{name: g}]",
    "numbers as text": rule("{alert: 1, expr: 1, labels: {a: 1, b: true, c: ~}}"),
    "zero for": rule("{alert: A, expr: up, for: 0}"),
    "empty for": rule("{alert: A, expr: up, for: }"),
    "string expression": rule("{alert: A, expr: '\"text\"'}"),
    "matrix expression": rule("{alert: A, expr: 'up[5m]'}"),
    "templates": rule("{alert: A, expr: up, annotations: {s: '{{ $labels.x }} {{ $value | humanize }} {{ .Nope }}'}}"),
    "the same alert twice": rule("{alert: A, expr: up}\n  - {alert: A, expr: up, labels: {a: b}}"),
    "recording rule": rule("{record: 'a:b', expr: up, labels: {a: '{{ no template'}}"),
    "two documents": "groups: []\n---\ngroups: [no rules]",
    "a second document that is no yaml": "groups: []\n---\n[",
    "null rules and groups": "groups: [~, {name: g, rules: [~]}]",
    "null keys": rule("{alert: A, expr: up, labels: {~: x}}"),
    "limits of every writing": "".join(
        f"{'' if n else 'groups:'}\n- {{name: g{n}, limit: {limit}}}"
        for n, limit in enumerate(("0x1F", "010", "0o17", "0b11", "1_000", "1e3", "2.9", "-5", "!!int '5'", "~"))
    ),
    "merged lists of mappings": rule("{<<: [{alert: A}, {alert: B, expr: up}]}"),
    "a byte order mark": "\ufeffgroups: []",
    "utf-16": "\ufeffgroups: []".encode("utf-16-le"),
    "experimental words as metrics": rule("{alert: A, expr: 'limitk + end'}"),
    "aliases": rule("&a {alert: A, expr: up}\n  - {<<: *a, alert: B}"),
    "alertname label": rule("{alert: A, expr: up, labels: {alertname: b}}"),
    "comment in expression": rule("{alert: A, expr: 'up # now'}"),
}
BROKEN: dict[str, str | bytes] = {
    "not yaml": "a: b: c",
    "a list": "- a",
    "a scalar": "hello",
    "unknown top field": "grups: []",
    "unknown group field": "groups: [{name: g, foo: 1}]",
    "unknown rule field": rule("{alert: A, expr: up, fro: 5m}"),
    "no group name": "groups: [{rules: []}]",
    "group twice": "groups: [{name: a}, {name: a}]",
    "both names": rule("{alert: A, record: b, expr: up}"),
    "neither name": rule("{expr: up}"),
    "no expression": rule("{alert: A}"),
    "bad expression": rule("{alert: A, expr: 'sum('}"),
    "wrong type": rule("{alert: A, expr: 'rate(up)'}"),
    "unknown function": rule("{alert: A, expr: 'nope(up)'}"),
    "comparison without bool": rule("{alert: A, expr: 1 > 2}"),
    "bad duration": rule("{alert: A, expr: up, for: 5x}"),
    "number duration": rule("{alert: A, expr: up, for: 5}"),
    "negative duration": rule("{alert: A, expr: up, for: -5m}"),
    "bad interval": "groups: [{name: g, interval: soon}]",
    "bad limit": "groups: [{name: g, limit: many}]",
    "metric name label": rule("{alert: A, expr: up, labels: {__name__: a}}"),
    "empty label name": rule("{alert: A, expr: up, labels: {'': a}}"),
    "empty annotation name": rule("{alert: A, expr: up, annotations: {'': a}}"),
    "unknown template function": rule("{alert: A, expr: up, annotations: {a: '{{ foo }}'}}"),
    "unclosed action": rule("{alert: A, expr: up, labels: {a: '{{ $value'}}"),
    "undefined variable": rule("{alert: A, expr: up, labels: {a: '{{ $nope }}'}}"),
    "labels as a list": rule("{alert: A, expr: up, labels: [a]}"),
    "key twice": rule("{alert: A, alert: B, expr: up}"),
    "record with for": rule("{record: a, expr: up, for: 5m}"),
    "record with annotations": rule("{record: a, expr: up, annotations: {a: b}}"),
    "record with braces": rule("{record: 'a{b=\"c\"}', expr: up}"),
    "bytes as a label": rule("{alert: A, expr: up, labels: {a: !!binary /w==}}"),
    "bytes as a label name": rule("{alert: A, expr: up, labels: {!!binary /w==: a}}"),
    "bytes as a metric": rule("{record: !!binary /w==, expr: up}"),
    "limit as text": "groups: [{name: g, limit: '5'}]",
    "limit too large": "groups: [{name: g, limit: 1e30}]",
    "an alias of nothing": "groups: [*a]",
    "merging text": rule("{<<: text, alert: A, expr: up}"),
    "merging itself": rule("&a {<<: *a, alert: A, expr: up}"),
    "invalid utf-8": b"groups: [{name: \xff}]",
    "a control character": "groups: []\x00",
    "selectors joined by or": rule('{alert: A, expr: \'up{a="b" or c="d"}\'}'),
    "an empty grouping": rule("{alert: A, expr: 'sum by (\"\") (up)'}"),
    "a scalar for a vector": rule("{alert: A, expr: ln(Inf)}"),
    "an empty range": rule("{alert: A, expr: 'up[0]'}"),
    "a negative range": rule("{alert: A, expr: 'up[-5m]'}"),
    "a number too large": rule("{alert: A, expr: 1e400}"),
    "a duration too long": rule("{alert: A, expr: 500y}"),
    "the sign of text": rule("{alert: A, expr: '-\"a\"'}"),
    "group as text": "groups: [hello]",
}
SINCE_3 = {
    "group labels": "groups: [{name: g, labels: {a: b}, rules: [{alert: A, expr: up, labels: {c: d}}]}]",
    "query offset": "groups: [{name: g, query_offset: 1m30s}]",
    "any text as a name": rule("{alert: A, expr: '{\"a.b\"}', labels: {c.d: e}, annotations: {'f g': h}}"),
}
BROKEN_SINCE_3 = {
    "negative query offset": "groups: [{name: g, query_offset: -1m}]",
    "metric name as group label": "groups: [{name: g, labels: {__name__: b}}]",
}
SINCE_3_16 = {
    "no duration": rule("{alert: A, expr: '0s'}"),
    "numbers with underscores": rule("{alert: A, expr: 'up > 1_000'}"),
    "duration expressions": rule("{alert: A, expr: 'rate(up[5m * 2]) + up offset (1h - 5m)'}"),
    "anchored and smoothed": rule("{alert: A, expr: 'rate(up[5m] anchored) + up smoothed'}"),
}
REFUSED_HERE = {
    "a broken template in group labels": (
        "groups: [{name: g, labels: {a: '{{ foo }}'}, rules: [{alert: A, expr: up}]}]"
    ),
    "a document that goes on after its end": "{}groups: []",
    "metrics named as modifiers": rule("{alert: A, expr: smoothed}"),
}
ACCEPTED_HERE = {
    "a tag that its value does not have": rule("{alert: !!int A, expr: up}"),
    "a computed duration that is none": rule("{alert: A, expr: 'up offset (5m * 1__0)'}"),
}
EXPERIMENTAL = {
    "functions": rule("{alert: A, expr: 'mad_over_time(up[5m])'}"),
    "aggregations": rule("{alert: A, expr: 'limitk(3, up)'}"),
    "durations of the query": rule("{alert: A, expr: 'end()'}"),
}


def verdicts(folder: Path, texts: Mapping[str, str | bytes]) -> dict[str, tuple[bool, bool]]:
    """Of each text, whether promtool accepts it and whether we do."""
    return {name: (theirs.accepted, ours.accepted) for name, (theirs, ours) in judge(folder, texts).items()}


def all_are(texts: Mapping[str, str | bytes], promtool: bool, ours: bool) -> dict[str, tuple[bool, bool]]:
    return dict.fromkeys(texts, (promtool, ours))


@pytest.mark.parametrize(("texts", "good"), [(SINCE_3, True), (BROKEN_SINCE_3, False)])
def test_reads_what_prometheus_3_reads(tmp_path: Path, texts: dict[str, str | bytes], good: bool) -> None:
    # An older promtool knows none of these fields.
    assert verdicts(tmp_path, texts) == all_are(texts, good and version() >= (3,), good)


def test_reads_what_is_newer_than_its_parser(tmp_path: Path) -> None:
    assert verdicts(tmp_path, SINCE_3_16) == all_are(SINCE_3_16, version() >= (3, 16), True)


@pytest.mark.parametrize(("texts", "good"), [(GOOD, True), (BROKEN, False)])
def test_agrees_with_promtool(tmp_path: Path, texts: dict[str, str | bytes], good: bool) -> None:
    assert verdicts(tmp_path, texts) == all_are(texts, good, good)


def test_differs_from_promtool_only_where_it_says_so(tmp_path: Path) -> None:
    for texts, promtool, ours in ((REFUSED_HERE, True, False), (ACCEPTED_HERE, False, True)):
        for name, verdict in verdicts(tmp_path, texts).items():
            # An older promtool differs from itself.
            assert verdict == (promtool if version() >= (3, 16) else verdict[0], ours), name


def test_experimental_functions_are_refused_until_they_are_allowed(tmp_path: Path) -> None:
    assert verdicts(tmp_path, EXPERIMENTAL) == all_are(EXPERIMENTAL, False, False)
    for text in EXPERIMENTAL.values():
        assert parse_rules("r.yml", text, experimental=True).problems == ()
