import pytest

from alerting.rules.load import parse_rules
from alerting.rules.order import stages


def steps(*rules: tuple[str, str]) -> list[list[str]]:
    lines = "\n".join(f"  - {{alert: {name}, expr: '{expr}'}}" for name, expr in rules)
    loaded = parse_rules("r.yml", f"groups:\n- name: g\n  rules:\n{lines}\n")
    return [[rule.name for rule in step] for step in stages(loaded.groups[0].rules)]


def test_rules_that_read_no_alerts_run_together() -> None:
    assert steps(("A", "up"), ("B", 'load{job="ALERTS"}'), ("C", "1")) == [["A", "B", "C"]]


def test_a_rule_comes_after_the_earlier_ones_it_reads() -> None:
    read_a, read_b = 'ALERTS{alertname="A"}', 'count(ALERTS_FOR_STATE{alertname="B"})'
    assert steps(("A", "up"), ("B", read_a), ("C", read_b), ("D", "up")) == [["A", "D"], ["B"], ["C"]]
    assert steps(("B", read_a), ("A", "up")) == [["B", "A"]]


@pytest.mark.parametrize(
    "any_alert", ["ALERTS", '{job="x"}', '{__name__=~"AL.*"}', 'ALERTS{alertname!="A"}', "rate(ALERTS[5m])"]
)
def test_a_rule_that_may_read_any_alert_waits_for_all(any_alert: str) -> None:
    assert steps(("A", "up"), ("B", 'ALERTS{alertname="A"}'), ("C", any_alert)) == [["A"], ["B"], ["C"]]


def mixed(*rules: str) -> list[list[str]]:
    lines = "\n".join(f"  - {{{rule}}}" for rule in rules)
    loaded = parse_rules("r.yml", f"groups:\n- name: g\n  rules:\n{lines}\n", recording=True)
    return [[rule.name for rule in step] for step in stages(loaded.groups[0].rules)]


def test_a_rule_comes_after_the_recording_rules_whose_metrics_it_reads() -> None:
    assert mixed(
        "record: a, expr: up", "record: b, expr: 'sum(rate(a[5m]))'", "alert: C, expr: b > 1", "alert: D, expr: up"
    ) == [["a", "D"], ["b"], ["C"]]


def test_a_metric_recorded_twice_is_awaited_twice() -> None:
    assert mixed("record: a, expr: up", "record: a, expr: a + 1", "alert: C, expr: a") == [["a"], ["a"], ["C"]]


def test_what_an_earlier_rule_reads_is_not_recorded_before_it() -> None:
    assert mixed("record: a, expr: up", "alert: B, expr: a + b", "record: b, expr: up") == [["a"], ["B", "b"]]


def test_a_rule_that_reads_unknown_metrics_comes_after_everything_before_it() -> None:
    unknown = "alert: C, expr: '{job=\"x\"}'"
    assert mixed("record: a, expr: up", unknown, "record: d, expr: up") == [["a"], ["C", "d"]]
    assert mixed("record: a, expr: up", "alert: B, expr: a", unknown) == [["a"], ["B"], ["C"]]


def test_recorded_metrics_and_alerts_of_one_name_are_not_the_same() -> None:
    assert mixed("record: A, expr: up", "alert: B, expr: 'ALERTS{alertname=\"A\"}'") == [["A", "B"]]
