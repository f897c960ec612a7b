"""What holds for every rule, every history and every template."""

import json
import math
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.alerts.fingerprint import fingerprint
from alerting.errors import TemplateError
from alerting.metrics.port import Sample, Vector
from alerting.rules.ask import Asker
from alerting.rules.codec import from_json, to_json
from alerting.rules.expression import parse_expression
from alerting.rules.load import parse_rules
from alerting.rules.machine import RESOLVED_RETENTION, evaluate
from alerting.rules.rule import AlertRule
from alerting.rules.state import Alert, Change, RuleState, State
from alerting.rules.template import Data, compile_template
from tests.fakes.prometheus import FakeMetrics

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
values = st.floats() | st.sampled_from([0.0, math.nan, math.inf])
names = st.sampled_from(["a", "b", "c"])
histories = st.lists(st.dictionaries(names, values, max_size=3), max_size=25)
minutes = st.integers(0, 5)


def rule(hold: int, keep: int) -> AlertRule:
    text = f"groups: [{{name: g, rules: [{{alert: A, expr: a, for: {hold}m, keep_firing_for: {keep}m}}]}}]"
    return parse_rules("r.yml", text).groups[0].alert_rules[0]


def samples(present: dict[str, float]) -> list[Sample]:
    return [Sample({"__name__": "up", "host": host}, value) for host, value in present.items()]


@settings(deadline=None)
@given(histories, minutes, minutes, st.integers(0, 2))
def test_alerts_keep_their_promises(history: list[dict[str, float]], hold: int, keep: int, limit: int) -> None:
    one, state, fires = rule(hold, keep), RuleState(), set[str]()
    for minute, present in enumerate(history):
        at = T0 + timedelta(minutes=minute)
        done = evaluate(one, state, samples(present), at=at, limit=limit)
        state = done.state
        for told in done.transitions:
            check_order(told.change, told.alert.fingerprint, fires)
        if done.problem:
            assert limit
            assert not state.alerts
        for mark, alert in state.alerts.items():
            check_alert(alert, mark, one, at, present)
        assert fires == {mark for mark, alert in state.alerts.items() if alert.state is State.FIRING}


def check_order(change: Change, mark: str, fires: set[str]) -> None:
    """Only what fires is updated, resolved or dropped, and nothing fires twice."""
    if change is Change.FIRING:
        assert mark not in fires
        fires.add(mark)
    elif change is Change.UPDATED:
        assert mark in fires
    elif change in {Change.RESOLVED, Change.DROPPED}:
        fires.remove(mark)


def check_alert(alert: Alert, mark: str, rule: AlertRule, at: datetime, present: dict[str, float]) -> None:
    assert fingerprint(alert.labels) == alert.fingerprint == mark
    here = alert.labels["host"] in present
    match alert.state:
        case State.PENDING:
            assert here
            assert at - alert.active_at < rule.for_
        case State.FIRING:
            assert alert.fired_at is not None
            assert alert.fired_at - alert.active_at >= rule.for_
            assert here == (alert.keep_firing_since is None)
        case State.INACTIVE:
            assert not here
            assert alert.resolved_at is not None
            assert at - alert.resolved_at <= RESOLVED_RETENTION


@settings(deadline=None)
@given(histories, minutes, minutes, st.integers(0, 24))
def test_a_restart_at_any_minute_changes_nothing(
    history: list[dict[str, float]], hold: int, keep: int, stop: int
) -> None:
    one, state, restarted = rule(hold, keep), RuleState(), RuleState()
    for minute, present in enumerate(history):
        at = T0 + timedelta(minutes=minute)
        if minute == stop:
            kept = json.loads(json.dumps({m: to_json(a) for m, a in restarted.alerts.items()}, allow_nan=False))
            restarted = RuleState({mark: from_json(value) for mark, value in kept.items()})
        done, again = (evaluate(one, s, samples(present), at=at) for s in (state, restarted))
        assert [(t.change, t.alert.fingerprint) for t in done.transitions] == [
            (t.change, t.alert.fingerprint) for t in again.transitions
        ]
        state, restarted = done.state, again.state


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.text(min_size=1), st.text()),
    values,
    st.sampled_from(State),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_alerts_come_back_from_json(labels: dict[str, str], value: float, state: State, when: datetime | None) -> None:
    at = when.replace(fold=0) if when else None  # UTC has no hour twice
    alert = Alert(labels, labels, value, state, T0, fingerprint(labels), at, at, at)
    back = from_json(json.loads(json.dumps(to_json(alert), allow_nan=False)))
    # Annotations of a pending alert are found again with its next sample.
    assert repr(back) == repr(replace(alert, words={}) if state is State.PENDING else alert)


expressions = st.lists(st.sampled_from([f"m{n} > {n}" for n in range(9)] + ["1", "time()", "m1 > 1 # x"]), max_size=12)
tables = st.dictionaries(
    st.sampled_from([f"m{n} > {n}" for n in range(9)]),
    st.lists(st.tuples(st.dictionaries(names, names, max_size=2), st.floats(allow_nan=False)), max_size=3),
)


@settings(deadline=None)
@given(expressions, tables, st.sampled_from([timedelta(seconds=1)]))
async def test_a_batch_answers_as_single_queries(
    texts: list[str], table: dict[str, list[tuple[dict[str, str], float]]], timeout: timedelta
) -> None:
    answers = {text: Vector(tuple(Sample(labels, value) for labels, value in rows)) for text, rows in table.items()}
    parsed = [parse_expression(text) for text in texts]
    together = await Asker(FakeMetrics(answers), timeout=timeout).ask(parsed, T0)
    alone = Asker(FakeMetrics(answers), timeout=timeout)
    for one in parsed:
        assert together[one.text] == (await alone.ask([one], T0))[one.text]


pieces = st.sampled_from(
    ["{{", "}}", "{{-", "-}}", " ", "\n", "$labels", "$value", ".", ".a", "(", ")", "|", "if", "else", "end", "printf",
     '"%d"', '"%s"', '"%9999999s"', "humanize", "humanizeTimestamp", "reReplaceAll", "match", '"("', "`a`", "1", "1.5",
     "-3", "'a'", "eq", "lt", "and", "or", "not", "true", "nil", ":=", "x", "é", "/*", "*/", "\\", '"', "{", "1e999"]
)  # fmt: skip
templates = st.lists(pieces, max_size=30).map(" ".join) | st.lists(pieces, max_size=30).map("".join) | st.text()


@settings(max_examples=500, deadline=None)
@given(templates, values, st.dictionaries(st.text(), st.text(), max_size=2))
def test_no_template_hangs_or_raises(text: str, value: float, labels: dict[str, str]) -> None:
    try:
        template = compile_template(text)
    except TemplateError:
        return
    assert len(template.render(Data(labels, value))) < 200_000


calls = st.recursive(
    st.sampled_from(["$value", "$labels.a", "$labels", "1", "1.5", '"a"', "true"]),
    lambda inner: st.builds(
        lambda name, *arguments: f"({' '.join([name, *arguments])})",
        st.sampled_from(["humanize", "humanizeDuration", "printf", "eq", "lt", "and", "not", "toUpper", "match",
                         "title", "humanizePercentage", "humanize1024", "humanizeTimestamp", "reReplaceAll"]),
        inner, inner,
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(calls, values, st.text())
def test_every_call_gives_a_text_or_tells_its_error(call: str, value: float, label: str) -> None:
    compile_template(f"{{{{ {call} }}}}").render(Data({"a": label}, value))


@settings(deadline=None)
@given(st.text(max_size=200) | st.lists(pieces).map("".join))
def test_no_text_breaks_the_loader(text: str) -> None:
    parse_rules("r.yml", text)
    quoted = json.dumps(text)
    parse_rules(
        "r.yml", f"groups: [{{name: g, rules: [{{alert: {quoted}, expr: {quoted}, labels: {{a: {quoted}}}}}]}}]"
    )
