"""The verdict on a rule file is promtool's, but for what is refused here on purpose."""

import subprocess
from pathlib import Path

import pytest

from alerting.rules.load import load_rule_files


def rule(text: str) -> str:
    return f"groups:\n- name: g\n  rules:\n  - {text}\n"


GOOD = {
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
    "aliases": rule("&a {alert: A, expr: up}\n  - {<<: *a, alert: B}"),
    "alertname label": rule("{alert: A, expr: up, labels: {alertname: b}}"),
    "comment in expression": rule("{alert: A, expr: 'up # now'}"),
}
BROKEN = {
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
REFUSED_HERE = {
    "recording rule": rule("{record: a, expr: up}"),
    "template of the full language": rule("{alert: A, expr: up, labels: {a: '{{ query `up` }}'}}"),
    "two documents": "groups: []\n---\ngroups: []",
}


def accepts(file: Path) -> tuple[bool, bool]:
    """Promtool's verdict and ours."""
    checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, check=False)
    return checked.returncode == 0, not load_rule_files([str(file)]).problems


def is_3() -> bool:
    said = subprocess.run(["promtool", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split("version ")[1].split(".")[0]) >= 3


@pytest.mark.parametrize(("texts", "good"), [(SINCE_3, True), (BROKEN_SINCE_3, False)])
def test_reads_what_prometheus_3_reads(tmp_path: Path, texts: dict[str, str], good: bool) -> None:
    for name, text in texts.items():
        file = tmp_path / "rules.yml"
        file.write_text(text, encoding="utf-8")
        promtool, ours = accepts(file)
        assert ours is good, name
        # An older promtool knows none of these fields.
        assert promtool is (good and is_3()), name


@pytest.mark.parametrize(("texts", "verdict"), [(GOOD, (True, True)), (BROKEN, (False, False))])
def test_agrees_with_promtool(tmp_path: Path, texts: dict[str, str], verdict: tuple[bool, bool]) -> None:
    for name, text in texts.items():
        file = tmp_path / "rules.yml"
        file.write_text(text, encoding="utf-8")
        assert accepts(file) == verdict, name


def test_refuses_more_only_where_it_says_so(tmp_path: Path) -> None:
    for name, text in REFUSED_HERE.items():
        file = tmp_path / "rules.yml"
        file.write_text(text, encoding="utf-8")
        assert accepts(file) == (True, False), name
