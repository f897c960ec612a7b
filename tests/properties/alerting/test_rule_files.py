"""No text can crash the reader of rule files: what is wrong becomes a problem with its place."""

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerting.rules.load import parse_rules
from alerting.rules.order import stages
from alerting.rules.rule import AlertRule, Rule

WORDS = st.sampled_from(
    [
        "groups", "name", "rules", "alert", "record", "expr", "for", "labels", "annotations", "limit", "interval",
        "up", "'sum('", "{{ $value }}", "'{{ x'", "5m", "~", "&a", "*a", "<<", ":", ": ", "- ", "\n", "\n  ", "\n- ",
        "{", "}", "[", "]", ",", '"', "'", "!!binary ", "!!int ", "!x ", "|", "#", "---\n", "0x1", "1e3", "é", "\x85",
        "\ufeff",
    ]
)  # fmt: skip
PROMQL = st.lists(
    st.sampled_from(
        ["up", "ALERTS", "(", ")", "[5m]", "[1h-5m:1m]", " offset (5m)", " smoothed", "1_000", "{", "}", 'a="b"',
         " or ", "+", " on(a) ", "sum", "rate", ",", "'", "`", "#", "\n", "@", "end()", "-", "0", "é"]
    ), max_size=12,
).map("".join)  # fmt: skip


@given(st.one_of(st.text(), st.lists(WORDS, max_size=40).map("".join)))
@example("groups: &a [*a]")
@example("groups: [{name: a, rules: [{<<: &b {<<: *b}}]}]")
@settings(deadline=None)
def test_any_text_is_read_or_told(text: str) -> None:
    loaded = parse_rules("r.yml", text, recording=True)
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 2
    for problem in loaded.problems:
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert str(problem).encode()


@given(st.lists(PROMQL, min_size=1, max_size=5))
@settings(deadline=None)
def test_any_expression_is_ordered_or_told(expressions: list[str]) -> None:
    rules = "".join(f"  - {{alert: A{n}, expr: {text!r}}}\n" for n, text in enumerate(expressions))
    loaded = parse_rules("r.yml", f"groups:\n- name: g\n  rules:\n{rules}")
    for group in loaded.groups:
        ordered = [rule for step in stages(group.rules) for rule in step]
        assert sorted(rule.index for rule in ordered) == [rule.index for rule in group.rules]


NAMES = st.sampled_from(["a", "b", "c"])
READS = st.one_of(NAMES, st.sampled_from(['{x="y"}', "a + b", 'ALERTS{alertname="a"}', "ALERTS", "1"]))
RULES = st.lists(st.tuples(st.sampled_from(["record", "alert"]), NAMES, READS), min_size=1, max_size=8)


@given(RULES)
@settings(deadline=None)
def test_in_steps_each_rule_reads_what_it_would_read_one_after_the_other(written: list[tuple[str, str, str]]) -> None:
    lines = "".join(f"  - {{{kind}: {name}, expr: {expr!r}}}\n" for kind, name, expr in written)
    (group,) = parse_rules("r.yml", f"groups:\n- name: g\n  rules:\n{lines}", recording=True).groups
    steps = stages(group.rules)
    assert _read([[rule] for rule in group.rules]) == _read(steps)


def _read(steps: Sequence[Sequence[Rule]]) -> dict[int, set[int]]:
    """The rules whose results each rule finds; those of a step are written once all of it was asked."""
    found: dict[int, set[int]] = {}
    before: list[Rule] = []
    for step in steps:
        found |= {rule.index: {other.index for other in before if _sees(rule, other)} for rule in step}
        before += step
    return found


def _sees(rule: Rule, other: Rule) -> bool:
    reads, alerts = rule.expression.reads, rule.expression.reads_alerts
    if reads is None:
        return True
    if isinstance(other, AlertRule):
        return "ALERTS" in reads and (alerts is None or other.name in alerts)
    return other.name in reads
