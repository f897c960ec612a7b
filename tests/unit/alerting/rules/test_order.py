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
