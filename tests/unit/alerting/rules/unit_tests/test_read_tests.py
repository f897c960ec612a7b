from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerting.rules.unit_tests.case import AlertCase, ExpectedAlert, ExpectedSample, ExpressionCase, InputSeries
from alerting.rules.unit_tests.read import parse_unit_tests

WHOLE = """
rule_files: [a.yml, "b/*.yml"]
evaluation_interval: 30s
group_eval_order: [two, one]
fuzzy_compare: yes
tests:
- name: first
  interval: 15s
  start_timestamp: 2026-01-02T03:04:05Z
  external_labels: {region: eu}
  external_url: http://here
  input_series:
  - {series: 'up{job="a"}', values: '1 _ 0'}
  alert_rule_test:
  - eval_time: 1m
    alertname: Down
    exp_alerts:
    - {exp_labels: {job: a}, exp_annotations: {summary: down}}
  promql_expr_test:
  - {expr: up, eval_time: 2m, exp_samples: [{labels: 'up{job="a"}', value: 0x10}, {labels: '{}', value: -.inf}]}
- start_timestamp: 90.5
"""


def test_reads_every_field() -> None:
    read, problems = parse_unit_tests(Path("t.yml"), WHOLE)
    assert problems == ()
    assert (read.rule_files, read.interval) == (("a.yml", "b/*.yml"), timedelta(seconds=30))
    assert (read.group_order, read.fuzzy) == (("two", "one"), True)
    first, second = read.tests
    assert (first.name, first.interval, first.length) == ("first", timedelta(seconds=15), timedelta(minutes=2))
    assert first.start == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (first.external_labels, first.external_url) == ({"region": "eu"}, "http://here")
    assert first.series == (InputSeries({"__name__": "up", "job": "a"}, (1, None, 0)),)
    expected = ExpectedAlert({"job": "a", "alertname": "Down"}, {"summary": "down"})
    assert first.alerts == (AlertCase(timedelta(minutes=1), "Down", (expected,)),)
    samples = (ExpectedSample({"__name__": "up", "job": "a"}, 16), ExpectedSample({}, float("-inf")))
    assert first.expressions == (ExpressionCase("up", timedelta(minutes=2), samples),)
    assert (second.name, second.interval) == ("unnamed#1", timedelta(seconds=30))
    assert second.start == datetime(1970, 1, 1, 0, 1, 30, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("test: []", "t.yml:1:1: field test not found in type main.unitTestFile"),
        ("group_eval_order: [a, a]", "t.yml:1:23: group name repeated in evaluation order: a"),
        ("evaluation_interval: 5", 't.yml:1:22: not a valid duration string: "5"'),
        ("fuzzy_compare: 1", "t.yml:1:16: cannot unmarshal !!int `1` into bool"),
        ("tests: [{foo: 1}]", "t.yml:1:10: field foo not found in type main.testGroup"),
        ("tests: [{start_timestamp: soon}]", 't.yml:1:27: cannot parse "soon" to a valid timestamp'),
        ("tests: [{start_timestamp: 1e300}]", 't.yml:1:27: cannot parse "1e300" to a valid timestamp'),
        ("tests: [{alert_rule_test: [{eval_time: 1m}]}]", "t.yml:1:28: an item under alert_rule_test misses required"),
        ("tests: [{input_series: [{series: up, values: y}]}]", 't.yml:1:46: "y" is no value'),
        ("tests: [{input_series: [{values: 1}]}]", 't.yml:1:25: "" is no series'),
        (
            "tests: [{promql_expr_test: [{exp_samples: [{labels: up, value: x}]}]}]",
            "t.yml:1:64: cannot unmarshal !!str `x` into float64",
        ),
        (
            "tests: [{promql_expr_test: [{exp_samples: [{labels: up, histogram: '{{}}'}]}]}]",
            "t.yml:1:68: native histograms cannot be expected here",
        ),
        ("a: b: c", "t.yml:1:5: yaml: mapping values are not allowed in this context"),
    ],
)
def test_tells_what_is_wrong_and_where(text: str, problem: str) -> None:
    _, problems = parse_unit_tests(Path("t.yml"), text)
    assert str(problems[0]).startswith(problem)
