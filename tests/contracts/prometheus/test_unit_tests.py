"""Unit tests of rules, through promtool and through us: the same verdicts, and the same words for what differs."""

import asyncio
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerting.errors import PermanentFailure, TemporaryFailure
from alerting.rules.unit_tests.run import Settings, run_file
from tests.contracts.prometheus.promtool import version
from tests.contracts.prometheus.unit_test_files import UnitTestFiles

RULES = """
groups:
- name: first
  interval: 5m
  rules:
  - {record: 'job:up:sum', expr: 'sum by (job) (up)', labels: {x: y, job2: ""}}
  - alert: Down
    expr: up == 0
    for: 2m
    keep_firing_for: 3m
    labels: {severity: page, was: '{{ $value }}'}
    annotations:
      summary: '{{ $labels.instance }} is {{ $value }} in {{ $externalLabels.region }} at {{ $externalURL }}'
  - alert: Few
    expr: job:up:sum < 2
    annotations: {v: '{{ $value }}', all: '{{ with query "sum(up) + time()" }}{{ . | first | value }}{{ end }}'}
  - {alert: Watch, expr: 'ALERTS{alertname="Few"}', labels: {of: '{{ $labels.alertname }}'}}
- name: second
  rules:
  - {record: total, expr: 'sum(up)'}
  - {record: ratio, expr: 'sum(rate(c[2m])) / sum(up)'}
- name: third
  rules:
  - {record: seen, expr: 'total + 1'}
  - {alert: Scalar, expr: 'time() % 120'}
"""
SINCE_3 = """
groups:
- name: late
  query_offset: 1m
  labels: {team: web}
  rules:
  - {record: late, expr: 'sum(up)'}
  - {alert: Late, expr: 'late > 0', for: 1m, labels: {"a.b": c}}
"""
FAILING = {
    "many": "groups: [{name: g, rules: [{record: r, expr: 'up * on(job) up'}]}]",
    "same": "groups: [{name: g, rules: [{record: r, expr: up, labels: {instance: same}}]}]",
    "limit": "groups: [{name: g, limit: 1, rules: [{alert: A, expr: up}, {record: r, expr: up}]}]",
    "matrix": "groups: [{name: g, rules: [{alert: A, expr: 'up[5m]'}]}]",
}

SERIES = """
  - {series: 'up{job="a", instance="1"}', values: '1 1 0x4 1 1 stale'}
  - {series: 'up{job="a", instance="2"}', values: '1x3 _ _ 0 0 1x5'}
  - {series: 'c', values: '0+7x20'}
"""
# What comes is told in the difference to nothing.
EVERYTHING = "".join(
    f"  - {{expr: '{{__name__=~\".+\"}}', eval_time: {time}}}\n" for time in ("0s", "3m", "7m", "9m10s", "20m")
)
ALERTS = "".join(
    f"  - {{eval_time: {time}, alertname: {name}}}\n"
    for time in ("2m", "4m", "4m30s", "8m", "10m", "15m")
    for name in ("Down", "Few", "Watch", "Scalar", "Late")
)
HEAD = "rule_files: [rules.yml]\nevaluation_interval: 30s\n"


def group(more: str, *, alerts: str = "", expressions: str = "", series: str = SERIES) -> str:
    return (
        f"- interval: 1m\n  {more}\n  input_series:{series}\n"
        f"  alert_rule_test:\n{alerts}\n  promql_expr_test:\n{expressions}"
    )


@dataclass(frozen=True, slots=True)
class Told:
    passed: bool
    words: str


def both(folder: Path, rules: str, tests: str) -> tuple[Told, Told]:
    """What promtool says of the tests, and what we do."""
    (folder / "rules.yml").write_text(rules)
    file = folder / "tests.yml"
    file.write_text(tests)
    ran = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    words = re.sub(r"\A(?:  WARNING: .*\n)*  FAILED:\n", "", ran.stderr)
    ours = asyncio.run(run_file(file, Settings()))
    return Told(ran.returncode == 0, words), Told(not ours.failures, "".join(f"{text}\n" for text in ours.failures))


def assert_same(folder: Path, rules: str, tests: str, *, passed: bool) -> None:
    promtool, ours = both(folder, rules, tests)
    assert (promtool.passed, ours.passed) == (passed, passed), (promtool, ours)
    # An older promtool has other words for some of it.
    if version() >= (3, 16):
        assert ours.words == promtool.words


def test_passing_tests_pass(tmp_path: Path) -> None:
    alerts = """
  - eval_time: 4m
    alertname: Down
    exp_alerts:
    - exp_labels: {instance: "1", job: a, severity: page, was: "0"}
      exp_annotations: {summary: "1 is 0 in eu at http://here"}
  - {eval_time: 3m, alertname: Down}
"""
    expressions = """
  - {expr: 'job:up:sum', eval_time: 1m, exp_samples: [{labels: '{__name__="job:up:sum", job="a", x="y"}', value: 2}]}
  - {expr: 'time()', eval_time: 90s, exp_samples: [{labels: '{}', value: 90}]}
  - {expr: 'absent(up)', eval_time: 1m, exp_samples: []}
"""
    more = "external_labels: {region: eu}\n  external_url: http://here"
    tests = f"{HEAD}tests:\n{group(more, alerts=alerts, expressions=expressions)}"
    assert_same(tmp_path, RULES, tests, passed=True)


@pytest.mark.parametrize("fuzzy", [True, False])
def test_the_last_bit_counts_unless_the_file_says_so(tmp_path: Path, fuzzy: bool) -> None:
    expressions = "  - {expr: 'sum(up) * 0.1 * 3', eval_time: 1m, exp_samples: [{labels: '{}', value: 0.6}]}"
    head = f"{HEAD}fuzzy_compare: {str(fuzzy).lower()}\n" if fuzzy else HEAD
    promtool, ours = both(tmp_path, RULES, f"{head}tests:\n{group('name: one', expressions=expressions)}")
    assert ours.passed is fuzzy
    # An older promtool does not know the field.
    assert promtool.passed is (fuzzy and version() >= (3, 16))


def test_everything_that_rules_make_is_the_same(tmp_path: Path) -> None:
    # Without an order promtool takes groups as its maps give them, another time another way.
    for order, more in (("first, second, third", "name: whole"), ("third, second, first", "external_url: http://here")):
        tests = group(more, alerts=ALERTS, expressions=EVERYTHING)
        assert_same(tmp_path, RULES, f"{HEAD}group_eval_order: [{order}]\ntests:\n{tests}", passed=False)


def test_offsets_labels_of_groups_and_later_starts_are_the_same(tmp_path: Path) -> None:
    if version() < (3, 16):
        # An older promtool reads none of these.
        with pytest.raises(AssertionError):
            assert_same(tmp_path, SINCE_3, f"{HEAD}tests:\n{group('name: late')}", passed=True)
        return
    later = group("start_timestamp: 2026-01-01T00:00:00Z", alerts=ALERTS, expressions=EVERYTHING)
    assert_same(tmp_path, SINCE_3, f"{HEAD}tests:\n{later}", passed=False)


@pytest.mark.parametrize("seed", range(10))
def test_generated_rules_and_series_come_out_the_same(tmp_path: Path, seed: int) -> None:
    newest = version() >= (3, 16)
    files = UnitTestFiles(seed, newest=newest)
    promtool, ours = both(tmp_path, files.rules(), files.tests())
    assert ours.passed == promtool.passed
    # What two rules write into one series is refused in words of the storage here, of remote write there.
    if newest and "sample" not in promtool.words:
        assert ours.words == promtool.words


@pytest.mark.parametrize("name", FAILING)
def test_a_rule_that_fails_ends_the_test(tmp_path: Path, name: str) -> None:
    tests = group("name: whole", expressions=EVERYTHING)
    assert_same(tmp_path, FAILING[name], f"{HEAD}tests:\n{tests}", passed=False)


@pytest.mark.parametrize(
    "expressions",
    [
        "  - {expr: 'up[5m]', eval_time: 1m}",
        "  - {expr: 'nope(', eval_time: 1m}",
        "  - {expr: 'up + on(job) up', eval_time: 1m}",
        "  - {expr: '0/0', eval_time: 1m, exp_samples: [{labels: '{}', value: .nan}]}",
        "  - {expr: 'max_over_time(up[10m:])', eval_time: 10m}",
        '  - {expr: \'{x="\\"\\\\t"}\', eval_time: 10m, exp_samples: [{labels: \'{"a b"="\\\\\\n\\""}\', value: 1}]}',
    ],
)
def test_differences_of_expressions_are_told_alike(tmp_path: Path, expressions: str) -> None:
    if "a b" in expressions and version() < (3, 16):
        expressions = expressions.replace('"a b"', "a")
    assert_same(tmp_path, RULES, f"{HEAD}tests:\n{group('name: one', expressions=expressions)}", passed=False)


@pytest.mark.parametrize(
    "tests",
    [
        "tests: [{input_series: [{series: 'up{', values: 1}]}]",
        "tests: [{input_series: [{series: up, values: 1z}]}]",
        "tests: [{alert_rule_test: [{eval_time: 1m}]}]",
        "group_eval_order: [a, a]",
        "foo: bar",
        "evaluation_interval: 5",
        "rule_files: [rules.yml]\ntests: [{}]",
    ],
)
def test_files_that_are_wrong_fail_in_both(tmp_path: Path, tests: str) -> None:
    promtool, ours = both(tmp_path, "groups: [{name: g, rules: [{alert: A}]}]", tests)
    assert (promtool.passed, ours.passed) == (False, False)


@pytest.mark.parametrize("tests", ["", "tests: []", "rule_files: [none.yml]\ntests: [{name: a}]"])
def test_files_without_expectations_pass_in_both(tmp_path: Path, tests: str) -> None:
    promtool, ours = both(tmp_path, RULES, tests)
    assert (promtool.passed, ours.passed) == (True, True)


def test_only_the_tests_asked_for_are_run(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    file = tmp_path / "tests.yml"
    wrong = "  - {expr: '1', eval_time: 0s}"
    file.write_text(f"{HEAD}tests:\n{group('name: one')}\n{group('name: two', expressions=wrong)}")
    assert asyncio.run(run_file(file, Settings(only=re.compile("one")))).failures == ()
    assert len(asyncio.run(run_file(file, Settings())).failures) == 1


async def test_without_a_prometheus_it_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "tests.yml"
    file.write_text("tests: [{name: one}]")
    with pytest.raises(PermanentFailure, match=r'no program "no-prometheus".*--prometheus-binary'):
        await run_file(file, Settings(binary="no-prometheus"))


async def test_a_binary_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "tests.yml"
    file.write_text("tests: [{name: one}]")
    with pytest.raises(TemporaryFailure, match="prometheus did not start: it said nothing"):
        await run_file(file, Settings(binary="false"))
