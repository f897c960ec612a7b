from datetime import UTC, datetime, timedelta

from alerting.metrics.port import Sample
from alerting.rules.load import parse_rules
from alerting.rules.machine import evaluate
from alerting.rules.rule import AlertRule, RecordingRule
from alerting.rules.series import Pairs, alert_series, record
from alerting.rules.state import RuleState

T0 = datetime(2026, 1, 5, 9, 0, 0, 700_000, tzinfo=UTC)


def rules(text: str) -> tuple[AlertRule | RecordingRule, ...]:
    loaded = parse_rules("r.yml", f"groups: [{{name: g, rules: [{text}]}}]", recording=True)
    assert not loaded.problems
    return loaded.groups[0].rules


def recording(text: str) -> RecordingRule:
    (rule,) = rules(text)
    assert isinstance(rule, RecordingRule)
    return rule


def test_an_alert_makes_two_series_while_it_is_active() -> None:
    (rule,) = rules("{alert: Down, expr: up == 0, for: 1m, labels: {severity: page, gone: '{{ $labels.none }}'}}")
    assert isinstance(rule, AlertRule)
    known: Pairs = {}
    state, made = RuleState(), []
    for minute, samples in enumerate(([Sample({"__name__": "up", "job": "a"}, 0.0)],) * 2 + ([],)):
        state = evaluate(rule, state, samples, at=T0 + timedelta(minutes=minute)).state
        series, known = alert_series(rule, state, known)
        made.append(series)
    # An empty label stands there as its template was written, as in Prometheus.
    labels = {"alertname": "Down", "job": "a", "severity": "page", "gone": "{{ $labels.none }}"}
    since = float(int(T0.timestamp()))
    for n, word in enumerate(("pending", "firing")):
        assert made[n] == {
            frozenset({**labels, "__name__": "ALERTS", "alertstate": word}.items()): 1.0,
            frozenset({**labels, "__name__": "ALERTS_FOR_STATE"}.items()): since,
        }
    assert made[2] == {}


def test_a_recording_rule_puts_its_name_and_labels_over_the_sample() -> None:
    rule = recording("{record: 'job:up', expr: up, labels: {team: a, pod: ''}}")
    done = record(rule, [Sample({"__name__": "up", "job": "x", "pod": "p"}, 3.0)])
    assert done.made == {frozenset({"__name__": "job:up", "job": "x", "team": "a"}.items()): 3.0}


def test_two_samples_under_one_name_are_a_problem() -> None:
    rule = recording("{record: 'job:up', expr: up, labels: {pod: ''}}")
    done = record(rule, [Sample({"pod": "p"}, 3.0), Sample({"pod": "q"}, 3.0)])
    assert done.problem == "vector contains metrics with the same labelset after applying rule labels"
    assert done.made == {}


def test_more_series_than_the_limit_are_a_problem() -> None:
    rule = recording("{record: 'job:up', expr: up}")
    samples = [Sample({"pod": "p"}, 3.0), Sample({"pod": "q"}, 3.0)]
    assert record(rule, samples, limit=1).problem == "exceeded limit of 1 with 2 series"
    assert record(rule, samples, limit=2).problem is None


def test_a_native_histogram_is_not_written_as_something_else() -> None:
    done = record(recording("{record: 'job:up', expr: up}"), [Sample({}, 0.0, histogram=True)])
    assert done.problem == "the result holds native histograms, which cannot be written back"
