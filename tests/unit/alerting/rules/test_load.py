from datetime import timedelta
from pathlib import Path

import pytest

from alerting.rules.load import load_rule_files, parse_rules
from alerting.rules.rule import RecordingRule

GOOD = """
groups:
  - name: shop
    interval: 15s
    query_offset: 1m30s
    limit: 10
    labels: {team: web, tier: 1}
    rules:
      - alert: Down
        expr: up == 0
        for: 1m
        keep_firing_for: 500ms
        labels: {severity: page, tier: "2"}
        annotations:
          summary: "{{ $labels.instance }} is down"
      - alert: Down
        expr: up == 0
        labels: {severity: page, tier: "2"}
"""


def only(rule: str) -> str:
    """The one problem of a file with this rule."""
    loaded = parse_rules("r.yml", f"groups:\n- name: g\n  rules:\n  - {rule}\n")
    assert len(loaded.problems) == 1, [str(problem) for problem in loaded.problems]
    return str(loaded.problems[0])


def test_reads_a_group_and_its_rules() -> None:
    loaded = parse_rules("shop.yml", GOOD)
    assert loaded.problems == ()
    (group,) = loaded.groups
    assert (group.key, group.limit) == (("shop.yml", "shop"), 10)
    assert (group.interval, group.query_offset) == (timedelta(seconds=15), timedelta(seconds=90))
    rule, twin = group.alert_rules
    assert (rule.name, rule.index, rule.expr, rule.for_) == ("Down", 1, "up == 0", timedelta(minutes=1))
    assert rule.keep_firing_for == timedelta(milliseconds=500)
    assert rule.labels == {"team": "web", "tier": "2", "severity": "page"}
    assert rule.annotations == {"summary": "{{ $labels.instance }} is down"}
    assert rule.id != twin.id


def test_ids_stay_when_the_expression_changes() -> None:
    before, after = parse_rules("r.yml", GOOD), parse_rules("r.yml", GOOD.replace("== 0", "< 1"))
    assert [r.id for r in before.groups[0].rules] == [r.id for r in after.groups[0].rules]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{expr: up}", "4:5: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"),
        (
            "{alert: A, record: b, expr: up}",
            "4:24: group \"g\", rule 1, \"A\": only one of 'record' and 'alert' must be set",
        ),
        ("{alert: A}", '4:5: group "g", rule 1, "A": field \'expr\' must be set in rule'),
        ("{alert: A, expr: ''}", '4:22: group "g", rule 1, "A": field \'expr\' must be set in rule'),
        (
            "{alert: A, expr: 'sum('}",
            '4:22: group "g", rule 1, "A": could not parse expression: unclosed left parenthesis',
        ),
        ("{alert: A, expr: a, for: 5x}", '4:30: group "g", rule 1, "A": not a valid duration string: "5x"'),
        ("{alert: A, expr: a, fro: 5m}", '4:25: group "g", rule 1, "A": field fro not found in type rulefmt.Rule'),
        ("{alert: A, expr: a, labels: {__name__: x}}", '4:44: group "g", rule 1, "A": invalid label name: __name__'),
        ("{alert: A, expr: a, labels: {'': x}}", '4:38: group "g", rule 1, "A": invalid label name: '),
        ("{alert: A, expr: a, annotations: {'': x}}", '4:43: group "g", rule 1, "A": invalid annotation name: '),
        (
            "{alert: A, expr: a, labels: {s: '{{ foo }}'}}",
            '4:37: group "g", rule 1, "A": label "s": template: __alert_A:1: function "foo" not defined',
        ),
        (
            "{alert: A, expr: a, labels: [s]}",
            '4:33: group "g", rule 1, "A": cannot unmarshal !!seq into map[string]string',
        ),
        (
            "{alert: !!binary '?', expr: a}",
            '4:13: group "g", rule 1, "": !!binary value contains invalid base64 data',
        ),
        ("{alert: A, expr: [a]}", '4:22: group "g", rule 1, "A": cannot unmarshal !!seq into string'),
        (
            "{alert: A, alert: B, expr: a}",
            '4:16: group "g", rule 1, "A": mapping key "alert" already defined at line 4',
        ),
        ("just text", '4:5: group "g": cannot unmarshal !!str `just text` into rulefmt.Rule'),
    ],
)
def test_tells_what_is_wrong_with_a_rule_and_where(rule: str, problem: str) -> None:
    told = [str(p) for p in parse_rules("r.yml", f"groups:\n- name: g\n  rules:\n  - {rule}\n").problems]
    assert f"r.yml:{problem}" in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("groups: [{name: a, rules: [*nowhere]}]", "r.yml:1:28: yaml: unknown anchor 'nowhere' referenced"),
        ("groups: [{rules: []}]", "r.yml:1:10: Groupname must not be empty"),
        ("groups: [{name: a}, {name: a}]", 'r.yml:1:21: groupname: "a" is repeated in the same file'),
        ("groups: [{name: a, foo: 1}]", "r.yml:1:20: field foo not found in type rulefmt.RuleGroup"),
        ("grups: []", "r.yml:1:1: field grups not found in type rulefmt.RuleGroups"),
        ("groups: {a: b}", "r.yml:1:9: cannot unmarshal !!map into []rulefmt.RuleGroup"),
        ("groups: [{name: a, limit: x}]", 'r.yml:1:27: group "a": cannot unmarshal !!str `x` into int'),
        (
            "groups: [{name: a, query_offset: -1m}]",
            'r.yml:1:34: group "a": not a valid duration string: "-1m"',
        ),
        ("groups: [{name: a, labels: {__name__: b}}]", 'r.yml:1:39: group "a": invalid label name: __name__'),
        ("groups: [", "r.yml:2:1: yaml: did not find expected node content"),
        ("a: b: c", "r.yml:1:5: yaml: mapping values are not allowed in this context"),
        ("[" * 50_000, "r.yml:1:1: yaml: nested deeper than 50 levels"),
    ],
)
def test_tells_what_is_wrong_with_a_file(text: str, problem: str) -> None:
    assert problem in [str(p) for p in parse_rules("r.yml", text).problems]


def test_tells_every_problem_of_a_file_at_once_in_order() -> None:
    text = """groups:
- name: g
  interval: soon
  rules:
  - {alert: A, expr: 'sum('}
  - {alert: B, expr: b, for: later}
"""
    assert [problem.line for problem in parse_rules("r.yml", text).problems] == [3, 5, 6]


def test_names_the_line_inside_a_literal_block() -> None:
    text = """groups:
- name: g
  rules:
  - alert: A
    expr: a
    annotations:
      text: |
        one
        {{ foo }}
"""
    assert "r.yml:9:1: " in str(parse_rules("r.yml", text).problems[0])


def test_a_recording_rule_is_refused_by_name() -> None:
    told = only("{record: 'job:up:sum', expr: sum(up)}")
    assert told.startswith('r.yml:4:14: group "g", rule 1, "job:up:sum": recording rule "job:up:sum" has nowhere')
    assert "set `evaluation.remote_write`" in told


def test_a_recording_rule_is_a_value_where_its_results_can_be_written() -> None:
    text = """groups:
- name: g
  labels: {team: web, tier: "1"}
  rules:
  - {record: 'job:up:sum', expr: sum(up), labels: {tier: '{{ $value }}'}}
  - {alert: A, expr: 'job:up:sum < 1'}
"""
    loaded = parse_rules("r.yml", text, recording=True)
    assert loaded.problems == ()
    (group,) = loaded.groups
    recorded, alert = group.rules
    assert isinstance(recorded, RecordingRule)
    assert (recorded.name, recorded.expr, recorded.index) == ("job:up:sum", "sum(up)", 1)
    assert recorded.labels == {"team": "web", "tier": "{{ $value }}"}
    assert group.alert_rules == (alert,)
    assert recorded.id != alert.id


@pytest.mark.parametrize("deep", ["(" * 5000 + "a" + ")" * 5000, "a" + " + a" * 5000, "-" * 5000 + "a"])
def test_an_expression_too_deep_to_parse_is_a_problem_not_a_crash(deep: str) -> None:
    assert "could not parse expression: the expression" in only(f"{{alert: A, expr: '{deep}'}}")


def test_an_empty_file_has_no_rules() -> None:
    assert parse_rules("r.yml", "") == parse_rules("r.yml", "# nothing\n")
    assert parse_rules("r.yml", "").problems == ()


def test_aliases_and_merged_keys_are_followed() -> None:
    text = """groups:
- name: g
  rules:
  - &base {alert: A, expr: a, labels: &labels {team: web}}
  - {<<: *base, alert: B, labels: {<<: *labels, tier: "1"}}
"""
    loaded = parse_rules("r.yml", text)
    assert loaded.problems == ()
    assert [(rule.name, rule.expr) for rule in loaded.groups[0].rules] == [("A", "a"), ("B", "a")]
    assert loaded.groups[0].rules[1].labels == {"team": "web", "tier": "1"}


def test_reads_each_file_of_the_globs_once(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("groups: [{name: b}]")
    (tmp_path / "a.yml").write_text("groups: [{name: a}]")
    loaded = load_rule_files([f"{tmp_path}/*.yml", f"{tmp_path}/a.yml", f"{tmp_path}/*.yaml"])
    assert [group.name for group in loaded.groups] == ["a", "b"]
    assert loaded.unmatched == (f"{tmp_path}/*.yaml",)
    assert loaded.warnings == (f"no file matches {tmp_path}/*.yaml",)


def test_warns_of_a_rule_on_alerts_that_prometheus_does_not_have() -> None:
    text = """groups:
- name: g
  rules:
  - {alert: A, expr: up == 0}
  - {alert: B, expr: 'ALERTS{alertname="A"}'}
  - {alert: C, expr: 'ALERTS{alertname="Elsewhere"}'}
"""
    (warning,) = parse_rules("r.yml", text).warnings
    assert warning.startswith('r.yml: group "g", rule 2, "B": reads ALERTS of "A", which is evaluated here')


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "latin.yml").write_bytes(b"groups: [{name: \xff}]")
    loaded = load_rule_files([f"{tmp_path}/none.yml", f"{tmp_path}/latin.yml"])
    assert [str(problem) for problem in loaded.problems] == [
        f"{tmp_path}/none.yml:1:1: cannot be read: No such file or directory",
        f"{tmp_path}/latin.yml:1:1: yaml: invalid UTF-8 at byte 16",
    ]
